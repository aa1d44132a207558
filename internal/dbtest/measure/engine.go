// Package measure has what programs that measure real databases have in common: the engines, the past of a product that has
// sold for long, and statistics.
package measure

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

// Engine is a kind of database to measure.
type Engine struct {
	Name     string
	Dialect  *sqlstore.Dialect
	Server   *servers.Engine // nil for a file
	settings map[string]string

	// version selects what the engine calls itself.
	version string

	// series is a relation with one column, n, from 1 to %d.
	series string

	// settle lets the engine take stock of what was loaded, so that it doesn't do so in the middle of a measurement.
	settle []string
}

// Engines are all that there are.
var Engines = []*Engine{
	{
		Name: "sqlite", Dialect: sqlstore.SQLite,
		version: `SELECT 'SQLite ' || sqlite_version()`,
		series:  `(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c)`,
		settle:  []string{`ANALYZE`, `PRAGMA wal_checkpoint(TRUNCATE)`}, //nolint:misspell // so SQL spells it
	},
	{
		Name: "postgresql", Dialect: sqlstore.PostgreSQL, Server: servers.PostgreSQL,
		settings: map[string]string{"shared_buffers": "512MB", "max_connections": "400"},
		version:  `SELECT 'PostgreSQL ' || current_setting('server_version')`,
		series:   `(SELECT n FROM generate_series(1, %d) n)`,
		settle:   []string{`VACUUM ANALYZE`, `CHECKPOINT`}, //nolint:misspell // so SQL spells it
	},
	{
		Name: "mariadb", Dialect: sqlstore.MariaDB, Server: servers.MariaDB,
		settings: map[string]string{"innodb_buffer_pool_size": "512M", "max_connections": "400"},
		version:  `SELECT CONCAT('MariaDB ', VERSION())`,
		series:   `(SELECT seq AS n FROM seq_1_to_%d)`,
		settle: []string{
			`ANALYZE TABLE allocation_products, allocation_batches, allocation_lines, allocation_events`, //nolint:misspell // so SQL spells it
		},
	},
}

// ByName finds an engine.
func ByName(name string) (*Engine, error) {
	for _, e := range Engines {
		if e.Name == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("there is no engine %q", name)
}

// Place is where the databases of an engine are.
type Place struct {
	*Engine
	running *servers.Server // nil for files
	Folder  string          // of the files
}

// Start starts a private server as it comes, with fsync, or makes a folder for files.
func (e *Engine) Start(ctx context.Context) (*Place, error) {
	if e.Server == nil {
		folder, err := os.MkdirTemp("", "allocation-measure-")
		return &Place{Engine: e, Folder: folder}, err
	}
	running, err := servers.Start(ctx, e.Server, &servers.Options{Settings: e.settings})
	if err != nil {
		return nil, err
	}
	return &Place{Engine: e, running: running}, nil
}

// Stop removes all databases.
func (p *Place) Stop() error {
	if p.running == nil {
		return os.RemoveAll(p.Folder)
	}
	return p.running.Stop()
}

// Empty makes a database without tables.
func (p *Place) Empty(ctx context.Context, name string) (dsn string, err error) {
	if p.running != nil {
		database, err := p.running.CreateDatabase(ctx)
		return database.DSN, err
	}
	pragmas := []string{"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(10000)", "synchronous(FULL)"}
	file := filepath.Join(p.Folder, name+".db")
	return "file:" + file + "?" + url.Values{"_pragma": pragmas}.Encode(), nil
}

// Pool opens a pool that keeps its connections.
func (e *Engine) Pool(dsn string, connections int) (*sql.DB, error) {
	driver := "sqlite"
	if e.Server != nil {
		driver = e.Server.Driver()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Settle lets the engine do now what it would do some time after a load or a workload.
func (e *Engine) Settle(ctx context.Context, db *sql.DB) error {
	for _, statement := range e.settle {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Describe says what is measured on what.
func (e *Engine) Describe(ctx context.Context, db *sql.DB) (string, error) {
	var name string
	err := db.QueryRowContext(ctx, e.version).Scan(&name)
	return fmt.Sprintf("%s, %s, %s/%s, %d cores", name, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), err
}
