-- Version 3: terms that bind a line to batches, several lines of an order for one SKU, lots, blocked batches, and
-- customers who wait. {schema} and {prefix} stand before every name. Every statement may be run again.
--
-- Stop the programs of version 2 before this migration: such a program would sell blocked batches. A program that was
-- forgotten fails at its next commit, because the program inserts events without written_for.
--
-- New columns change the catalogue alone, their checks included; a check that is added by itself would copy the table.
-- New indexes are built while others read and write. The table of the lines is built anew for the new primary key, and
-- others may read and write meanwhile.

-- written_for is the version of the schema for which the writing program was made; 2 stands for 1, too. The column has
-- no default, so that every program has to say the version. A server without a strict mode writes 0 in place of a
-- missing number, which the check refuses.
ALTER TABLE {schema}{prefix}events
    ADD COLUMN IF NOT EXISTS written_for SMALLINT NOT NULL DEFAULT 2 CHECK (written_for > 1);
ALTER TABLE {schema}{prefix}events ALTER COLUMN written_for DROP DEFAULT;

-- low is 1 if the last LowStockCrossed said that the stock is low. serving_priority and serving_sequence are the place
-- in the queue of the waiting lines where serving goes on, 0 if every waiting line was offered all that is free.
ALTER TABLE {schema}{prefix}products
    ADD COLUMN IF NOT EXISTS low              TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS serving_priority SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS serving_sequence BIGINT NOT NULL DEFAULT 0,
    ADD KEY IF NOT EXISTS {prefix}products_serving (serving_sequence, sku);

-- blocked is the reason for which the batch must not be sold, '' for none; announced_blocked is the reason at the
-- announcement. lot is the lot that the units came from, '' for the batch's own ref. split_from is the batch from which
-- the batch was split off, '' for none. expired is 1 once a BatchExpired was recorded; such a batch is never sold
-- again. due is when the sweep has to look at the batch, because the batch expires or a line is needed by then; NULL for
-- never. dated is 1 if a batch on the way may have lines that are needed by a time, or late. arrived_at is NULL for a
-- batch that has not arrived, or that arrived before this version. counted_quantity is the result of the last count,
-- NULL for a count from before this version.
ALTER TABLE {schema}{prefix}batches
    ADD COLUMN IF NOT EXISTS lot               VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS blocked           VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS announced_blocked VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS split_from        VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS expired           TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS due               BIGINT,
    ADD COLUMN IF NOT EXISTS dated             TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS arrived_at        BIGINT,
    ADD COLUMN IF NOT EXISTS counted_quantity  BIGINT;

