-- Tables of package allocation for PostgreSQL 12 or later. {schema} and {prefix} stand before every name.
--
-- Identifiers are compared as bytes (COLLATE "C"). Times are microseconds since 1970 in UTC. "open" says that
-- something can still happen to a row; the indexes that a load uses hold or lead to the open rows only, so that
-- history costs nothing. It is kept as a column so that no index depends on counters: a row whose counters
-- change stays where it is (HOT), for which the fill factors leave room.

-- One row, with its version, for each migration that has been applied.
CREATE TABLE {schema}{prefix}schema_version (
    version INTEGER NOT NULL,
    CONSTRAINT {prefix}schema_version_key PRIMARY KEY (version)
);

CREATE TABLE {schema}{prefix}products (
    sku       TEXT COLLATE "C" NOT NULL,
    version   BIGINT NOT NULL, -- number of the last event
    refused   BIGINT NOT NULL, -- number of the last refusal's event
    low_stock BIGINT NOT NULL, -- threshold in units, 0 for none
    CONSTRAINT {prefix}products_key PRIMARY KEY (sku),
    CONSTRAINT {prefix}products_sane CHECK (version > 0 AND refused >= 0 AND low_stock >= 0)
) WITH (fillfactor = 50);

CREATE TABLE {schema}{prefix}batches (
    ref                TEXT COLLATE "C" NOT NULL,
    sku                TEXT COLLATE "C" NOT NULL,
    purchased          BIGINT NOT NULL, -- units bought and not yet shipped
    allocated          BIGINT NOT NULL, -- units promised and not yet shipped
    eta                BIGINT,          -- NULL: in the warehouse
    location           TEXT COLLATE "C" NOT NULL,
    best_before        BIGINT,          -- NULL: it keeps
    announced_quantity BIGINT NOT NULL,
    announced_eta      BIGINT,
    counted_at         BIGINT,          -- NULL: never counted
    shipped_at         BIGINT,          -- NULL: nothing was shipped from it
    open               SMALLINT NOT NULL GENERATED ALWAYS AS (CASE WHEN allocated < purchased THEN 1 ELSE 0 END) STORED,
    CONSTRAINT {prefix}batches_key PRIMARY KEY (ref),
    CONSTRAINT {prefix}batches_of_product FOREIGN KEY (sku) REFERENCES {schema}{prefix}products (sku),
    CONSTRAINT {prefix}never_oversold CHECK (allocated >= 0 AND allocated <= purchased)
) WITH (fillfactor = 70);

CREATE INDEX {prefix}batches_open ON {schema}{prefix}batches (sku) WHERE open = 1;
CREATE INDEX {prefix}batches_by_sku ON {schema}{prefix}batches (sku);

-- One row for each part of a line; part 0 always exists. What belongs to the line as a whole is the same in
-- all of its rows, and its quantity is their sum.
CREATE TABLE {schema}{prefix}lines (
    order_id   TEXT COLLATE "C" NOT NULL,
    sku        TEXT COLLATE "C" NOT NULL,
    part       INTEGER NOT NULL,
    batch_ref  TEXT COLLATE "C" NOT NULL,
    quantity   BIGINT NOT NULL,  -- units, shipped ones included
    shipped    BIGINT NOT NULL,
    split      SMALLINT NOT NULL,
    held_until BIGINT,           -- NULL: firm
    sequence   BIGINT NOT NULL,  -- number of the event that first told of the line
    open       SMALLINT NOT NULL GENERATED ALWAYS AS (CASE WHEN shipped < quantity THEN 1 ELSE 0 END) STORED,
    CONSTRAINT {prefix}lines_key PRIMARY KEY (order_id, sku, part),
    CONSTRAINT {prefix}lines_of_batch FOREIGN KEY (batch_ref) REFERENCES {schema}{prefix}batches (ref),
    CONSTRAINT {prefix}lines_sane CHECK (part >= 0 AND quantity > 0 AND shipped >= 0 AND shipped <= quantity AND split IN (0, 1))
);

-- The unshipped lines of a batch, in the order of their age.
CREATE INDEX {prefix}lines_open ON {schema}{prefix}lines (sku, batch_ref, sequence) WHERE open = 1;

-- The holds of a product, and all holds, in the order in which they lapse.
CREATE INDEX {prefix}lines_held ON {schema}{prefix}lines (sku, held_until, order_id) WHERE part = 0 AND held_until IS NOT NULL;
CREATE INDEX {prefix}lines_lapsing ON {schema}{prefix}lines (held_until, sku) WHERE part = 0 AND held_until IS NOT NULL;

-- The ledger: purchased and allocated are the units by which the event moved the batch's counters.
CREATE TABLE {schema}{prefix}events (
    sku       TEXT COLLATE "C" NOT NULL,
    sequence  BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    batch_ref TEXT COLLATE "C",  -- NULL: nothing moved
    purchased BIGINT NOT NULL,
    allocated BIGINT NOT NULL,
    data      TEXT NOT NULL,     -- the event as JSON
    CONSTRAINT {prefix}events_key PRIMARY KEY (sku, sequence),
    CONSTRAINT {prefix}events_numbered CHECK (sequence > 0)
);

INSERT INTO {schema}{prefix}schema_version (version) VALUES (1);
