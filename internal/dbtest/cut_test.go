package dbtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// An unpaid cart is older than 10,000 paid orders. A cut of a unit takes the unit from the cart, and the next cut from
// the newest order. Each reads a page of lines, and looks at no line that stays.
func TestA9_ACutBesideTenThousandLinesReadsAPage(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		const paid, page = 10_000, 10
		ctx := t.Context()
		spied, db := e.new(t).spied(t)
		db.SetMaxOpenConns(1)
		store := e.migrated(t, db)
		service, clock := serviceOn(t, store)
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "lamp", Purchased: paid + 1}))
		cart := firm("cart", "lamp", 1)
		cart.HoldUntil = start.Add(time.Hour)
		lines := []allocation.Request{cart}
		for i := range paid {
			lines = append(lines, firm(allocation.OrderID(fmt.Sprint("paid-", i)), "lamp", 1))
		}
		_, err := service.Allocate(ctx, lines...)
		require.NoError(t, err)

		t.Run("the load", func(t *testing.T) {
			var before int
			if e == onSQLite {
				spied.trips()
			} else {
				exec(t, db, `BEGIN`)
				defer exec(t, db, `ROLLBACK`)
				before = rowsRead(t, e, db)
			}
			states, err := store.Load(ctx, allocation.Query{Batch: "b", Now: start, Limit: page})
			require.NoError(t, err)
			require.Len(t, states, 1)
			assert.True(t, states[0].MoreLines)
			assert.Len(t, states[0].Lines, page)
			if e == onSQLite {
				requireIndexOrder(t, plan(t, db, spied.trips()[0]))
			} else {
				assert.Less(t, rowsRead(t, e, db)-before, paid/10, "rows that the database reads")
			}
		})

		units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: page})
		service = newService(t, units, nil)
		spied.countRows = true
		for i, order := range []string{"cart", "paid-9999"} {
			clock.Advance(time.Minute)
			spied.rows = 0
			spied.trips()
			count := allocation.Count{Batch: "b", Quantity: allocation.Quantity(paid - i), At: clock.Now()}
			released, err := service.ChangeBatchQuantity(ctx, count)
			require.NoError(t, err)
			assert.Equal(t, []allocation.OrderLine{firm(allocation.OrderID(order), "lamp", 1).OrderLine}, released)
			assert.Less(t, spied.rows, 4*page, "rows that come from the database")
			assert.Less(t, len(spied.trips()), 12, "statements")
		}
	})
}

// requireIndexOrder demands that the lines of the batch come in the order of their index, so that the statement stops
// after a page: SQLite doesn't say how many rows it reads.
func requireIndexOrder(t *testing.T, steps []string) {
	t.Helper()
	const leaving = "SEARCH l USING INDEX allocation_lines_leaving (sku=? AND batch_ref=?)"
	first, last := slices.Index(steps, leaving), slices.Index(steps, "SCAN leaving")
	require.True(t, 0 <= first && first < last, "%q", steps)
	for _, step := range steps[first:last] {
		assert.NotContains(t, step, "TEMP B-TREE")
	}
}
