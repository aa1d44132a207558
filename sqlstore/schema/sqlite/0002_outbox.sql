-- Version 2: events leave the building. {prefix} stands for the table prefix.
--
-- id is the event's UUID, NULL for events that were told before this version. aggregatetype is there for programs
-- that read the outboxes of many services. trace_parent is the W3C trace parent of the caller who caused the
-- event, NULL if there was none.
--
-- unsent_from is a mark on the last event of each commit of a product: the number of the commit's first event, or of
-- the first of them that is still unsent. So the events from unsent_from to this one are unsent. Without marks
-- all is sent, as is what was told before this version, or by a program of an older one.
ALTER TABLE {prefix}events ADD COLUMN id TEXT;
ALTER TABLE {prefix}events ADD COLUMN aggregatetype TEXT NOT NULL DEFAULT 'product';
ALTER TABLE {prefix}events ADD COLUMN trace_parent TEXT;
ALTER TABLE {prefix}events ADD COLUMN unsent_from INTEGER;

-- The marks by product.
CREATE INDEX {prefix}events_unsent ON {prefix}events (sku, sequence) WHERE unsent_from IS NOT NULL;

-- One row for each product that is leased, or whose first unsent event failed.
CREATE TABLE {prefix}deliveries (
    sku        TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL, -- who leased it last
    claim      INTEGER,          -- number of the claim that leased it; NULL: it waits for the next try
    not_before INTEGER NOT NULL, -- end of the lease, or retry_at
    sequence   INTEGER NOT NULL, -- number of the first unsent event
    tries      INTEGER NOT NULL, -- how often it was tried and failed; 0: there is only a lease
    retry_at   INTEGER NOT NULL, -- time of its next try, if it failed
    dead       INTEGER NOT NULL, -- 1: it is not tried again by itself
    error      TEXT    NOT NULL  -- why the last try failed
) STRICT, WITHOUT ROWID;

-- What purged events had moved.
CREATE TABLE {prefix}purged (
    sku       TEXT    NOT NULL,
    batch_ref TEXT    NOT NULL,
    purchased INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    PRIMARY KEY (sku, batch_ref)
) STRICT, WITHOUT ROWID;

-- The batches of a product are also read in the order of their names.
DROP INDEX {prefix}batches_by_sku;
CREATE INDEX {prefix}batches_by_sku ON {prefix}batches (sku, ref);
CREATE INDEX {prefix}batches_open ON {prefix}batches (sku) WHERE open = 1;

INSERT INTO {prefix}schema_version (version) VALUES (2);
