// Package sqlstore keeps products in a relational database, through database/sql: the [allocation.Store] for
// hosts that have a database already. It imports no driver; the host brings its own, and tells the engine
// by a [Dialect]: [PostgreSQL], [MariaDB] or [SQLite].
//
//	db, err := sql.Open("sqlite", "file:stock.db?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"+
//		"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
//	…
//	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
//	…
//	err = store.Migrate(ctx)
//	…
//	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
//
// # Opening SQLite
//
// SQLite keeps its settings per connection, so they belong into the data source name, from where the driver
// applies them to every connection of the pool. These are for modernc.org/sqlite:
//
//   - foreign_keys(1) makes SQLite enforce foreign keys, which it doesn't by itself.
//     [Store.CheckSchema] insists on it.
//   - journal_mode(WAL) lets others read while one writes.
//   - busy_timeout(10000) lets a writer wait for another, here for up to ten seconds. A writer that has
//     waited in vain is [allocation.ErrConflict], which a unit of work tries again.
//   - synchronous(FULL) is safe against power failure. With NORMAL the last commits may be lost in one,
//     and the file stays sound; it is several times as fast.
//
// Don't share the page cache (cache=shared). A database in memory belongs to one connection: give it a pool of
// one (db.SetMaxOpenConns(1)), which is enough for everything here.
//
// # Opening PostgreSQL
//
//	db, err := sql.Open("pgx", "postgres://user:password@host/shop") // import _ "github.com/jackc/pgx/v5/stdlib"
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, &sqlstore.Options{Schema: "stock"})
//
// Statements are given to the driver as text. jackc/pgx keeps those that it has prepared; with lib/pq set
// binary_parameters=yes, or each statement takes two round trips. Every level of isolation will do, also as the
// connection's default.
//
// # Opening MariaDB
//
//	db, err := sql.Open("mysql", "user:password@tcp(host)/shop") // import _ "github.com/go-sql-driver/mysql"
//	store, err := sqlstore.New(db, sqlstore.MariaDB, nil)
//
// The driver's parameters parseTime, clientFoundRows and interpolateParams make no difference to what is kept. The
// character set of the connection is utf8mb4, the driver's default, or utf8; [Store.CheckSchema] refuses any other. The
// level READ UNCOMMITTED would show half of a commit, and CheckSchema refuses it, too; innodb_snapshot_isolation may be
// on or off. A commit of many lines has its values in the text of the statement, where logs of queries and tracing drivers see
// them: orders, batches, and the events as JSON.
//
// # The tables
//
// The tables are created by [Store.Migrate], if the host wants that, or by the host's own migration tool from
// [Migrations]: plain SQL, numbered, with the prefix of [Options] filled in. No other function changes
// the schema. Each migration enters its number into the table schema_version, so that Migrate goes on where a
// tool ended. The other way round, the tool has to be told which numbers are applied (golang-migrate: force).
// golang-migrate on MariaDB needs multiStatements=true in its DSN. [Store.CheckSchema] tells at the program's start whether all is there; every method that
// finds it isn't answers [ErrNotMigrated]. On SQLite and PostgreSQL a migration is applied whole or not at all. MariaDB
// can't undo DDL: there a migration that failed halfway is simply run again, and the number is entered last. A schema
// that is named in [Options] has to exist.
//
// Hosts are welcome to read the tables. The ledger (events) has one row for each event, with the units by which
// it moved the purchased and allocated counters of a batch: their sums are the counters, together with those of
// events that [Store.Purge] has deleted (purged). Times are microseconds since 1970 in UTC. To change
// rows by hand is another matter; [allocation.Service.Reconcile] finds what it broke and Mend puts it right.
//
// Version 2 made the tables an outbox. What was told before counts as sent, and so does what a program of an older
// version commits afterwards: stop those first. It builds an index over the ledger, and copies it on MariaDB.
//
// # Events that leave the building
//
// A Store is an [outbox.Store] and an [outbox.Maintainer], for the relay of package outbox. A product's events are
// sent in their order, so those that are unsent are always its last ones: a commit puts a mark (unsent_from) on
// the last event of each product, with the number of its first, and Settle takes it away. That is one entry in one
// index, and neither a statement nor a round trip more. The table deliveries has a row for each product that
// is leased or has failed. What a relay says to the database does not depend on how many events are unsent:
//
//   - Claim goes from product to product through the marks, leases those that are free, and then reads their events:
//     two statements on PostgreSQL, three on the others, and one if there is nothing to do, which only reads. On
//     MariaDB it has to pass up to some hundred marks of a product, and takes another statement beyond that.
//   - Settle is one statement on PostgreSQL, two on MariaDB, and a short transaction on SQLite.
//   - [Store.Backlog] reads every mark.
//   - [Store.Purge] looks at the first event of every product.
//
// None of them keeps a sale waiting for longer than one statement takes. A store that [Store.Join] returned is no
// outbox, but what it commits is sent once the host has committed.
//
// Each event has an id and an aggregate type, which is always product, so that Debezium's outbox event router can
// send the events in place of a relay. The migration's comment says how it is configured.
//
// # What is guaranteed
//
// A load is one SELECT outside any transaction, so it sees one moment and keeps no connection while the host
// thinks. A commit is under the condition that each product still has the version that was read, so that of two
// units of work on one product the second finds nothing to write: [allocation.ErrConflict].
//
//   - PostgreSQL: one statement, without a transaction around it, so an allocation takes two round trips however many
//     lines it has. It locks the products in the order of their SKUs, and writes only if all have their versions.
//   - MariaDB: a short transaction with one statement for each table, seven round trips with the load and
//     however many lines (six for one product with one batch, and more beyond a megabyte). Its first statement writes the
//     products, in the order of their SKUs. If a unit of work has read a product that it doesn't change, one more
//     locks them all first.
//   - SQLite: a short transaction, row by row. Its first statement writes, so it waits for its turn.
//
// [Store.Locked] is for those who rather wait than lose races: a transaction with what it reads locked in the order
// of the SKUs, on SQLite the whole database. [Store.Join] is for hosts that write something of their own with
// an allocation:
//
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	defer tx.Rollback()
//	_, err = tx.ExecContext(ctx, `INSERT INTO orders …`)
//	…
//	service, err := allocation.New(allocation.NewUnitOfWork(store.Join(tx), nil), nil)
//	…
//	_, err = service.Allocate(ctx, lines...)
//	if err != nil {
//		return err // and begin again if it is an allocation.ErrConflict
//	}
//	return tx.Commit()
//
// The database refuses by itself as well, whoever writes: more units promised than there are, a second line of
// the same order and SKU, a part of a line from an unknown batch. Such a refusal is an
// [*allocation.Error] that wraps the driver's error and none of the sentinels, unless the contract of
// [allocation.Store] has one for it. Counters are written as differences, so that these checks
// hold even if somebody changed a row behind the library's back.
//
// Identifiers are compared as bytes. No statement reads rows of the past: used-up batches, shipped lines and
// the lines of other orders cost nothing, however many there are.
//
// # Errors
//
// Errors of the database are an [*allocation.Error] whose Op is the method and which wraps the driver's error;
// its Field is "database" where it concerns nothing smaller. Errors are told apart by what drivers tell with them: a
// SQLSTATE, a number, a result code. [Options].Classify adds what else a host knows.
//
// A commit that the context ends before COMMIT is sent is rolled back and answered with the context's error. COMMIT
// itself is not cut short; if its answer is lost, because the connection is, the error is
// [allocation.ErrUnknownOutcome]. So it is if the connection is lost, or the context ends, while PostgreSQL works on its one
// statement. What the server has answered, and a connection that could not be had, leave no doubt.
package sqlstore
