-- Version 5: an index and a check that cost each new line less. {schema} and {prefix} stand before every name.
--
-- The data stay as they are, so programs of version 4 may go on reading and writing. Until such a program stops, its
-- Reconcile and Mend read all lines.
--
-- Nobody can write to the lines while the index is built. A host with millions of unshipped lines builds the index
-- beforehand, with CREATE INDEX CONCURRENTLY and the name and columns of the first statement; then this migration finds
-- the index, and takes no time.

-- The unshipped lines of a batch, in the order in which they leave the batch at a cut, last line first. A batch belongs
-- to one product, so the index needs no SKU.
CREATE INDEX IF NOT EXISTS {prefix}lines_leaving_batch ON {schema}{prefix}lines (batch_ref, held, priority DESC, sequence)
    WHERE open = 1;
DROP INDEX {schema}{prefix}lines_leaving;
ALTER INDEX {schema}{prefix}lines_leaving_batch RENAME TO {prefix}lines_leaving;

-- The same condition as before in fewer words: PostgreSQL parses the text of a check at every statement. All lines meet
-- the condition already, so nothing is read.
ALTER TABLE {schema}{prefix}lines
    DROP CONSTRAINT {prefix}lines_held_said,
    ADD CONSTRAINT {prefix}lines_held_said CHECK (held = num_nonnulls(held_until)) NOT VALID;

INSERT INTO {schema}{prefix}schema_version (version) VALUES (5);
