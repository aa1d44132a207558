package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// engine is a kind of database to test on, with a driver and settings.
type engine struct {
	name    string
	dialect *sqlstore.Dialect

	// empty names a new database without tables.
	empty func(t testing.TB) (dsn string)

	connector func(dsn string) (driver.Connector, error)

	// topics are the promises to test beside those that were tested on the plain engine; nil for all promises.
	topics []storetest.Topic

	// steps begin the statements of a commit of one line, and commit that which makes it last.
	steps  []string
	commit string

	// strangers counts tables and indexes whose names begin with neither "north_" nor "south_".
	strangers string
}

// The engines that every shared test runs on. The first of each dialect is the plain one.
var (
	onSQLite = &engine{
		name: "SQLite", dialect: sqlstore.SQLite, empty: sqliteFile, connector: connectSQLite,
		steps: []string{"BEGIN", "UPDATE allocation_products", "INSERT INTO allocation_events"}, commit: "COMMIT",
		strangers: `SELECT COUNT(*) FROM sqlite_master
			WHERE name NOT LIKE 'north\_%' ESCAPE '\' AND name NOT LIKE 'south\_%' ESCAPE '\'
				AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
	}
	onPostgreSQL = &engine{
		name: "PostgreSQL", dialect: sqlstore.PostgreSQL, empty: on(servers.PostgreSQL), connector: connectPgx(""),
		steps: []string{"WITH p AS"}, commit: "WITH p AS",
		strangers: `SELECT COUNT(*) FROM pg_class
			WHERE relnamespace = 'public'::regnamespace AND relname !~ '^(north|south)_'`,
	}
	onMariaDB = &engine{
		name: "MariaDB", dialect: sqlstore.MariaDB, empty: on(servers.MariaDB), connector: connectMySQL(nil),
		steps: []string{"BEGIN NOT ATOMIC"}, commit: "COMMIT",
		strangers: `SELECT COUNT(*) FROM information_schema.tables
			WHERE table_schema = DATABASE() AND table_name NOT RLIKE '^(north|south)_'`,
	}

	engines = []*engine{onSQLite, onPostgreSQL, onMariaDB}

	// Those that commit in a transaction, and those that are servers.
	transactional = []*engine{onSQLite, onMariaDB}
	remote        = []*engine{onPostgreSQL, onMariaDB}
)

// strictTopics are the promises that may depend on how transactions are isolated: of callers at the same time, and of
// attempts that are begun again.
var strictTopics = []storetest.Topic{
	storetest.Commit, storetest.Isolation, storetest.Processes, storetest.Context, storetest.Locker, storetest.Join,
	storetest.Within, storetest.Aggregate, storetest.Outbox, storetest.Upkeep, storetest.Views,
}

// The same with settings under which transactions behave otherwise.
var strictEngines = []*engine{
	{
		name: "PostgreSQL serializable", dialect: sqlstore.PostgreSQL, empty: on(servers.PostgreSQL),
		connector: connectPgx("serializable"),
		topics:    strictTopics,
	},
	{
		name: "PostgreSQL repeatable read", dialect: sqlstore.PostgreSQL, empty: on(servers.PostgreSQL),
		connector: connectPgx("repeatable read"),
		topics:    strictTopics,
	},
	{
		name: "MariaDB with snapshot isolation", dialect: sqlstore.MariaDB, empty: on(servers.MariaDB),
		connector: connectMySQL(map[string]string{"innodb_snapshot_isolation": "ON"}),
		topics:    strictTopics,
	},
	{
		name: "MariaDB serializable", dialect: sqlstore.MariaDB, empty: on(servers.MariaDB),
		connector: connectMySQL(map[string]string{"tx_isolation": "'SERIALIZABLE'"}),
		topics:    strictTopics,
	},
	{
		name: "MariaDB read committed", dialect: sqlstore.MariaDB, empty: on(servers.MariaDB),
		connector: connectMySQL(map[string]string{"tx_isolation": "'READ-COMMITTED'"}),
		topics:    strictTopics,
	},
}

func on(server *servers.Engine) func(t testing.TB) string {
	return func(t testing.TB) string { return servers.Shared(t, server).Database(t) }
}

func sqliteFile(t testing.TB) string { return dsn(newFile(t)) }

func connectSQLite(dsn string) (driver.Connector, error) { return sqlite.NewConnector(dsn) }

// connectPgx gives every connection a default level of isolation.
func connectPgx(level string) func(dsn string) (driver.Connector, error) {
	return func(dsn string) (driver.Connector, error) {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, err
		}
		if level != "" {
			config.RuntimeParams["default_transaction_isolation"] = level
		}
		return stdlib.GetConnector(*config), nil
	}
}

// connectMySQL sets variables on every connection.
func connectMySQL(variables map[string]string) func(dsn string) (driver.Connector, error) {
	return func(dsn string) (driver.Connector, error) {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, err
		}
		config.Params = variables
		return mysql.NewConnector(config)
	}
}

// place is one database.
type place struct {
	*engine
	dsn string
}

func (e *engine) new(t testing.TB) place {
	t.Helper()
	return place{engine: e, dsn: e.empty(t)}
}

// open opens a pool of connections.
func (p place) open(t testing.TB) *sql.DB {
	t.Helper()
	connector, err := p.connector(p.dsn)
	require.NoError(t, err)
	return opened(t, connector)
}

// spied is open with a spy between.
func (p place) spied(t testing.TB) (*spy, *sql.DB) {
	t.Helper()
	connector, err := p.connector(p.dsn)
	require.NoError(t, err)
	spied := &spy{Connector: connector}
	return spied, opened(t, spied)
}

func opened(t testing.TB, connector driver.Connector) *sql.DB {
	t.Helper()
	db := sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// store returns a store on a database that may not be migrated.
func (e *engine) store(t testing.TB, db *sql.DB, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, e.dialect, opts)
	require.NoError(t, err)
	return store
}

// migrated returns a store on a database that it migrates.
func (e *engine) migrated(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store := e.store(t, db, nil)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

// fresh is a store on a new database.
func (e *engine) fresh(t testing.TB) (*sql.DB, *sqlstore.Store) {
	t.Helper()
	db := e.new(t).open(t)
	return db, e.migrated(t, db)
}

// each runs a test on every engine.
func each(t *testing.T, engines []*engine, test func(t *testing.T, e *engine)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

// sideBySide is each for long tests whose databases are their own and who look at nothing else of a server: the engines
// take turns on the processors instead of waiting for each other's answers.
func sideBySide(t *testing.T, engines []*engine, test func(t *testing.T, e *engine)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// apply runs a migration as a tool does. MariaDB takes one statement at a time unless its driver is told otherwise.
func (e *engine) apply(t testing.TB, db *sql.DB, migration string) {
	t.Helper()
	if e != onMariaDB {
		exec(t, db, migration)
		return
	}
	for statement := range strings.SplitAfterSeq(strings.TrimSpace(migration), ";\n") {
		exec(t, db, statement)
	}
}
