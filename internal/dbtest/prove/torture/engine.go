package torture

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

// engine is a kind of database that can be tortured.
type engine struct {
	*harness.Engine

	// connector opens connections that the cutter may cut; a nil cutter leaves them alone.
	connector func(dsn string, cut *cutter) (driver.Connector, error)

	// sessions selects the ids of the database's other sessions, and end ends the session %d; "" where no statement
	// does.
	sessions, end string
}

// find finds an engine by its name.
func find(name string) (engine, error) {
	if name == galera {
		name = "mariadb"
	}
	e, err := harness.ByName(name)
	switch name {
	case "sqlite":
		return engine{Engine: e, connector: connectSQLite}, err
	case "postgresql":
		return engine{
			Engine: e, connector: connectPostgreSQL,
			sessions: `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
			end:      `SELECT pg_terminate_backend(%d)`,
		}, err
	case "mariadb":
		return engine{
			Engine: e, connector: connectMariaDB,
			sessions: `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()`,
			end:      `KILL CONNECTION %d`,
		}, err
	}
	return engine{}, err
}

// open opens a database and a store on it.
func (e engine) open(dsn string, cut *cutter) (*sql.DB, *sqlstore.Store, error) {
	connector, err := e.connector(dsn, cut)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(connector)
	store, err := sqlstore.New(db, e.Dialect, nil)
	return db, store, err
}

// pooled opens a store of a client on a pool, over pgx itself or over database/sql.
func (e engine) pooled(
	ctx context.Context, dsn string, cut *cutter, connections int, overPgx bool,
) (store allocation.Store, closing func(), err error) {
	if overPgx {
		config, err := pgxpool.ParseConfig(dsn)
		if err != nil {
			return nil, nil, err
		}
		config.MaxConns = int32(connections) //nolint:gosec // few
		config.ConnConfig.DialFunc = cut.dial
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return nil, nil, err
		}
		store, err := pgxstore.New(pool, &pgxstore.Options{Notify: true})
		return store, pool.Close, err
	}
	db, opened, err := e.open(dsn, cut)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return opened, func() { _ = db.Close() }, nil
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
	if config.Net == anyNode {
		config.DialFunc = newNodes(config.DialFunc).dial
	}
	return mysql.NewConnector(config)
}
