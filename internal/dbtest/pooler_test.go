package dbtest

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// inTurns lets a pooler take its sessions in turns, so that each transaction has another session than the one before.
var inTurns = map[string]string{"server_round_robin": "1", "min_pool_size": "3"}

// pooled is a new database of PostgreSQL behind a PgBouncer in transaction mode, with the settings of the pooler.
func pooled(settings map[string]string) func(t testing.TB) string {
	return func(t testing.TB) string {
		t.Helper()
		return throughPooler(t, servers.Shared(t, servers.PostgreSQL).Database(t), settings)
	}
}

// throughPooler puts a PgBouncer before a database.
func throughPooler(t testing.TB, direct string, settings map[string]string) string {
	t.Helper()
	dsn, err := servers.Pooled(t, servers.Shared(t, servers.PostgreSQL), settings).Through(direct)
	require.NoError(t, err)
	return dsn
}

// connectPgxWith adds a parameter to the data source name.
func connectPgxWith(parameter string) func(dsn string) (driver.Connector, error) {
	return func(dsn string) (driver.Connector, error) { return connectPgx("")(dsn + "&" + parameter) }
}

func connectPQ(parameter string) func(dsn string) (driver.Connector, error) {
	return func(dsn string) (driver.Connector, error) { return pq.NewConnector(dsn + "&" + parameter) }
}

// poolable are the settings of drivers that work behind a pooler, and unpoolable those that don't.
var (
	poolable = []*engine{
		{name: "pgx exec", connector: connectPgxWith("default_query_exec_mode=exec")},
		{name: "pgx cache_describe", connector: connectPgxWith("default_query_exec_mode=cache_describe")},
		{name: "pgx simple_protocol", connector: connectPgxWith("default_query_exec_mode=simple_protocol")},
		{name: "lib pq binary_parameters", connector: connectPQ("binary_parameters=yes")},
	}
	unpoolable = []*engine{
		{name: "pgx", connector: connectPgx("")},
		{name: "pgx describe_exec", connector: connectPgxWith("default_query_exec_mode=describe_exec")},
		{name: "lib pq", connector: connectPQ("")},
	}
)

// behind returns the engines on databases of their own.
func behind(drivers []*engine, empty func(t testing.TB) string) []*engine {
	var all []*engine
	for _, d := range drivers {
		all = append(all, &engine{
			name: d.name, dialect: sqlstore.PostgreSQL, connector: d.connector, empty: empty,
			topics: []storetest.Topic{storetest.Commit},
		})
	}
	return all
}

func TestTheStoreKeepsItsPromisesBehindAPooler(t *testing.T) {
	sideBySide(t, behind(poolable, pooled(inTurns)), func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New:    func(t testing.TB) allocation.Store { return reach(t, next(t)) },
			Topics: e.topics,
			Reopen: reopen,
		})
	})
}

func TestManyBuyersNeverOversellBehindAPooler(t *testing.T) {
	sideBySide(t, behind(poolable, pooled(inTurns)), manyBuyers)
}

func TestCheckSchemaAcceptsWhatWorks(t *testing.T) {
	for name, c := range map[string]struct {
		drivers []*engine
		empty   func(t testing.TB) string
	}{
		"directly":              {slices.Concat(unpoolable, poolable), on(servers.PostgreSQL)},
		"behind a pooler":       {poolable, pooled(nil)},
		"behind one with turns": {poolable, pooled(inTurns)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, _ := migratedBehind(t, c.empty)
			each(t, behind(c.drivers, nil), func(t *testing.T, e *engine) {
				require.NoError(t, e.store(t, place{e, dsn}.open(t), nil).CheckSchema(t.Context()))
			})
		})
	}
}

// migratedBehind returns a database and a store with settings that work everywhere.
func migratedBehind(t *testing.T, empty func(t testing.TB) string) (dsn string, works *sqlstore.Store) {
	t.Helper()
	p := behind(poolable, empty)[0].new(t)
	return p.dsn, p.migrated(t, p.open(t))
}

