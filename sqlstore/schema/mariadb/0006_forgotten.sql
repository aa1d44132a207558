-- Version 6 changes SQLite, and nothing here. {schema} and {prefix} stand before every name.

INSERT IGNORE INTO {schema}{prefix}schema_version (version) VALUES (6);
