-- Version 4: indexes by which lots are traced, and by which whatever is due is listed. {schema} and {prefix} stand
-- before every name.
--
-- Nothing but indexes is new, so programs of version 3 may go on reading and writing.
--
-- Nobody can write to a table while its index is built. A host with millions of lines builds the indexes beforehand,
-- with CREATE INDEX CONCURRENTLY and the same names and columns; then this migration finds them, and takes no time.

-- The shipped lines of a batch, in the order of lines_leaving. An allocation doesn't touch the index; Ship pays for it.
CREATE INDEX IF NOT EXISTS {prefix}lines_shipped ON {schema}{prefix}lines (batch_ref, held, priority DESC, sequence)
    WHERE open = 0;

-- The batches of a lot, except for the batch that gave the lot its name.
CREATE INDEX IF NOT EXISTS {prefix}batches_by_lot ON {schema}{prefix}batches (lot, ref) WHERE lot <> '';

-- Shipments in the order of arrival, and the batches whose expiry was recorded in the order of expiry. No index depends
-- on counters.
CREATE INDEX IF NOT EXISTS {prefix}batches_arriving ON {schema}{prefix}batches (eta, sku, ref) WHERE eta IS NOT NULL;
CREATE INDEX IF NOT EXISTS {prefix}batches_expired ON {schema}{prefix}batches (best_before, sku, ref) WHERE expired = 1;

-- The products of which a LowStockCrossed said that the stock is low.
CREATE INDEX IF NOT EXISTS {prefix}products_low ON {schema}{prefix}products (sku) WHERE low = 1;

INSERT INTO {schema}{prefix}schema_version (version) VALUES (4);
