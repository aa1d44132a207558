package dbtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A server whose clock is 20 minutes ahead takes a live hold of 15 minutes for lapsed, and sells the units. They are
// sold once: the customer with the hold learns at the confirmation that the units are gone.
func TestCase12_AClockAheadSellsUnitsOfAHoldOnce(t *testing.T) {
	check := func(t *testing.T, store allocation.Store) {
		t.Helper()
		ctx := context.Background()
		at := func(now time.Time) *allocation.Service {
			units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: memory.NewClock(now).Now})
			return newService(t, units, nil)
		}
		right, ahead := at(start), at(start.Add(20*time.Minute))
		require.NoError(t, right.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "chair", Purchased: 10}))
		hold := firm("basket", "chair", 10)
		hold.HoldUntil = start.Add(15 * time.Minute)
		_, err := right.Allocate(ctx, hold)
		require.NoError(t, err)

		sold, err := ahead.Allocate(ctx, firm("rival", "chair", 10))
		require.NoError(t, err)
		assert.EqualValues(t, 10, sold[0].Quantity)
		_, err = right.Confirm(ctx, "basket")
		assert.True(t, errors.Is(err, allocation.ErrLapsed) || errors.Is(err, allocation.ErrNotFound), "%v", err)
		_, err = right.Allocate(ctx, hold)
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short, "the hold again")
		audit, err := store.(allocation.Ledger).Audit(ctx, "chair")
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
		require.Len(t, audit.Tallies, 1)
		assert.EqualValues(t, 10, audit.Tallies[0].Allocated)
	}
	t.Run("memory", func(t *testing.T) { check(t, memory.New()) })
	each(t, engines, func(t *testing.T, e *engine) {
		_, store := e.fresh(t)
		check(t, store)
	})
}
