// Package sqlstore keeps products in a relational database through database/sql. A [Store] implements
// [allocation.Store] for hosts with a database of their own. The package imports no driver: the host opens the
// database, and names the engine by a [Dialect]: [PostgreSQL], [MariaDB] or [SQLite].
//
//	db, err := sql.Open("sqlite", "file:stock.db?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"+
//		"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
//	…
//	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
//	…
//	err = store.Migrate(ctx)
//	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
//
// # Opening SQLite
//
// SQLite has settings per connection, so the settings belong in the data source name, here of modernc.org/sqlite:
//
//   - foreign_keys(1) makes SQLite enforce foreign keys. [Store.CheckSchema] demands the setting.
//   - journal_mode(WAL) lets readers proceed beside a writer.
//   - busy_timeout(10000) lets a writer wait ten seconds for others, and then fail with [allocation.ErrConflict].
//   - synchronous(FULL) survives a power failure; NORMAL is several times as fast and may lose the last commits.
//
// Don't share the page cache (cache=shared). A database in memory needs a pool of one connection (SetMaxOpenConns).
//
// # Opening PostgreSQL
//
//	db, err := sql.Open("pgx", "postgres://user:password@host/shop") // import _ "github.com/jackc/pgx/v5/stdlib"
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, &sqlstore.Options{Schema: "stock"})
//
// jackc/pgx caches prepared statements; lib/pq needs binary_parameters=yes, or each statement takes two round trips.
// Every level of isolation is safe. Behind a pooler in transaction mode, such as PgBouncer, pgx needs
// default_query_exec_mode=exec, cache_describe or simple_protocol, and lib/pq binary_parameters=yes. With other
// settings commands fail, or run with another caller's statement; [Store.CheckSchema] finds out.
//
// # Opening MariaDB
//
//	db, err := sql.Open("mysql", "user:password@tcp(host)/shop") // import _ "github.com/go-sql-driver/mysql"
//
// The driver's parameters parseTime, clientFoundRows and interpolateParams make no difference. The character set of the
// connection must be utf8mb4, the driver's default, or utf8. The level of isolation must not be READ UNCOMMITTED, which
// would show half of a commit; [Store.CheckSchema] checks both. innodb_snapshot_isolation may be on or off.
//
// Statements outside of transactions are prepared at the first use, one for each kind and connection, and for loads and
// views of up to 50 products one for each number of products; beyond max_prepared_stmt_count the store sends text.
// Statements in a transaction have the values in the text, where logs and tracing drivers see orders, batches and
// events: a server of a Galera cluster may end a transaction and hide the error from a request to prepare. Each writing
// statement fails with [allocation.ErrConflict] outside of its transaction.
//
// # Tables
//
// [Store.Migrate] creates the tables, or the host's migration tool does so with [Migrations]: plain numbered SQL.
// No other method changes the schema. Each migration adds its number to the table schema_version, so Migrate continues
// after a tool; in the other direction, tell the tool which numbers are applied (golang-migrate: force). On MariaDB
// golang-migrate needs multiStatements=true. Call [Store.CheckSchema] at the start of the program. SQLite and
// PostgreSQL apply a migration whole or not at all. MariaDB can't undo DDL, so repeat a failed migration.
//
// Before a migration stop all programs of earlier versions. A program of version 2 that was forgotten fails at the next
// commit after the migration to version 3. Events that a program of version 1 records later count as sent. Versions 4
// and 5 change indexes and a check alone: programs of version 3 may go on during and after the migration, but
// CheckSchema and Migrate of such a program, at the next start, return [ErrNotMigrated].
//
// Hosts may read the tables. The table events has one row for each event, with the change of the purchased and
// allocated units of a batch. The counters of a batch are the sums over the events, purged events (table purged)
// included. Times are microseconds since 1970 in UTC. [allocation.Service.Reconcile] finds errors after a change by
// hand or a partial restore, and Mend corrects counters and version.
//
// # Outbox
//
// A Store is an [outbox.Store] and an [outbox.Maintainer]. A commit marks the last of its events for each product: the
// column unsent_from has the number of the first, and Settle clears the mark. So the outbox costs a commit one entry in
// an index and no further statement. The table deliveries has leases and failures.
//
// Claim takes two or three statements, or one read if nothing is claimable. [Store.Backlog] reads every mark,
// [Store.Purge] the first event of every product. A store of [Store.Join] is no outbox; its events are sent after the
// host's commit. Debezium's event router can replace a relay, see package outbox.
//
// # Guarantees
//
// A load is one SELECT outside any transaction: one moment, and no connection while the host thinks. A commit demands
// that each product still has the version that was read; the second of two units of work gets [allocation.ErrConflict].
//
//   - PostgreSQL: one statement, which locks the products in the order of the SKUs. An allocation of any number of
//     lines takes two round trips.
//   - MariaDB: a short transaction with one statement for each table. An allocation takes three round trips, more
//     with dozens of lines or with locks. Lists are cut at 128 KiB; a load in parts reads from one snapshot.
//   - SQLite: a short transaction, row by row. The first statement writes, and waits for other writers.
//
// [Store.Within] commits the host's own rows and the allocations together, or neither. [Store.Join] is for hosts that
// begin and end the transaction themselves:
//
//	inside, committed := service.Inside(store.Join(tx))
//	_, err = inside.Allocate(ctx, lines...) // after an error: roll back, and begin again if it is an ErrConflict
//	…
//	if err = tx.Commit(); err == nil {
//		committed(ctx) // now the hooks hear of the commit
//	}
//
// The database also refuses by itself, for every writer: more promised units than purchased units, a second line with
// the same key, a part of a line from an unknown batch. Counters are written as differences, so that the checks hold
// even after a change by hand. Identifiers are compared as bytes. An allocation reads open batches, lapsed holds and
// the lines of its own orders, and nothing else, so history costs nothing.
//
// # Errors
//
// A database error is an [*allocation.Error] with the method as Op and the driver's error wrapped; Field is "database"
// unless the error has a smaller subject. Errors are recognised by SQLSTATE, number or result code, and by
// [Options].Classify.
//
// A context that ends before COMMIT rolls the commit back; COMMIT itself is not interrupted. The error is
// [allocation.ErrUnknownOutcome] if the connection is lost before the answer to COMMIT, or to the single statement of
// PostgreSQL, or if the context ends before the answer to that statement.
package sqlstore
