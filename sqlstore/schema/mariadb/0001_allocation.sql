-- Tables of package allocation for MariaDB 10.6 or later. {schema} and {prefix} stand before every name.
--
-- Identifiers are compared as bytes (VARBINARY: the usual collations take 'ABC' for 'abc', or 'abc ' for 'abc').
-- Times are microseconds since 1970 in UTC. "open" says that something can still happen to a row; the indexes that
-- a load uses lead to the open rows only, so that history costs nothing. As there are no indexes with a
-- condition, held_sku and lapses are NULL for all that has nothing to do with holds.
--
-- DDL is not undone when it fails, so every statement may be run again.

-- One row, with its version, for each migration that has been applied.
CREATE TABLE IF NOT EXISTS {schema}{prefix}schema_version (
    version INT NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS {schema}{prefix}products (
    sku       VARBINARY(255) NOT NULL,
    version   BIGINT NOT NULL, -- number of the last event
    refused   BIGINT NOT NULL, -- number of the last refusal's event
    low_stock BIGINT NOT NULL, -- threshold in units, 0 for none
    PRIMARY KEY (sku),
    CONSTRAINT {prefix}products_sane CHECK (version > 0 AND refused >= 0 AND low_stock >= 0)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS {schema}{prefix}batches (
    ref                VARBINARY(255) NOT NULL,
    sku                VARBINARY(255) NOT NULL,
    purchased          BIGINT NOT NULL, -- units bought and not yet shipped
    allocated          BIGINT NOT NULL, -- units promised and not yet shipped
    eta                BIGINT,          -- NULL: in the warehouse
    location           VARBINARY(255) NOT NULL,
    best_before        BIGINT,          -- NULL: it keeps
    announced_quantity BIGINT NOT NULL,
    announced_eta      BIGINT,
    counted_at         BIGINT,          -- NULL: never counted
    shipped_at         BIGINT,          -- NULL: nothing was shipped from it
    open               TINYINT GENERATED ALWAYS AS (IF(allocated < purchased, 1, 0)) STORED,
    PRIMARY KEY (ref),
    KEY {prefix}batches_by_sku (sku, open),
    CONSTRAINT {prefix}batches_of_product FOREIGN KEY (sku) REFERENCES {schema}{prefix}products (sku),
    CONSTRAINT {prefix}never_oversold CHECK (allocated >= 0 AND allocated <= purchased)
) ENGINE = InnoDB;

-- One row for each part of a line; part 0 always exists. What belongs to the line as a whole is the same in
-- all of its rows, and its quantity is their sum.
CREATE TABLE IF NOT EXISTS {schema}{prefix}lines (
    order_id   VARBINARY(255) NOT NULL,
    sku        VARBINARY(255) NOT NULL,
    part       INT NOT NULL,
    batch_ref  VARBINARY(255) NOT NULL,
    quantity   BIGINT NOT NULL,  -- units, shipped ones included
    shipped    BIGINT NOT NULL,
    split      TINYINT NOT NULL,
    held_until BIGINT,           -- NULL: firm
    sequence   BIGINT NOT NULL,  -- number of the event that first told of the line
    open       TINYINT GENERATED ALWAYS AS (IF(shipped < quantity, 1, 0)) STORED,
    held_sku   VARBINARY(255) GENERATED ALWAYS AS (IF(part = 0 AND held_until IS NOT NULL, sku, NULL)) STORED,
    lapses     BIGINT GENERATED ALWAYS AS (IF(part = 0, held_until, NULL)) STORED,
    PRIMARY KEY (order_id, sku, part),
    KEY {prefix}lines_open (batch_ref, open, sku, sequence), -- the unshipped lines of a batch, by their age
    KEY {prefix}lines_held (held_sku, held_until, order_id), -- the holds of a product, and
    KEY {prefix}lines_lapsing (lapses, held_sku),            -- all holds, in the order in which they lapse
    CONSTRAINT {prefix}lines_of_batch FOREIGN KEY (batch_ref) REFERENCES {schema}{prefix}batches (ref),
    CONSTRAINT {prefix}lines_sane CHECK (part >= 0 AND quantity > 0 AND shipped >= 0 AND shipped <= quantity AND split IN (0, 1))
) ENGINE = InnoDB;

-- The ledger: purchased and allocated are the units by which the event moved the batch's counters.
CREATE TABLE IF NOT EXISTS {schema}{prefix}events (
    sku       VARBINARY(255) NOT NULL,
    sequence  BIGINT NOT NULL,
    kind      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at        BIGINT NOT NULL,
    batch_ref VARBINARY(255),    -- NULL: nothing moved
    purchased BIGINT NOT NULL,
    allocated BIGINT NOT NULL,
    data      LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- the event as JSON
    PRIMARY KEY (sku, sequence),
    CONSTRAINT {prefix}events_numbered CHECK (sequence > 0)
) ENGINE = InnoDB;

-- The version is not entered if a table of one of these names was there before with other columns.
INSERT IGNORE INTO {schema}{prefix}schema_version (version)
    SELECT 1 FROM (SELECT COUNT(p.refused + b.shipped_at + l.lapses + e.allocated) AS rows_of_all
        FROM {schema}{prefix}products p JOIN {schema}{prefix}batches b ON b.sku = p.sku
        JOIN {schema}{prefix}lines l ON l.batch_ref = b.ref JOIN {schema}{prefix}events e ON e.sku = p.sku AND e.sequence = 1
        WHERE p.sku = '') t;
