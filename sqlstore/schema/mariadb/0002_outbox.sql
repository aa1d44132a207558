-- Version 2: events leave the building. {schema} and {prefix} stand before every name. Every statement may be run
-- again, and the one that adds a stored column copies the table.
--
-- id is the event's UUID, NULL for events that were told before this version. trace_parent is the W3C trace parent of
-- the caller who caused the event, NULL if there was none.
--
-- unsent_from is a mark on the last event of each commit of a product: the number of the commit's first event, or of
-- the first of them that is still unsent. So the events from unsent_from to this one are unsent. Without marks
-- all is sent, as is what was told before this version, or by a program of an older one.
-- unsent_sku is what the marks are found by.
--
-- Debezium's outbox event router can read the rows as they are inserted: the comment of package outbox has all the
-- settings. aggregatetype is the column by which the router chooses a topic. Each mark has to be taken away all the
-- same, by a relay whose publisher accepts all events and sends nothing: an unsent event is never purged.
ALTER TABLE {schema}{prefix}events
    ADD COLUMN IF NOT EXISTS id            CHAR(36) CHARACTER SET ascii COLLATE ascii_bin,
    ADD COLUMN IF NOT EXISTS aggregatetype VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'product',
    ADD COLUMN IF NOT EXISTS trace_parent  VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin,
    ADD COLUMN IF NOT EXISTS unsent_from   BIGINT,
    ADD COLUMN IF NOT EXISTS unsent_sku    VARBINARY(255) GENERATED ALWAYS AS (IF(unsent_from IS NULL, NULL, sku)) STORED,
    ADD KEY IF NOT EXISTS {prefix}events_unsent (unsent_sku, sequence);

-- One row for each product that is leased, or whose first unsent event failed.
CREATE TABLE IF NOT EXISTS {schema}{prefix}deliveries (
    sku        VARBINARY(255) NOT NULL,
    owner      VARBINARY(255) NOT NULL, -- who leased it last
    claim      BIGINT,                  -- number of the claim that leased it; NULL: it waits for the next try
    not_before BIGINT NOT NULL,         -- end of the lease, or retry_at
    sequence   BIGINT NOT NULL,         -- number of the first unsent event
    tries      BIGINT NOT NULL,         -- how often it was tried and failed; 0: there is only a lease
    retry_at   BIGINT NOT NULL,         -- time of its next try, if it failed
    dead       TINYINT NOT NULL,        -- 1: it is not tried again by itself
    error      VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- why the last try failed
    PRIMARY KEY (sku)
) ENGINE = InnoDB;

-- What purged events had moved.
CREATE TABLE IF NOT EXISTS {schema}{prefix}purged (
    sku       VARBINARY(255) NOT NULL,
    batch_ref VARBINARY(255) NOT NULL,
    purchased BIGINT NOT NULL,
    allocated BIGINT NOT NULL,
    PRIMARY KEY (sku, batch_ref)
) ENGINE = InnoDB;

-- The batches of a product are also read in the order of their names. The foreign key always has an index to go by.
ALTER TABLE {schema}{prefix}batches ADD KEY IF NOT EXISTS {prefix}batches_open (sku, open);
ALTER TABLE {schema}{prefix}batches DROP KEY IF EXISTS {prefix}batches_by_sku, ADD KEY {prefix}batches_by_sku (sku, ref);

-- The version is not entered if a table of one of these names was there before with other columns.
INSERT IGNORE INTO {schema}{prefix}schema_version (version)
    SELECT 2 FROM (SELECT COUNT(e.unsent_sku + d.claim + g.allocated)
        FROM {schema}{prefix}events e JOIN {schema}{prefix}deliveries d ON d.sku = e.sku
        JOIN {schema}{prefix}purged g ON g.sku = e.sku WHERE e.sku = '') t;
