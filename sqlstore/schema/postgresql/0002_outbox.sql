-- Version 2: events leave the building. {schema} and {prefix} stand before every name.
--
-- id is the event's UUID, NULL for events that were told before this version. trace_parent is the W3C trace parent of
-- the caller who caused the event, NULL if there was none.
--
-- unsent_from is a mark on the last event of each commit of a product: the number of the commit's first event, or of
-- the first of them that is still unsent. So the events from unsent_from to this one are unsent. Without marks
-- all is sent, as is what was told before this version, or by a program of an older one.
--
-- Debezium's outbox event router can read the rows as they are inserted: the comment of package outbox has all the
-- settings. aggregatetype is the column by which the router chooses a topic. Each mark has to be taken away all the
-- same, by a relay whose publisher accepts all events and sends nothing: an unsent event is never purged.
ALTER TABLE {schema}{prefix}events
    ADD COLUMN id            UUID,
    ADD COLUMN aggregatetype TEXT NOT NULL DEFAULT 'product',
    ADD COLUMN trace_parent  TEXT,
    ADD COLUMN unsent_from   BIGINT;

-- The marks by product. The key repeats the condition, so that no other index can be taken for this one, which is short.
CREATE INDEX {prefix}events_unsent ON {schema}{prefix}events ((CASE WHEN unsent_from IS NOT NULL THEN sku END), sequence)
    WHERE unsent_from IS NOT NULL;

-- A mark that was taken away stays in the index until a vacuum, and every relay has to pass it.
ALTER TABLE {schema}{prefix}events SET (autovacuum_vacuum_scale_factor = 0.02);

-- One row for each product that is leased, or whose first unsent event failed.
CREATE TABLE {schema}{prefix}deliveries (
    sku        TEXT COLLATE "C" NOT NULL,
    owner      TEXT COLLATE "C" NOT NULL, -- who leased it last
    claim      BIGINT,                    -- number of the claim that leased it; NULL: it waits for the next try
    not_before BIGINT NOT NULL,           -- end of the lease, or retry_at
    sequence   BIGINT NOT NULL,           -- number of the first unsent event
    tries      BIGINT NOT NULL,           -- how often it was tried and failed; 0: there is only a lease
    retry_at   BIGINT NOT NULL,           -- time of its next try, if it failed
    dead       SMALLINT NOT NULL,         -- 1: it is not tried again by itself
    error      TEXT NOT NULL,             -- why the last try failed
    CONSTRAINT {prefix}deliveries_key PRIMARY KEY (sku)
);

-- What purged events had moved.
CREATE TABLE {schema}{prefix}purged (
    sku       TEXT COLLATE "C" NOT NULL,
    batch_ref TEXT COLLATE "C" NOT NULL,
    purchased BIGINT NOT NULL,
    allocated BIGINT NOT NULL,
    CONSTRAINT {prefix}purged_key PRIMARY KEY (sku, batch_ref)
);

-- The batches of a product are also read in the order of their names.
DROP INDEX {schema}{prefix}batches_by_sku;
CREATE INDEX {prefix}batches_by_sku ON {schema}{prefix}batches (sku, ref);

INSERT INTO {schema}{prefix}schema_version (version) VALUES (2);
