-- Version 6: a program of version 2 that was forgotten can't add a product either. {prefix} stands for the table prefix.
--
-- Programs of versions 3 to 5 may go on reading and writing.

-- Since version 3 every change of version changes written as well, and a new product has both. The check of version 3
-- takes 0, too, so a program that leaves written out could add a product and sell from the product. signed refuses 0. A
-- trigger would do the same, but with triggers SQLite plans an insert of a product with a scan of the lines.
UPDATE {prefix}products SET written = version WHERE written = 0;
ALTER TABLE {prefix}products
    ADD COLUMN signed INTEGER NOT NULL GENERATED ALWAYS AS (written = version) VIRTUAL CHECK (signed = 1);

INSERT INTO {prefix}schema_version (version) VALUES (6);
