package dbtest

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

func TestMigrateMayRunAgain(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		stocked(t, store)
		require.NoError(t, store.Migrate(ctx))
		require.NoError(t, store.CheckSchema(ctx))
		assert.EqualValues(t, 1, load(t, store, "chair").Version, "version after the second Migrate")
	})
}

func TestMigrateMayRunInSeveralProcessesAtOnce(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		p.open(t) // its own pool, as a process has
		errs := make([]error, 6)
		var all sync.WaitGroup
		for i := range errs {
			store := e.store(t, p.open(t), nil)
			all.Go(func() { errs[i] = store.Migrate(context.Background()) })
		}
		all.Wait()
		for i, err := range errs {
			assert.NoError(t, err, "process %d", i)
		}
	})
}

func TestAFailedMigrateLeavesNothing(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		// One table of each migration.
		for _, table := range []string{"allocation_events", "allocation_purged", "allocation_waiting"} {
			t.Run(table, func(t *testing.T) {
				ctx := context.Background()
				db := e.new(t).open(t)
				exec(t, db, `CREATE TABLE `+table+` (mine TEXT)`)
				store := e.store(t, db, nil)
				require.Error(t, store.Migrate(ctx))
				require.ErrorIs(t, store.CheckSchema(ctx), sqlstore.ErrNotMigrated)
				exec(t, db, `DROP TABLE `+table)
				require.NoError(t, store.Migrate(ctx))
				require.NoError(t, store.CheckSchema(ctx))
			})
		}
	})
}

func TestStoresWithOtherPrefixesShareADatabase(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		north := e.store(t, db, &sqlstore.Options{TablePrefix: "north_"})
		south := e.store(t, db, &sqlstore.Options{TablePrefix: "south_"})
		require.NoError(t, north.Migrate(ctx))
		require.ErrorIs(t, south.CheckSchema(ctx), sqlstore.ErrNotMigrated)
		require.NoError(t, south.Migrate(ctx))
		stocked(t, north)
		states, err := south.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}})
		require.NoError(t, err)
		assert.Empty(t, states, "products in the south")

		var strangers int
		require.NoError(t, db.QueryRowContext(ctx, e.strangers).Scan(&strangers))
		assert.Zero(t, strangers, "tables and indexes without prefix")
	})
}

func TestAHostMayMigrateWithItsOwnTool(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		opts := &sqlstore.Options{TablePrefix: "own_"}
		db := e.new(t).open(t)
		store := e.store(t, db, opts)
		migrations, err := sqlstore.Migrations(e.dialect, opts)
		require.NoError(t, err)
		for i, m := range migrations {
			require.Equal(t, i+1, m.Version)
			e.apply(t, db, m.SQL)
		}
		require.NoError(t, store.CheckSchema(ctx))
		require.NoError(t, store.Migrate(ctx), "Migrate after the host's own tool")
		stocked(t, store)
	})
}

func TestAnotherVersionOfTheSchemaIsRefused(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		for name, statement := range map[string]string{
			"older": `DELETE FROM allocation_schema_version WHERE version > 1`,
			"newer": `INSERT INTO allocation_schema_version (version) VALUES (99)`,
		} {
			t.Run(name, func(t *testing.T) {
				ctx := context.Background()
				db := e.new(t).open(t)
				store := e.migrated(t, db)
				exec(t, db, statement)
				err := store.CheckSchema(ctx)
				require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
				var typed *allocation.Error
				require.ErrorAs(t, err, &typed)
				assert.Equal(t, "CheckSchema", typed.Op)
				assert.Equal(t, "allocation_schema_version", typed.Value)
			})
		}
	})
}

func TestMigrateLeavesANewerSchemaAlone(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		exec(t, db, `INSERT INTO allocation_schema_version (version) VALUES (99)`)
		require.ErrorIs(t, store.Migrate(context.Background()), sqlstore.ErrNotMigrated)
	})
}

func TestCheckSchemaInsistsOnForeignKeys(t *testing.T) {
	file := newFile(t)
	migrated(t, open(t, dsn(file)))
	err := storeOn(t, open(t, "file:"+file), nil).CheckSchema(context.Background())
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	assert.Equal(t, "foreign_keys", typed.Field)
	require.ErrorIs(t, err, allocation.ErrInvalid)
}
