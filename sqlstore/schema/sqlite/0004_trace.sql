-- Version 4: indexes by which lots are traced, and by which whatever is due is listed. {prefix} stands for the table
-- prefix.
--
-- Nothing but indexes is new, so programs of version 3 may go on reading and writing.

-- The shipped lines of a batch, in the order of lines_leaving. An allocation doesn't touch the index; Ship pays for it.
CREATE INDEX {prefix}lines_shipped ON {prefix}lines (batch_ref, held, priority DESC, sequence) WHERE open = 0;

-- The batches of a lot, except for the batch that gave the lot its name.
CREATE INDEX {prefix}batches_by_lot ON {prefix}batches (lot, ref) WHERE lot <> '';

-- Shipments in the order of arrival, and the batches whose expiry was recorded in the order of expiry.
CREATE INDEX {prefix}batches_arriving ON {prefix}batches (eta, sku, ref) WHERE eta IS NOT NULL;
CREATE INDEX {prefix}batches_expired ON {prefix}batches (best_before, sku, ref) WHERE expired = 1;

-- The products of which a LowStockCrossed said that the stock is low.
CREATE INDEX {prefix}products_low ON {prefix}products (sku) WHERE low = 1;

INSERT INTO {prefix}schema_version (version) VALUES (4);
