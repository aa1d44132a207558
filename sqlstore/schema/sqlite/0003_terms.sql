-- Version 3: terms that bind a line to batches, several lines of an order for one SKU, lots, blocked batches, and
-- customers who wait. {prefix} stands for the table prefix.
--
-- Stop the programs of version 2 before this migration: such a program would sell blocked batches. A program that was
-- forgotten fails at its next commit of a product, because the program changes version without written; only a product
-- that such a program adds stays open to its writes until another program changes the product.
--
-- All statements belong in one transaction. The lines are copied; nobody else can write meanwhile.

-- written_for is the version of the schema for which the writing program was made; 2 stands for 1, too. A new column
-- of SQLite needs a default, so written demands that every program knows the new columns: every change of version
-- changes written as well. 0 is for a product that an old program added. A trigger on the events would cost a sale
-- more than the check.
ALTER TABLE {prefix}events ADD COLUMN written_for INTEGER NOT NULL DEFAULT 2;
ALTER TABLE {prefix}products ADD COLUMN written INTEGER NOT NULL DEFAULT 0 CHECK (written IN (0, version));
UPDATE {prefix}products SET written = version;

-- low is 1 if the last LowStockCrossed said that the stock is low. serving_priority and serving_sequence are the place
-- in the queue of the waiting lines where serving goes on, 0 if every waiting line was offered all that is free.
ALTER TABLE {prefix}products ADD COLUMN low INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {prefix}products ADD COLUMN serving_priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {prefix}products ADD COLUMN serving_sequence INTEGER NOT NULL DEFAULT 0;
CREATE INDEX {prefix}products_serving ON {prefix}products (sku) WHERE serving_sequence > 0;

-- blocked is the reason for which the batch must not be sold, '' for none; announced_blocked is the reason at the
-- announcement. lot is the lot that the units came from, '' for the batch's own ref. split_from is the batch from which
-- the batch was split off, '' for none. expired is 1 once a BatchExpired was recorded; such a batch is never sold
-- again. due is when the sweep has to look at the batch, because the batch expires or a line is needed by then; NULL for
-- never. dated is 1 if a batch on the way may have lines that are needed by a time, or late. arrived_at is NULL for a
-- batch that has not arrived, or that arrived before this version. counted_quantity is the result of the last count,
-- NULL for a count from before this version.
ALTER TABLE {prefix}batches ADD COLUMN lot TEXT NOT NULL DEFAULT '';
ALTER TABLE {prefix}batches ADD COLUMN blocked TEXT NOT NULL DEFAULT '';
ALTER TABLE {prefix}batches ADD COLUMN announced_blocked TEXT NOT NULL DEFAULT '';
ALTER TABLE {prefix}batches ADD COLUMN split_from TEXT NOT NULL DEFAULT '';
ALTER TABLE {prefix}batches ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {prefix}batches ADD COLUMN due INTEGER;
ALTER TABLE {prefix}batches ADD COLUMN dated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {prefix}batches ADD COLUMN arrived_at INTEGER;
ALTER TABLE {prefix}batches ADD COLUMN counted_quantity INTEGER;

-- The lines get a new primary key, which SQLite can only give to a new table.
--
-- line tells the lines of an order for the same SKU apart, '' for most. needed_by, fresh_until and location are the
-- terms of the line; NULL and '' accept every batch. priority and held decide which line leaves a batch first at a cut:
-- held is 1 for a line with held_until, in every part. late is 1 if the last LineLate said that units come too late.
-- handed_from is the order from which the line was handed over, '' for none.
--
-- wanted is the units that were asked for, NULL for the line's quantity; partial is 1 if the line takes part of the
-- units; may_wait is 1 if missing units may come later; hold_for is the length of the hold in microseconds, which begins
-- when the units are given, NULL for none.
CREATE TABLE {prefix}lines_new (
    order_id    TEXT    NOT NULL,
    sku         TEXT    NOT NULL REFERENCES {prefix}products (sku),
    line        TEXT    NOT NULL DEFAULT '',
    part        INTEGER NOT NULL CHECK (part >= 0),
    batch_ref   TEXT    NOT NULL REFERENCES {prefix}batches (ref),
    quantity    INTEGER NOT NULL CHECK (quantity > 0), -- units, shipped ones included
    shipped     INTEGER NOT NULL CHECK (shipped >= 0 AND shipped <= quantity),
    split       INTEGER NOT NULL CHECK (split IN (0, 1)),
    held_until  INTEGER,                               -- NULL: firm
    sequence    INTEGER NOT NULL,                      -- number of the event that first told of the line
    needed_by   INTEGER,
    fresh_until INTEGER,
    location    TEXT    NOT NULL DEFAULT '',
    priority    INTEGER NOT NULL DEFAULT 0,
    held        INTEGER NOT NULL DEFAULT 0 CHECK (held = (held_until IS NOT NULL)),
    late        INTEGER NOT NULL DEFAULT 0,
    handed_from TEXT    NOT NULL DEFAULT '',
    wanted      INTEGER,
    partial     INTEGER NOT NULL DEFAULT 0,
    may_wait    INTEGER NOT NULL DEFAULT 0,
    hold_for    INTEGER,
    open        INTEGER NOT NULL GENERATED ALWAYS AS (shipped < quantity) VIRTUAL,
    PRIMARY KEY (order_id, sku, line, part)
) STRICT, WITHOUT ROWID;
INSERT INTO {prefix}lines_new (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence, held)
    SELECT order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence, held_until IS NOT NULL
    FROM {prefix}lines ORDER BY order_id, sku, part;
