-- Version 5 changes an index and a check of PostgreSQL, and nothing here. {schema} and {prefix} stand before every name.

INSERT IGNORE INTO {schema}{prefix}schema_version (version) VALUES (5);
