-- Version 6: the supplier of a batch.

ALTER TABLE {schema}{prefix}batches ADD COLUMN supplier TEXT COLLATE "C" NOT NULL DEFAULT '';

INSERT INTO {schema}{prefix}schema_version (version) VALUES (6);
