// Package sqlstore keeps products in a relational database, through database/sql: the [allocation.Store] for
// hosts that have a database already. It imports no driver; the host brings its own, and tells the engine
// by a [Dialect]. So far there is one, [SQLite].
//
//	db, err := sql.Open("sqlite", "file:stock.db?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"+
//		"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
//	…
//	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
//	…
//	err = store.Migrate(ctx)
//	…
//	service := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
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
// # The tables
//
// The tables are created by [Store.Migrate], if the host wants that, or by the host's own migration tool from
// [Migrations]: plain SQL, numbered, with the prefix of [Options] filled in. No other function changes
// the schema. Each migration enters its number into the table schema_version, so that both ways can
// take turns. [Store.CheckSchema] tells at the program's start whether all is there; every method that
// finds it isn't answers [ErrNotMigrated].
//
// Hosts are welcome to read the tables. The ledger (events) has one row for each event, with the units by which
// it moved the purchased and allocated counters of a batch: their sums are the counters. Times are
// microseconds since 1970 in UTC. To change rows by hand is another matter; [allocation.Service.Reconcile]
// finds what it broke and Mend puts it right.
//
// # What is guaranteed
//
// A load is one SELECT outside any transaction, so it sees one moment and keeps no connection while the host
// thinks. A commit is one short transaction. Its first statement writes, on the condition that the
// product still has the version that was read, so that of two units of work on one product the second
// finds nothing to write: [allocation.ErrConflict]. Products are written in the order of their SKUs.
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
// its Field is "database" where it concerns nothing smaller. A commit that the context ends before COMMIT
// is sent is rolled back and answered with the context's error. COMMIT itself is not cut short; if its
// answer is lost, because the connection is, the error is [allocation.ErrUnknownOutcome].
package sqlstore
