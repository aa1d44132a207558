package allocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A product that can't be read ends the sweep with the error.
func TestSweepTellsThatAProductCannotBeRead(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	held := want("o", "LAMP", 1)
	held.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), held)
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	s.store.FailLoad(nil, errBroken) // the page of what is due is read, the product is not
	_, err = s.Sweep(t.Context())
	require.ErrorIs(t, err, errBroken)
	swept, err := s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, swept)
}

// The product is read, but not the lines whose NeededBy has passed: the sweep ends with the error as well.
func TestSweepTellsThatOverdueLinesCannotBeRead(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	dated := mayWait("o", "LAMP", 1)
	dated.NeededBy = morning.Add(time.Minute)
	s.mustAllocate(dated)
	s.clock.Advance(time.Hour)
	s.store.FailLoad(nil, nil, errBroken) // what is due is read, and the product
	_, err := s.Sweep(t.Context())
	require.ErrorIs(t, err, errBroken)
	_, err = s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Empty(t, s.queue("LAMP"), "orders that wait after a whole sweep")
}

// If SKUs are named, the order must have a line of each; otherwise the lines that there are are handed over.
func TestHandOverOfNamedSKUsNeedsALineOfEach(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "DESK", 5))
	for _, r := range []allocation.Request{want("cart", "LAMP", 1), want("order", "DESK", 1)} {
		_, err := s.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	_, err := s.HandOver(t.Context(), "cart", "order", "DESK", "LAMP")
	require.ErrorIs(t, err, allocation.ErrNotFound)
	lines, err := s.HandOver(t.Context(), "cart", "order")
	require.NoError(t, err)
	require.Len(t, lines, 1)
	assert.Equal(t, allocation.SKU("LAMP"), lines[0].SKU)
}

// A repeated hand-over finds that the hold that came over has lapsed, as the first one would have found.
func TestR7_ARepeatedHandOverOfALapsedHoldSaysSo(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	held := want("cart", "LAMP", 1)
	held.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), held)
	require.NoError(t, err)
	_, err = s.HandOver(t.Context(), "cart", "order")
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	for _, skus := range [][]allocation.SKU{nil, {"LAMP"}} {
		lines, err := s.HandOver(t.Context(), "cart", "order", skus...)
		require.ErrorIs(t, err, allocation.ErrLapsed)
		assert.Empty(t, lines)
	}
}

// unsteady is a store whose audits lose so many races.
type unsteady struct {
	*memory.Store
	lost int
}

func (u *unsteady) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	if u.lost > 0 {
		u.lost--
		return allocation.Audit{}, allocation.ErrConflict
	}
	return drifting{u.Store}.Audit(ctx, sku)
}

// An audit that loses a race is repeated, and ten of them are the end.
func TestMendRepeatsAnAuditThatLosesARace(t *testing.T) {
	for lost, answer := range map[int]error{0: nil, 9: nil, 10: allocation.ErrConflict} {
		for mode, opts := range modes {
			store := &unsteady{Store: memory.New(), lost: lost}
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			service := serve(t, store, opts)
			plan, err := service.PlanMend(t.Context(), "LAMP")
			require.ErrorIs(t, err, answer, "%s, %d lost races", mode, lost)
			assert.Equal(t, answer == nil, len(plan.Events) == 1, "%s, %d lost races", mode, lost)
			store.lost = lost
			audit, err := service.Mend(t.Context(), "LAMP")
			require.ErrorIs(t, err, answer, "%s, %d lost races", mode, lost)
			assert.Equal(t, answer == nil, audit.Drifted(), "%s, %d lost races", mode, lost)
		}
	}
}