DROP TABLE {prefix}lines;
ALTER TABLE {prefix}lines_new RENAME TO {prefix}lines;

-- The unshipped lines of a batch, in the order in which they leave the batch at a cut, last line first. The index serves
-- everything that lines_open did.
CREATE INDEX {prefix}lines_leaving ON {prefix}lines (sku, batch_ref, held, priority DESC, sequence) WHERE open = 1;

-- The holds of a product, and all holds, in the order in which they lapse.
CREATE INDEX {prefix}lines_held ON {prefix}lines (sku, held_until, order_id) WHERE part = 0 AND held_until IS NOT NULL;
CREATE INDEX {prefix}lines_lapsing ON {prefix}lines (held_until, sku) WHERE part = 0 AND held_until IS NOT NULL;

-- Lines that wait for units, in the order of serving; all of them, and those of a product, by the time until which they
-- wait. A line that has units and waits for others stands in both tables.
CREATE TABLE {prefix}waiting (
    order_id    TEXT    NOT NULL,
    sku         TEXT    NOT NULL REFERENCES {prefix}products (sku),
    line        TEXT    NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),       -- units that the line waits for
    wanted      INTEGER NOT NULL CHECK (wanted >= quantity), -- units that were asked for
    split       INTEGER NOT NULL CHECK (split IN (0, 1)),
    partial     INTEGER NOT NULL CHECK (partial IN (0, 1)),
    hold_for    INTEGER,                                     -- microseconds; NULL: firm
    needed_by   INTEGER,
    fresh_until INTEGER,
    location    TEXT    NOT NULL,
    priority    INTEGER NOT NULL,
    handed_from TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,                            -- number of the event with which the waiting began
    PRIMARY KEY (order_id, sku, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX {prefix}waiting_served ON {prefix}waiting (sku, priority DESC, sequence);
CREATE INDEX {prefix}waiting_needed ON {prefix}waiting (needed_by, sku) WHERE needed_by IS NOT NULL;
CREATE INDEX {prefix}waiting_needed_by_sku ON {prefix}waiting (sku, needed_by) WHERE needed_by IS NOT NULL;

-- Batches that have expired are closed, and told to nobody.
UPDATE {prefix}batches SET expired = 1
    WHERE best_before <= CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER);

-- The batches that the sweep has to look at, all batches and those of a product, in the order of time.
UPDATE {prefix}batches SET due = best_before WHERE best_before IS NOT NULL AND expired = 0 AND purchased > 0;
CREATE INDEX {prefix}batches_due ON {prefix}batches (due, sku) WHERE due IS NOT NULL;
CREATE INDEX {prefix}batches_due_by_sku ON {prefix}batches (sku, due) WHERE due IS NOT NULL;

-- A batch is for sale if units are available, and the batch is neither blocked nor expired.
CREATE INDEX {prefix}batches_for_sale ON {prefix}batches (sku) WHERE open = 1 AND blocked = '' AND expired = 0;
DROP INDEX {prefix}batches_open;

-- Programs before this version counted every unit that was promised to nobody, expired units included. low says what
-- they recorded last, so that the next command or sweep records the difference.
UPDATE {prefix}products AS p SET low = 1 WHERE low_stock > (
    SELECT COALESCE(SUM(b.purchased - b.allocated), 0) FROM {prefix}batches b
    WHERE b.sku = p.sku AND b.open = 1);

INSERT INTO {prefix}schema_version (version) VALUES (3);
