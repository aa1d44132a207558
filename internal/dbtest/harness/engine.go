// Package harness has what the programs measure and prove have in common: engines and their databases, processes, the
// past of a product that has sold for long, statistics, faults, and how a run begins and ends.
package harness

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the other drivers come with package servers

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// Engine is a kind of database.
type Engine struct {
	Name    string
	Dialect *sqlstore.Dialect
	Server  *servers.Engine // nil for a file

	settings map[string]string // of a server for measurements

	// version selects the engine's own name and version.
	version string

	// series is a relation with one column, n, from 1 to %d.
	series string

	// hurry are settings of a connection that loads rows into empty tables, and calm are the usual settings.
	hurry, calm []string

	// settle are statements after which the engine has no work left to do on loaded rows. Before that, the statement
	// vacuum takes the tables named by filled; empty for an engine without VACUUM of tables.
	settle         []string
	vacuum, filled string
}

// tables are the tables filled by a load.
const tables = `allocation_products, allocation_batches, allocation_lines, allocation_events`

// Engines are all engines.
var Engines = []*Engine{
	{
		Name: "sqlite", Dialect: sqlstore.SQLite,
		version: `SELECT 'SQLite ' || sqlite_version()`,
		series:  `(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c)`,
		settle:  []string{`ANALYZE`, `PRAGMA wal_checkpoint(TRUNCATE)`}, //nolint:misspell // so SQL spells it
	},
	{
		Name: "postgresql", Dialect: sqlstore.PostgreSQL, Server: servers.PostgreSQL,
		settings: map[string]string{"shared_buffers": "512MB", "max_connections": "1000"},
		version:  `SELECT 'PostgreSQL ' || current_setting('server_version')`,
		series:   `(SELECT n FROM generate_series(1, %d) n)`,
		settle:   []string{`CHECKPOINT`},
		vacuum:   `VACUUM ANALYZE `, //nolint:misspell // so SQL spells it
		filled: `SELECT CAST(oid::regclass AS text) FROM pg_class
			WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0`,
	},
	{
		Name: "mariadb", Dialect: sqlstore.MariaDB, Server: servers.MariaDB,
		settings: map[string]string{"innodb_buffer_pool_size": "512M", "max_connections": "1000"},
		version:  `SELECT CONCAT('MariaDB ', VERSION())`,
		series:   `(SELECT seq AS n FROM seq_1_to_%d)`,
		settle:   []string{`ANALYZE TABLE ` + tables}, //nolint:misspell // so SQL spells it
	},
}

// ByName finds an engine.
func ByName(name string) (*Engine, error) {
	for _, e := range Engines {
		if e.Name == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("unknown engine %q", name)
}

// Measure starts one engine by name, or "all" engines in turn, with the usual durability, and calls measure for each.
// The databases are removed afterwards. After a failure the other engines are measured all the same.
func Measure(ctx context.Context, name string, measure func(p *Place) error) error {
	var failed []error
	if _, err := ByName(name); name != "all" && err != nil {
		return err
	}
	for _, e := range Engines {
		if name != "all" && name != e.Name {
			continue
		}
		p, err := e.Start(ctx, &Options{Settings: e.settings})
		if err == nil {
			err = errors.Join(measure(p), p.Stop())
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", e.Name, err))
		}
	}
	return errors.Join(failed...)
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

// Open opens a pool, and a store on it. The options may be nil.
func (e *Engine) Open(dsn string, connections int, opts *sqlstore.Options) (*sql.DB, *sqlstore.Store, error) {
	db, err := e.Pool(dsn, connections)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(db, e.Dialect, opts)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}

var onlyOnSQLite = regexp.MustCompile(`/\*SQLite: (.*?)\*/`)

// ForSQLite opens comments such as /*SQLite: , written*/: columns and values that statements have on SQLite alone.
func ForSQLite(statement string) string { return onlyOnSQLite.ReplaceAllString(statement, "$1") }

// text is a statement as the engine needs the statement.
func (e *Engine) text(statement string) string {
	if e.Dialect == sqlstore.SQLite {
		return ForSQLite(statement)
	}
	return statement
}

// Load executes statements that fill empty tables, on one connection.
func (e *Engine) Load(ctx context.Context, db *sql.DB, statements []string) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, statement := range slices.Concat(e.hurry, statements, e.calm) {
		if _, err := conn.ExecContext(ctx, e.text(statement)); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Settle makes the engine do at once any work put off by a load or a workload, such as a vacuum or a checkpoint. Empty
// tables of PostgreSQL are not vacuumed: the planner would know that they are empty, and connections would keep plans
// that read a whole table until the next statistics, however large the table has become.
func (e *Engine) Settle(ctx context.Context, db *sql.DB) error {
	statements := e.settle
	if e.vacuum != "" {
		var filled []string
		err := Rows(ctx, db, e.filled, func(rows *sql.Rows) error {
			filled = append(filled, "")
			return rows.Scan(&filled[len(filled)-1])
		})
		if err != nil {
			return err
		}
		if len(filled) > 0 {
			statements = append([]string{e.vacuum + strings.Join(filled, ", ")}, statements...)
		}
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Describe names the engine, its version and the machine.
func (e *Engine) Describe(ctx context.Context, db *sql.DB) (string, error) {
	var name string
	err := db.QueryRowContext(ctx, e.version).Scan(&name)
	return fmt.Sprintf("%s, %s, %s/%s, %d cores",
		name, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), err
}
