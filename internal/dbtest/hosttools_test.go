package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-sql-driver/mysql"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	migratemysql "github.com/golang-migrate/migrate/v4/database/mysql"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	migratesqlite "github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// hostTool is a host's own migration tool. Method up applies the missing migrations and returns their number.
type hostTool struct {
	name string
	up   func(t *testing.T, p place, migrations []sqlstore.Migration) (applied int, err error)
}

var hostTools = []hostTool{
	{name: "goose", up: gooseUp},
	{name: "golang-migrate", up: migrateUp},
}

// gooseUp gives goose a folder with one file for each migration, as a host would copy them.
func gooseUp(t *testing.T, p place, migrations []sqlstore.Migration) (applied int, err error) {
	t.Helper()
	folder := fstest.MapFS{}
	for _, m := range migrations {
		folder[m.Name+".sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + m.SQL)}
	}
	dialect := map[*sqlstore.Dialect]goose.Dialect{
		sqlstore.SQLite:     goose.DialectSQLite3,
		sqlstore.PostgreSQL: goose.DialectPostgres,
		sqlstore.MariaDB:    goose.DialectMySQL,
	}[p.dialect]
	provider, err := goose.NewProvider(dialect, p.open(t), folder)
	require.NoError(t, err)
	results, err := provider.Up(t.Context())
	return len(results), err
}

// migrateUp does the same with golang-migrate.
func migrateUp(t *testing.T, p place, migrations []sqlstore.Migration) (applied int, err error) {
	t.Helper()
	folder := fstest.MapFS{}
	for _, m := range migrations {
		folder[m.Name+".up.sql"] = &fstest.MapFile{Data: []byte(m.SQL)}
	}
	source, err := iofs.New(folder, ".")
	require.NoError(t, err)
	target, err := migrateTarget(t, p)
	require.NoError(t, err)
	tool, err := migrate.NewWithInstance("iofs", source, p.name, target)
	require.NoError(t, err)
	defer func() {
		sourceErr, targetErr := tool.Close()
		require.NoError(t, sourceErr)
		require.NoError(t, targetErr)
	}()
	before, _, err := tool.Version()
	if err != nil {
		require.ErrorIs(t, err, migrate.ErrNilVersion)
	}
	err = tool.Up()
	after, _, _ := tool.Version()
	return int(after - before), err
}

// migrateTarget is golang-migrate's own driver of the engine. The driver for MariaDB sends a migration as a whole, so
// the connection has to allow several statements at once.
func migrateTarget(t *testing.T, p place) (database.Driver, error) {
	t.Helper()
	switch p.dialect {
	case sqlstore.SQLite:
		return migratesqlite.WithInstance(p.open(t), &migratesqlite.Config{})
	case sqlstore.PostgreSQL:
		return migratepgx.WithInstance(p.open(t), &migratepgx.Config{})
	}
	config, err := mysql.ParseDSN(p.dsn)
	require.NoError(t, err)
	config.MultiStatements = true
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	return migratemysql.WithInstance(opened(t, connector), &migratemysql.Config{})
}

// schemaFor makes a new, empty schema beside the connection's default schema.
func (p place) schemaFor(t *testing.T, db *sql.DB) string {
	t.Helper()
	name := "stock_" + strings.ToLower(rand.Text())
	if p.dialect == sqlstore.MariaDB { // a schema of MariaDB is a database, and outlives the test's database
		exec(t, db, `CREATE DATABASE `+name)
		t.Cleanup(func() { exec(t, p.open(t), `DROP DATABASE `+name) })
		return name
	}
	exec(t, db, `CREATE SCHEMA `+name)
	return name
}

func TestAHostsToolAppliesTheMigrations(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		for _, tool := range hostTools {
			for _, c := range []struct{ name, prefix, schema string }{
				{name: "plain"},
				{name: "prefix", prefix: "warehouse_"},
				{name: "schema", schema: "own"},
				{name: "schema and prefix", schema: "own", prefix: "_2_"},
			} {
				if c.schema != "" && e == onSQLite {
					continue // SQLite has no schemas
				}
				t.Run(tool.name+"/"+c.name, func(t *testing.T) {
					p := e.new(t)
					db := p.open(t)
					opts := &sqlstore.Options{TablePrefix: c.prefix}
					if c.schema != "" {
						opts.Schema = p.schemaFor(t, db)
					}
					requireApplied(t, p, tool, opts)
				})
			}
		}
	})
}

// requireApplied checks that a service can work with the tables of a tool.
func requireApplied(t *testing.T, p place, tool hostTool, opts *sqlstore.Options) {
	t.Helper()
	ctx := context.Background()
	store := p.store(t, p.open(t), opts)
	require.ErrorIs(t, store.CheckSchema(ctx), sqlstore.ErrNotMigrated)
	migrations, err := sqlstore.Migrations(p.dialect, opts)
	require.NoError(t, err)

	applied, err := tool.up(t, p, migrations)
	require.NoError(t, err)
	assert.Len(t, migrations, applied)
	require.NoError(t, store.CheckSchema(ctx))
	service, _ := stocked(t, store)
	_, err = service.Allocate(ctx, firm("o", "chair", 3))
	require.NoError(t, err)

	applied, err = tool.up(t, p, migrations)
	if err != nil {
		require.ErrorIs(t, err, migrate.ErrNoChange)
	}
	assert.Zero(t, applied, "migrations applied by a second run")
	require.NoError(t, store.Migrate(ctx), "Migrate after the host's tool")
	assert.EqualValues(t, 2, load(t, store, "chair").Version)
	audit, err := service.Reconcile(ctx, "chair")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "%+v", audit)
	_, err = service.Ship(ctx, "o")
	require.NoError(t, err)
}

// One store is in the connection's default schema, the other in a schema of its own.
func TestTwoSchemasOfOneDatabaseAreTwoStores(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		ctx := context.Background()
		p := e.new(t)
		db := p.open(t)
		here := e.migrated(t, db)
		stocked(t, here)
		there := e.store(t, db, &sqlstore.Options{Schema: p.schemaFor(t, db)})
		require.ErrorIs(t, there.CheckSchema(ctx), sqlstore.ErrNotMigrated)
		require.NoError(t, there.Migrate(ctx))
		require.NoError(t, there.Migrate(ctx), "a second Migrate")
		service, _ := serviceOn(t, there)
		_, err := service.Allocate(ctx, firm("o", "chair", 1))
		require.ErrorIs(t, err, allocation.ErrNotFound)
		stocked(t, there)
		_, err = service.Allocate(ctx, firm("o", "chair", 1))
		require.NoError(t, err)
		assert.EqualValues(t, 1, load(t, here, "chair").Version, "version of the other store's product")
	})
}

func TestMigrateFailsOnAMissingSchema(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		ctx := context.Background()
		store := e.store(t, e.new(t).open(t), &sqlstore.Options{Schema: "nowhere"})
		require.ErrorIs(t, store.CheckSchema(ctx), sqlstore.ErrNotMigrated)
		_, err := store.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}, Now: start, Limit: 1})
		require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
		err = store.Migrate(ctx)
		require.Error(t, err)
		var typed *allocation.Error
		require.ErrorAs(t, err, &typed)
		assert.Equal(t, "Migrate", typed.Op, fmt.Sprint(err))
	})
}