-- line tells the lines of an order for the same SKU apart, '' for most. needed_by, fresh_until and location are the
-- terms of the line; NULL and '' accept every batch. priority and held decide which line leaves a batch first at a cut:
-- held is 1 for a line with held_until, in every part. late is 1 if the last LineLate said that units come too late.
-- handed_from is the order from which the line was handed over, '' for none.
--
-- wanted is the units that were asked for, NULL for the line's quantity; partial is 1 if the line takes part of the
-- units; may_wait is 1 if missing units may come later; hold_for is the length of the hold in microseconds, which begins
-- when the units are given, NULL for none.
ALTER TABLE {schema}{prefix}lines
    ADD COLUMN IF NOT EXISTS line        VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS needed_by   BIGINT,
    ADD COLUMN IF NOT EXISTS fresh_until BIGINT,
    ADD COLUMN IF NOT EXISTS location    VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS priority    SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS held        TINYINT NOT NULL DEFAULT 0 CHECK (held = (held_until IS NOT NULL)),
    ADD COLUMN IF NOT EXISTS late        TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS handed_from VARBINARY(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS wanted      BIGINT,
    ADD COLUMN IF NOT EXISTS partial     TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS may_wait    TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS hold_for    BIGINT;
UPDATE {schema}{prefix}lines h FORCE INDEX ({prefix}lines_held)
    STRAIGHT_JOIN {schema}{prefix}lines l ON l.order_id = h.order_id AND l.sku = h.sku
    SET l.held = 1 WHERE h.held_sku IS NOT NULL AND l.held_until IS NOT NULL;

-- lines_leaving has the unshipped lines of a batch, in the order in which they leave the batch at a cut, last line
-- first. The index serves everything that lines_open did, the foreign key included. MariaDB before 10.8 has no descending
-- order in an index, and sorts the unshipped lines of the batch.
ALTER TABLE {schema}{prefix}lines
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (order_id, sku, line, part),
    ADD KEY IF NOT EXISTS {prefix}lines_leaving (batch_ref, open, sku, held, priority DESC, sequence),
    DROP KEY IF EXISTS {prefix}lines_open;

-- Lines that wait for units, in the order of serving; all of them, and those of a product, by the time until which they
-- wait. A line that has units and waits for others stands in both tables.
CREATE TABLE IF NOT EXISTS {schema}{prefix}waiting (
    order_id    VARBINARY(255) NOT NULL,
    sku         VARBINARY(255) NOT NULL,
    line        VARBINARY(255) NOT NULL,
    quantity    BIGINT NOT NULL,         -- units that the line waits for
    wanted      BIGINT NOT NULL,         -- units that were asked for
    split       TINYINT NOT NULL,
    partial     TINYINT NOT NULL,
    hold_for    BIGINT,                  -- microseconds; NULL: firm
    needed_by   BIGINT,
    fresh_until BIGINT,
    location    VARBINARY(255) NOT NULL,
    priority    SMALLINT NOT NULL,
    handed_from VARBINARY(255) NOT NULL,
    sequence    BIGINT NOT NULL,         -- number of the event with which the waiting began
    PRIMARY KEY (order_id, sku, line),
    KEY {prefix}waiting_served (sku, priority DESC, sequence),
    KEY {prefix}waiting_needed (needed_by, sku),
    KEY {prefix}waiting_needed_by_sku (sku, needed_by),
    CONSTRAINT {prefix}waiting_for_product FOREIGN KEY (sku) REFERENCES {schema}{prefix}products (sku),
    CONSTRAINT {prefix}waiting_sane CHECK (quantity > 0 AND wanted >= quantity AND split IN (0, 1) AND partial IN (0, 1))
) ENGINE = InnoDB;

-- Batches that have expired are closed, and told to nobody.
UPDATE {schema}{prefix}batches SET expired = 1 WHERE best_before <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED);

UPDATE {schema}{prefix}batches SET due = best_before WHERE best_before IS NOT NULL AND expired = 0 AND purchased > 0;

-- batches_due and batches_due_by_sku have the batches that the sweep has to look at, in the order of time: all batches,
-- and those of a product. A batch is for sale if units are available, and the batch is neither blocked nor expired.
ALTER TABLE {schema}{prefix}batches
    ADD KEY IF NOT EXISTS {prefix}batches_for_sale (sku, open, expired, blocked),
    ADD KEY IF NOT EXISTS {prefix}batches_due (due, sku),
    ADD KEY IF NOT EXISTS {prefix}batches_due_by_sku (sku, due),
    DROP KEY IF EXISTS {prefix}batches_open;

-- Programs before this version counted every unit that was promised to nobody, expired units included. low says what
-- they recorded last, so that the next command or sweep records the difference.
UPDATE {schema}{prefix}products p SET low = low_stock > (
    SELECT COALESCE(SUM(b.purchased - b.allocated), 0) FROM {schema}{prefix}batches b
    WHERE b.sku = p.sku AND b.open = 1)
    WHERE low_stock > 0;

-- The version is not entered if a table of one of these names was there before with other columns.
INSERT IGNORE INTO {schema}{prefix}schema_version (version)
    SELECT 3 FROM (SELECT COUNT(w.sequence + w.wanted)
        FROM {schema}{prefix}waiting w JOIN {schema}{prefix}products p ON p.sku = w.sku WHERE w.sku = '') t;
