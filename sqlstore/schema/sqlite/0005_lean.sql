-- Version 5 changes an index and a check of PostgreSQL, and nothing here. {prefix} stands for the table prefix.

INSERT INTO {prefix}schema_version (version) VALUES (5);
