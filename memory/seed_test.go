package memory_test

import (
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