func TestCheckSchemaRefusesSettingsThatBreakBehindAPooler(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"idle": nil, "in turns": inTurns, "with one session": {"default_pool_size": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, _ := migratedBehind(t, pooled(settings))
			each(t, behind(unpoolable, nil), func(t *testing.T, e *engine) {
				err := e.store(t, place{e, dsn}.open(t), nil).CheckSchema(t.Context())
				require.ErrorIs(t, err, allocation.ErrInvalid)
				for _, setting := range []string{"default_query_exec_mode=exec", "binary_parameters=yes"} {
					require.ErrorContains(t, err, setting)
				}
			})
		})
	}
}

// TestPreparedStatementsFollowTheirClient has a PgBouncer that carries prepared statements from session to session.
func TestPreparedStatementsFollowTheirClient(t *testing.T) {
	if !servers.CarriesStatements(t.Context()) {
		t.Skip("PgBouncer 1.21 or later is not installed")
	}
	settings := maps.Clone(inTurns)
	settings["max_prepared_statements"] = "100"
	all := behind(unpoolable[:1], pooled(settings))
	dsn, _ := migratedBehind(t, all[0].empty)
	require.NoError(t, all[0].store(t, place{all[0], dsn}.open(t), nil).CheckSchema(t.Context()))
	sideBySide(t, all, manyBuyers)
	sideBySide(t, all, func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New:    func(t testing.TB) allocation.Store { return reach(t, next(t)) },
			Topics: e.topics,
			Reopen: reopen,
		})
	})
}

// TestACommandForWhichAPoolerHasNoSessionDidNothing has a pooler with a single session, which a transaction of the
// host's holds. Lib/pq hides the pooler's answer behind ErrBadConn, so that the outcome is unknown.
func TestACommandForWhichAPoolerHasNoSessionDidNothing(t *testing.T) {
	dsn, store := migratedBehind(t, pooled(map[string]string{"default_pool_size": "1", "query_wait_timeout": "1"}))
	_, _ = stocked(t, store)
	changes := decide(t, store, "chair", firm("o", "chair", 1))
	for _, e := range behind(poolable[:3], nil) {
		t.Run(e.name, func(t *testing.T) {
			db := place{e, dsn}.open(t)
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			err = e.store(t, db, nil).Commit(t.Context(), []allocation.Changes{changes})
			require.NoError(t, tx.Rollback())
			require.ErrorContains(t, err, "query_wait_timeout")
			require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
			assert.Empty(t, load(t, store, "chair", "o").Lines)
		})
	}
}

// TestErrorsOfAPoolerNameTheSettingAndTheirCommandsDidNothing has callers of products of their own, so that no caller
// commits for another one.
func TestErrorsOfAPoolerNameTheSettingAndTheirCommandsDidNothing(t *testing.T) {
	each(t, behind(unpoolable, pooled(inTurns)), func(t *testing.T, e *engine) {
		const callers, orders = 8, 20
		ctx := context.Background()
		dsn, healthy := migratedBehind(t, e.empty)
		stocker, _ := serviceOn(t, healthy)
		sku := func(caller int) allocation.SKU { return allocation.SKU(fmt.Sprint("chair-", caller)) }
		for caller := range callers {
			batch := allocation.Batch{Ref: allocation.BatchRef(sku(caller)), SKU: sku(caller), Purchased: orders}
			require.NoError(t, stocker.AddBatch(ctx, batch))
		}
		service, _ := serviceOn(t, e.store(t, place{e, dsn}.open(t), nil))
		var all sync.WaitGroup
		var failed atomic.Int64
		for caller := range callers {
			all.Go(func() {
				var sold allocation.Quantity
				for i := range orders {
					order := allocation.OrderID(fmt.Sprint(caller, "-", i))
					_, err := service.Allocate(ctx, firm(order, sku(caller), 1))
					if err == nil {
						sold++
						continue
					}
					failed.Add(1)
					assert.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
					assert.ErrorContains(t, err, "default_query_exec_mode=exec")
				}
				audit, err := healthy.Audit(ctx, sku(caller))
				if assert.NoError(t, err) && assert.Len(t, audit.Tallies, 1) {
					assert.Equal(t, sold, audit.Tallies[0].Allocated, "units sold of %s", sku(caller))
				}
			})
		}
		all.Wait()
		assert.Positive(t, failed.Load(), "the pooler has broken nothing")
	})
}
