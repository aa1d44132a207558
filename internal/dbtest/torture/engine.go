package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"path/filepath"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// engine is a kind of database that can be tortured.
type engine struct {
	dialect *sqlstore.Dialect
	server  *servers.Engine // nil for a file

	// connector opens connections that the cutter may cut; a nil cutter leaves them alone.
	connector func(dsn string, cut *cutter) (driver.Connector, error)

	// sessions selects the ids of the database's other sessions, and end ends the one that %d is; "" if
	// there is no such thing.
	sessions, end string
}

var engines = map[string]*engine{
	"sqlite": {dialect: sqlstore.SQLite, connector: connectSQLite},
	"postgresql": {
		dialect: sqlstore.PostgreSQL, server: servers.PostgreSQL, connector: connectPostgreSQL,
		sessions: `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
		end:      `SELECT pg_terminate_backend(%d)`,
	},
	"mariadb": {
		dialect: sqlstore.MariaDB, server: servers.MariaDB, connector: connectMariaDB,
		sessions: `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()`,
		end:      `KILL CONNECTION %d`,
	},
}

// open opens a database and a store on it.
func (e *engine) open(dsn string, cut *cutter) (*sql.DB, *sqlstore.Store, error) {
	connector, err := e.connector(dsn, cut)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(connector)
	store, err := sqlstore.New(db, e.dialect, nil)
	return db, store, err
}

func connectSQLite(dsn string, cut *cutter) (driver.Connector, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil || cut == nil {
		return connector, err
	}
	return cutConnector{Connector: connector, cut: cut}, nil
}

func connectPostgreSQL(dsn string, cut *cutter) (driver.Connector, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if cut != nil {
		config.DialFunc = cut.dial
	}
	return stdlib.GetConnector(*config), nil
}

func connectMariaDB(dsn string, cut *cutter) (driver.Connector, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.Logger = &mysql.NopLogger{} // it would tell of every cut
	if cut != nil {
		config.DialFunc = cut.dial
	}
	return mysql.NewConnector(config)
}

// place is where the database of a run is.
type place struct {
	dsn    string
	server *servers.Server // nil for a file
}

// start starts a private server with an empty database, or names a file in the folder.
func (e *engine) start(ctx context.Context, s *settings, folder string) (*place, error) {
	if e.server == nil {
		pragmas := []string{"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(10000)", "synchronous(NORMAL)"}
		file := filepath.Join(folder, "stock.db")
		return &place{dsn: "file:" + file + "?" + url.Values{"_pragma": pragmas}.Encode()}, nil
	}
	server, err := servers.Start(ctx, e.server, s.server())
	if err != nil {
		return nil, err
	}
	database, err := server.CreateDatabase(ctx)
	if err != nil {
		_ = server.Stop() // the first error says more
		return nil, err
	}
	return &place{dsn: database.DSN, server: server}, nil
}

// stop ends the server for good.
func (p *place) stop() error {
	if p.server == nil {
		return nil
	}
	return p.server.Stop()
}
