-- Version 6: the supplier of a batch.

ALTER TABLE {prefix}batches ADD COLUMN supplier TEXT NOT NULL DEFAULT '';

INSERT INTO {prefix}schema_version (version) VALUES (6);
