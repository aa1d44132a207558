package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestSeedKeepsTheRulesOfTheModel(t *testing.T) {
	store, _ := seeded(t)
	require.NoError(t, store.Seed(allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 5}), "repeated announcement")
	assert.ErrorIs(t, store.Seed(allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 6}), allocation.ErrMismatch)
	assert.ErrorIs(t, store.Seed(allocation.Batch{Ref: "b2", SKU: "LAMP"}), allocation.ErrInvalid)
	state, known := store.Product("LAMP")
	assert.True(t, known)
	assert.Len(t, state.Batches, 1)
	_, known = store.Product("SOFA")
	assert.False(t, known)
}

func TestProductSharesNothingWithTheStore(t *testing.T) {
	store, _ := seeded(t)
	clock := memory.NewClock(morning)
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	require.NoError(t, err)
	hold := want("o1", 1)
	hold.HoldUntil = morning.Add(time.Hour)
	_, err = service.Allocate(t.Context(), hold)
	require.NoError(t, err)
	state, _ := store.Product("LAMP")
	assert.Equal(t, state.Lines[0].HeldUntil, state.NextExpiry)
	state.Lines[0].Parts[0].Quantity = 99
	state.Batches[0].Allocated = 99
	again, _ := store.Product("LAMP")
	assert.Equal(t, allocation.Quantity(1), again.Lines[0].Parts[0].Quantity)
	assert.Equal(t, allocation.Quantity(1), again.Batches[0].Allocated)
}

// TestSeedLoadsAProductOnce holds that the batches of a SKU cost one load and one commit, however many there are.
func TestSeedLoadsAProductOnce(t *testing.T) {
	store, broken := memory.New(), errors.New("broken")
	var batches []allocation.Batch
	for i := range 1000 {
		batches = append(batches,
			allocation.Batch{Ref: allocation.BatchRef(fmt.Sprint("l", i)), SKU: "LAMP", Purchased: 1},
			allocation.Batch{Ref: allocation.BatchRef(fmt.Sprint("s", i)), SKU: "SOFA", Purchased: 1})
	}
	store.FailLoad(nil, nil, broken)
	store.FailCommit(nil, nil, broken)
	require.NoError(t, store.Seed(batches...))
	_, err := store.Load(t.Context(), allocation.Query{SKUs: []allocation.SKU{"LAMP"}, Now: morning, Limit: 1})
	require.ErrorIs(t, err, broken, "the third load is the test's own")
	require.ErrorIs(t, store.Commit(t.Context(), nil), broken, "the third commit is the test's own")
	state, _ := store.Product("SOFA")
	assert.Len(t, state.Batches, 1000)
	assert.EqualValues(t, 1000, state.Version)

	bad := []allocation.Batch{
		{Ref: "l-new", SKU: "LAMP", Purchased: 1}, {Ref: "l0", SKU: "LAMP", Purchased: 1},
		{Ref: "l-new", SKU: "LAMP", Purchased: 1}, {Ref: "l-bad", SKU: "LAMP"},
		{Ref: "l-last", SKU: "LAMP", Purchased: 1},
	}
	require.ErrorIs(t, store.Seed(bad...), allocation.ErrInvalid)
	state, _ = store.Product("LAMP")
	assert.Len(t, state.Batches, 1001, "the batches before the bad one are stored")
	require.ErrorIs(t, store.Seed(allocation.Batch{Ref: "s0", SKU: "LAMP", Purchased: 1}), allocation.ErrMismatch)
}
