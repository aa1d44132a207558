package dbtest

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// flooded returns a database with a product that has so many lapsed holds, on two batches. Each batch has one unit
// more. Everything has one connection.
func (e *engine) flooded(t *testing.T, holds int) (*spy, *sql.DB, *sqlstore.Store) {
	t.Helper()
	spied, db := e.new(t).spied(t)
	db.SetMaxOpenConns(1)
	store := e.migrated(t, db)
	loader, err := harness.ByName(strings.ToLower(e.name))
	require.NoError(t, err)
	require.NoError(t, loader.LoadFlood(t.Context(), db, "lamp", holds, 2))
	return spied, db, store
}

// flood is larger than a page by far.
const flood = 1000

func TestARefusalClearsAFloodOnce(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		spied, _, store := e.flooded(t, flood)
		told := map[allocation.OrderID]int{}
		units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
			Committed: func(_ context.Context, events []allocation.Event) {
				for _, event := range events {
					if lapsed, ok := event.(allocation.HoldLapsed); ok {
						told[lapsed.OrderID]++
					}
				}
			},
		})
		service, err := allocation.New(units, nil)
		require.NoError(t, err)
		refused := func(order allocation.OrderID) {
			line := firm(order, "lamp", flood+3)
			line.Split = true
			_, err := service.Allocate(t.Context(), line)
			var short *allocation.OutOfStockError
			require.ErrorAs(t, err, &short)
			require.Equal(t, allocation.Quantity(flood+2), short.Shortages[0].Available)
		}
		refused("first")
		assert.Len(t, told, flood, "holds of which Committed heard")
		for order, n := range told {
			assert.Equal(t, 1, n, "how often Committed heard of %q", order)
		}
		spied.forget()
		refused("second")
		assert.Len(t, spied.forget(), 1, "statements of a second refusal: one load")
		audit, err := service.Reconcile(t.Context(), "lamp")
		require.NoError(t, err)
		assert.False(t, audit.Drifted())
	})
}

func TestASaleThatOnlyTheLastPageOfAFloodCanServe(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		_, _, store := e.flooded(t, flood)
		service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
		require.NoError(t, err)
		line := firm("all", "lamp", flood+2)
		line.Split = true
		_, err = service.Allocate(t.Context(), line)
		require.NoError(t, err)
		released, err := service.Sweep(t.Context())
		require.NoError(t, err)
		assert.Zero(t, released)
	})
}

// Inside the host's transaction the clearing is undone with everything else.
func TestAHostThatRollsBackTakesBackTheClearing(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		_, db, store := e.flooded(t, 300)
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		service, err := allocation.New(allocation.NewUnitOfWork(store.Join(tx), nil), nil)
		require.NoError(t, err)
		line := firm("all", "lamp", 302)
		line.Split = true
		_, err = service.Allocate(t.Context(), line)
		require.NoError(t, err)
		require.NoError(t, tx.Rollback())
		assert.Equal(t, int64(302), load(t, store, "lamp").Version)
		released, err := service.Sweep(t.Context())
		require.Error(t, err, "the transaction is over")
		assert.Zero(t, released)
	})
}

// loads are all ways to ask for the flooded product.
var loads = map[string]allocation.Query{
	"by SKU":   {SKUs: []allocation.SKU{"lamp"}, Orders: []allocation.OrderID{"new"}},
	"by order": {Order: "cart-7"},
	"by batch": {Batch: "lamp-1"},
	"lapsed":   {Due: true},
}

// A hundred times as many lapsed holds must not make a load read more.
func TestLoadsBesideAFloodReadOnePage(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		_, db, store := e.flooded(t, 20_000)
		for name, q := range loads {
			t.Run(name, func(t *testing.T) {
				q.Now, q.Limit = time.Now(), 10
				exec(t, db, `BEGIN`)
				defer exec(t, db, `ROLLBACK`)
				before := rowsRead(t, e, db)
				states, err := store.Load(t.Context(), q)
				require.NoError(t, err)
				rows := rowsRead(t, e, db) - before
				require.Len(t, states, 1)
				assert.True(t, states[0].MoreLapsed)
				assert.Less(t, rows, 1000, "rows read beside 20,000 lapsed holds")
			})
		}
	})
}

func TestLoadsBesideAFloodGroupNoHolds(t *testing.T) {
	groups := regexp.MustCompile(`TEMP B-TREE FOR GROUP BY`)
	spied, db, store := onSQLite.flooded(t, flood)
	for name, q := range loads {
		q.Now, q.Limit = time.Now(), 10
		spied.forget()
		_, err := store.Load(t.Context(), q)
		require.NoError(t, err)
		for _, step := range plan(t, db, spied.forget()[0]) {
			assert.NotRegexp(t, groups, step, "a step of the load %s", name)
			assert.NotRegexp(t, history, step, "a step of the load %s", name)
		}
	}
}

// Stock reads each hold once by the index of holds: as many rows as a bare sum, and a little more.
func TestStockBesideAFloodReadsEachHoldOnce(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		_, db, store := e.flooded(t, 20_000)
		exec(t, db, `BEGIN`)
		defer exec(t, db, `ROLLBACK`)
		before := rowsRead(t, e, db)
		stocks, err := store.Stock(t.Context(), time.Now(), "lamp")
		require.NoError(t, err)
		rows := rowsRead(t, e, db) - before
		assert.Equal(t, allocation.Quantity(20_002), stocks[0].InWarehouse)
		assert.GreaterOrEqual(t, rows, 20_000, "rows read")
		if e == onPostgreSQL { // MariaDB counts what it writes to and reads from the groups as well
			assert.Less(t, rows, 21_000, "rows read")
		} else {
			assert.Less(t, rows, 43_000, "rows read")
		}
	})
}
