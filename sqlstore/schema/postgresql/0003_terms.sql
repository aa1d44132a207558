-- Version 3: terms that bind a line to batches, several lines of an order for one SKU, lots, blocked batches, and
-- customers who wait. {schema} and {prefix} stand before every name.
--
-- Stop the programs of version 2 before this migration: such a program would sell blocked batches. A program that was
-- forgotten fails at its next commit, because the program inserts events without written_for.
--
-- All statements belong in one transaction. New columns with a default change the catalogue alone. The table of the
-- lines is read three times, for the new primary key, the new index and the new check; nobody can read or write lines
-- meanwhile. Batches are read twice.

-- written_for is the version of the schema for which the writing program was made; 2 stands for 1, too. The column has
-- no default, so that every program has to say the version.
ALTER TABLE {schema}{prefix}events ADD COLUMN written_for SMALLINT NOT NULL DEFAULT 2;
ALTER TABLE {schema}{prefix}events ALTER COLUMN written_for DROP DEFAULT;

-- low is 1 if the last LowStockCrossed said that the stock is low. serving_priority and serving_sequence are the place
-- in the queue of the waiting lines where serving goes on, 0 if every waiting line was offered all that is free.
ALTER TABLE {schema}{prefix}products
    ADD COLUMN low              SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN serving_priority SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN serving_sequence BIGINT NOT NULL DEFAULT 0;
CREATE INDEX {prefix}products_serving ON {schema}{prefix}products (sku) WHERE serving_sequence > 0;

-- blocked is the reason for which the batch must not be sold, '' for none; announced_blocked is the reason at the
-- announcement. lot is the lot that the units came from, '' for the batch's own ref. split_from is the batch from which
-- the batch was split off, '' for none. expired is 1 once a BatchExpired was recorded; such a batch is never sold
-- again. due is when the sweep has to look at the batch, because the batch expires or a line is needed by then; NULL for
-- never. dated is 1 if a batch on the way may have lines that are needed by a time, or late. arrived_at is NULL for a
-- batch that has not arrived, or that arrived before this version. counted_quantity is the result of the last count,
-- NULL for a count from before this version.
ALTER TABLE {schema}{prefix}batches
    ADD COLUMN lot               TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN blocked           TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN announced_blocked TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN split_from        TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN expired           SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN due               BIGINT,
    ADD COLUMN dated             SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN arrived_at        BIGINT,
    ADD COLUMN counted_quantity  BIGINT;

-- line tells the lines of an order for the same SKU apart, '' for most. needed_by, fresh_until and location are the
-- terms of the line; NULL and '' accept every batch. priority and held decide which line leaves a batch first at a cut:
-- held is 1 for a line with held_until, in every part. late is 1 if the last LineLate said that units come too late.
-- handed_from is the order from which the line was handed over, '' for none.
--
-- wanted is the units that were asked for, NULL for the line's quantity; partial is 1 if the line takes part of the
-- units; may_wait is 1 if missing units may come later; hold_for is the length of the hold in microseconds, which begins
-- when the units are given, NULL for none.
ALTER TABLE {schema}{prefix}lines
    ADD COLUMN line        TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN needed_by   BIGINT,
    ADD COLUMN fresh_until BIGINT,
    ADD COLUMN location    TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN priority    SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN held        SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN late        SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN handed_from TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN wanted      BIGINT,
    ADD COLUMN partial     SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN may_wait    SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN hold_for    BIGINT;
UPDATE {schema}{prefix}lines SET held = 1 WHERE held_until IS NOT NULL;
ALTER TABLE {schema}{prefix}lines DROP CONSTRAINT {prefix}lines_key;
ALTER TABLE {schema}{prefix}lines ADD CONSTRAINT {prefix}lines_key PRIMARY KEY (order_id, sku, line, part);
ALTER TABLE {schema}{prefix}lines ADD CONSTRAINT {prefix}lines_held_said CHECK (held = 1 AND held_until IS NOT NULL OR held = 0 AND held_until IS NULL);

-- The unshipped lines of a batch, in the order in which they leave the batch at a cut, last line first. The index serves
-- everything that lines_open did.
CREATE INDEX {prefix}lines_leaving ON {schema}{prefix}lines (sku, batch_ref, held, priority DESC, sequence) WHERE open = 1;
DROP INDEX {schema}{prefix}lines_open;

-- Lines that wait for units, in the order of serving; all of them, and those of a product, by the time until which they
-- wait. A line that has units and waits for others stands in both tables.
CREATE TABLE {schema}{prefix}waiting (
    order_id    TEXT COLLATE "C" NOT NULL,
    sku         TEXT COLLATE "C" NOT NULL,
    line        TEXT COLLATE "C" NOT NULL,
    quantity    BIGINT NOT NULL,           -- units that the line waits for
    wanted      BIGINT NOT NULL,           -- units that were asked for
    split       SMALLINT NOT NULL,
    partial     SMALLINT NOT NULL,
    hold_for    BIGINT,                    -- microseconds; NULL: firm
    needed_by   BIGINT,
    fresh_until BIGINT,
    location    TEXT COLLATE "C" NOT NULL,
    priority    SMALLINT NOT NULL,
    handed_from TEXT COLLATE "C" NOT NULL,
    sequence    BIGINT NOT NULL,           -- number of the event with which the waiting began
    CONSTRAINT {prefix}waiting_key PRIMARY KEY (order_id, sku, line),
    CONSTRAINT {prefix}waiting_for_product FOREIGN KEY (sku) REFERENCES {schema}{prefix}products (sku),
    CONSTRAINT {prefix}waiting_sane CHECK (quantity > 0 AND wanted >= quantity AND split IN (0, 1) AND partial IN (0, 1))
);
CREATE INDEX {prefix}waiting_served ON {schema}{prefix}waiting (sku, priority DESC, sequence);
CREATE INDEX {prefix}waiting_needed ON {schema}{prefix}waiting (needed_by, sku) WHERE needed_by IS NOT NULL;
CREATE INDEX {prefix}waiting_needed_by_sku ON {schema}{prefix}waiting (sku, needed_by) WHERE needed_by IS NOT NULL;

-- Batches that have expired are closed, and told to nobody.
UPDATE {schema}{prefix}batches SET expired = 1 WHERE best_before <= CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT);

-- The batches that the sweep has to look at, all batches and those of a product, in the order of time.
UPDATE {schema}{prefix}batches SET due = best_before WHERE best_before IS NOT NULL AND expired = 0 AND purchased > 0;
CREATE INDEX {prefix}batches_due ON {schema}{prefix}batches (due, sku) WHERE due IS NOT NULL;
CREATE INDEX {prefix}batches_due_by_sku ON {schema}{prefix}batches (sku, due) WHERE due IS NOT NULL;

-- A batch is for sale if units are available, and the batch is neither blocked nor expired.
CREATE INDEX {prefix}batches_for_sale ON {schema}{prefix}batches (sku) WHERE open = 1 AND blocked = '' AND expired = 0;
DROP INDEX {schema}{prefix}batches_open;

-- Programs before this version counted every unit that was promised to nobody, expired units included. low says what
-- they recorded last, so that the next command or sweep records the difference.
UPDATE {schema}{prefix}products p SET low = 1 WHERE low_stock > (
    SELECT COALESCE(SUM(b.purchased - b.allocated), 0) FROM {schema}{prefix}batches b
    WHERE b.sku = p.sku AND b.open = 1);

INSERT INTO {schema}{prefix}schema_version (version) VALUES (3);
