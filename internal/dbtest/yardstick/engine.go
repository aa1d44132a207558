package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	_ "modernc.org/sqlite" // the others come with package servers

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// engine is a kind of database to measure.
type engine struct {
	name     string
	dialect  *sqlstore.Dialect
	server   *servers.Engine // nil for a file
	settings map[string]string

	// version selects what the engine calls itself.
	version string

	// byHand is what a host would write.
	byHand dml

	// series is a relation with one column, n, from 1 to %d.
	series string

	// settle lets the engine take stock of what was loaded, so that it doesn't do so in the middle of a measurement.
	settle []string
}

var engines = []*engine{
	{
		name: "sqlite", dialect: sqlstore.SQLite, byHand: byHandOnSQLite,
		version: `SELECT 'SQLite ' || sqlite_version()`,
		series:  `(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c)`,
		settle:  []string{`ANALYZE`, `PRAGMA wal_checkpoint(TRUNCATE)`}, //nolint:misspell // so SQL spells it
	},
	{
		name: "postgresql", dialect: sqlstore.PostgreSQL, server: servers.PostgreSQL, byHand: byHandOnPostgreSQL,
		settings: map[string]string{"shared_buffers": "512MB", "max_connections": "400"},
		version:  `SELECT 'PostgreSQL ' || current_setting('server_version')`,
		series:   `(SELECT n FROM generate_series(1, %d) n)`,
		settle:   []string{`VACUUM ANALYZE`, `CHECKPOINT`}, //nolint:misspell // so SQL spells it
	},
	{
		name: "mariadb", dialect: sqlstore.MariaDB, server: servers.MariaDB, byHand: byHandOnMariaDB,
		settings: map[string]string{"innodb_buffer_pool_size": "512M", "max_connections": "400"},
		version:  `SELECT CONCAT('MariaDB ', VERSION())`,
		series:   `(SELECT seq AS n FROM seq_1_to_%d)`,
		settle: []string{
			`ANALYZE TABLE allocation_products, allocation_batches, allocation_lines, allocation_events`, //nolint:misspell // so SQL spells it
		},
	},
}

// place is where the databases of an engine are.
type place struct {
	*engine
	running *servers.Server // nil for files
	folder  string          // of the files
}

// start starts a private server as it comes, with fsync, or makes a folder for files.
func (e *engine) start(ctx context.Context) (*place, error) {
	if e.server == nil {
		folder, err := os.MkdirTemp("", "allocation-yardstick-")
		return &place{engine: e, folder: folder}, err
	}
	running, err := servers.Start(ctx, e.server, &servers.Options{Settings: e.settings})
	if err != nil {
		return nil, err
	}
	return &place{engine: e, running: running}, nil
}

// stop removes all databases.
func (p *place) stop() error {
	if p.running == nil {
		return os.RemoveAll(p.folder)
	}
	return p.running.Stop()
}

// create makes a database with empty tables, those of the library and those that are written by hand.
func (p *place) create(ctx context.Context, name string) (dsn string, err error) {
	if dsn, err = p.empty(ctx, name); err != nil {
		return "", err
	}
	db, err := p.pool(dsn, 1)
	if err != nil {
		return "", err
	}
	defer db.Close()
	for _, prefix := range []string{"", "hand_"} {
		store, err := sqlstore.New(db, p.dialect, &sqlstore.Options{TablePrefix: prefix})
		if err != nil {
			return "", err
		}
		if err := store.Migrate(ctx); err != nil {
			return "", err
		}
	}
	return dsn, nil
}

func (p *place) empty(ctx context.Context, name string) (dsn string, err error) {
	if p.running != nil {
		database, err := p.running.CreateDatabase(ctx)
		return database.DSN, err
	}
	pragmas := []string{"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(10000)", "synchronous(FULL)"}
	file := filepath.Join(p.folder, name+".db")
	return "file:" + file + "?" + url.Values{"_pragma": pragmas}.Encode(), nil
}

// pool opens a pool that keeps its connections.
func (p *place) pool(dsn string, connections int) (*sql.DB, error) {
	driver := "sqlite"
	if p.server != nil {
		driver = p.server.Driver()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// describe says what is measured on what.
func (p *place) describe(ctx context.Context, db *sql.DB) (string, error) {
	var name string
	err := db.QueryRowContext(ctx, p.version).Scan(&name)
	return fmt.Sprintf("%s, %s, %s/%s, %d cores", name, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), err
}
