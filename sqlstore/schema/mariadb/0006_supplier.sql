-- Version 6: the supplier of a batch.

ALTER TABLE {schema}{prefix}batches ADD COLUMN IF NOT EXISTS supplier VARCHAR(255) NOT NULL DEFAULT '';

INSERT IGNORE INTO {schema}{prefix}schema_version (version) VALUES (6);
