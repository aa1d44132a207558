-- Tables of package allocation for SQLite 3.37 or later. {prefix} stands for the table prefix.
--
-- Identifiers are compared as bytes, which is SQLite's default (COLLATE BINARY). Times are microseconds
-- since 1970 in UTC. "open" says that something can still happen to a row; the indexes that a load
-- uses hold or lead to the open rows only, so that history costs nothing.

-- One row, with its version, for each migration that has been applied.
CREATE TABLE {prefix}schema_version (
    version INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE {prefix}products (
    sku       TEXT    NOT NULL PRIMARY KEY,
    version   INTEGER NOT NULL CHECK (version > 0),   -- number of the last event
    refused   INTEGER NOT NULL CHECK (refused >= 0),  -- number of the last refusal's event
    low_stock INTEGER NOT NULL CHECK (low_stock >= 0) -- threshold in units, 0 for none
) STRICT, WITHOUT ROWID;

CREATE TABLE {prefix}batches (
    ref                TEXT    NOT NULL PRIMARY KEY,
    sku                TEXT    NOT NULL REFERENCES {prefix}products (sku),
    purchased          INTEGER NOT NULL, -- units bought and not yet shipped
    allocated          INTEGER NOT NULL, -- units promised and not yet shipped
    eta                INTEGER,          -- NULL: in the warehouse
    location           TEXT    NOT NULL,
    best_before        INTEGER,          -- NULL: it keeps
    announced_quantity INTEGER NOT NULL,
    announced_eta      INTEGER,
    counted_at         INTEGER,          -- NULL: never counted
    shipped_at         INTEGER,          -- NULL: nothing was shipped from it
    open               INTEGER NOT NULL GENERATED ALWAYS AS (allocated < purchased) VIRTUAL,
    CONSTRAINT {prefix}never_oversold CHECK (allocated >= 0 AND allocated <= purchased)
) STRICT, WITHOUT ROWID;

CREATE INDEX {prefix}batches_by_sku ON {prefix}batches (sku, open);

-- One row for each part of a line; part 0 always exists. What belongs to the line as a whole is the same in
-- all of its rows, and its quantity is their sum.
CREATE TABLE {prefix}lines (
    order_id   TEXT    NOT NULL,
    sku        TEXT    NOT NULL REFERENCES {prefix}products (sku),
    part       INTEGER NOT NULL CHECK (part >= 0),
    batch_ref  TEXT    NOT NULL REFERENCES {prefix}batches (ref),
    quantity   INTEGER NOT NULL CHECK (quantity > 0), -- units, shipped ones included
    shipped    INTEGER NOT NULL CHECK (shipped >= 0 AND shipped <= quantity),
    split      INTEGER NOT NULL CHECK (split IN (0, 1)),
    held_until INTEGER,                               -- NULL: firm
    sequence   INTEGER NOT NULL,                      -- number of the event that first told of the line
    open       INTEGER NOT NULL GENERATED ALWAYS AS (shipped < quantity) VIRTUAL,
    PRIMARY KEY (order_id, sku, part)
) STRICT, WITHOUT ROWID;

-- The unshipped lines of a batch, in the order of their age.
CREATE INDEX {prefix}lines_open ON {prefix}lines (sku, batch_ref, sequence) WHERE open = 1;

-- The holds of a product, and all holds, in the order in which they lapse.
CREATE INDEX {prefix}lines_held ON {prefix}lines (sku, held_until, order_id) WHERE part = 0 AND held_until IS NOT NULL;
CREATE INDEX {prefix}lines_lapsing ON {prefix}lines (held_until, sku) WHERE part = 0 AND held_until IS NOT NULL;

-- The ledger: purchased and allocated are the units by which the event moved the batch's counters.
CREATE TABLE {prefix}events (
    sku       TEXT    NOT NULL REFERENCES {prefix}products (sku),
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    kind      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    batch_ref TEXT,             -- NULL: nothing moved
    purchased INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    data      TEXT    NOT NULL, -- the event as JSON
    PRIMARY KEY (sku, sequence)
) STRICT, WITHOUT ROWID;

INSERT INTO {prefix}schema_version (version) VALUES (1);
