-- Version 4: indexes by which lots are traced, and by which whatever is due is listed. {schema} and {prefix} stand
-- before every name. Every statement may be run again.
--
-- Nothing but indexes is new, so programs of version 3 may go on reading and writing, while the indexes are built, too.
-- The lines need no index: lines_leaving has the shipped lines of a batch beside the unshipped ones.

-- The batches of a lot, except for the batch that gave the lot its name; shipments in the order of arrival; and the
-- batches whose expiry was recorded, in the order of expiry.
ALTER TABLE {schema}{prefix}batches
    ADD KEY IF NOT EXISTS {prefix}batches_by_lot (lot, ref),
    ADD KEY IF NOT EXISTS {prefix}batches_arriving (eta, sku, ref),
    ADD KEY IF NOT EXISTS {prefix}batches_expired (expired, best_before, sku, ref);

-- The products of which a LowStockCrossed said that the stock is low.
ALTER TABLE {schema}{prefix}products ADD KEY IF NOT EXISTS {prefix}products_low (low, sku);

INSERT IGNORE INTO {schema}{prefix}schema_version (version) VALUES (4);
