package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)

func seeded(t *testing.T) (*memory.Store, *allocation.Service) {
	t.Helper()
	store := memory.New()
	require.NoError(t, store.Seed(allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 5}))
	return store, allocation.New(allocation.NewUnitOfWork(store, nil), nil)
}

func want(order allocation.OrderID, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: "LAMP", Quantity: quantity}}
}

func TestSeedKeepsTheRulesOfTheModel(t *testing.T) {
	store, _ := seeded(t)
	require.NoError(t, store.Seed(allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 5}), "the same announcement again")
	assert.ErrorIs(t, store.Seed(allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 6}), allocation.ErrMismatch)
	assert.ErrorIs(t, store.Seed(allocation.Batch{Ref: "b2", SKU: "LAMP"}), allocation.ErrInvalid)
	state, known := store.Product("LAMP")
	assert.True(t, known)
	assert.Len(t, state.Batches, 1)
	_, known = store.Product("SOFA")
	assert.False(t, known)
}

func TestFaultsComeOneForEachCall(t *testing.T) {
	store, service := seeded(t)
	first, second := errors.New("first"), errors.New("second")
	store.FailLoad(nil, first)
	store.FailLoad(second)
	for i, fault := range []error{nil, first, second, nil} {
		_, err := store.Load(t.Context(), allocation.Query{SKUs: []allocation.SKU{"LAMP"}})
		assert.Equal(t, fault, err, "load %d", i)
	}
	store.FailCommit(first)
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, first)
	state, _ := store.Product("LAMP")
	assert.Empty(t, state.Lines, "a commit that fails writes nothing")
	_, err = service.Allocate(t.Context(), want("o1", 1))
	assert.NoError(t, err)
}

func TestLostAnswerIsWrittenAndUnknown(t *testing.T) {
	store, service := seeded(t)
	store.LoseAnswer()
	store.FailCommit(allocation.ErrConflict) // a commit that fails has no answer to lose
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	state, _ := store.Product("LAMP")
	assert.Len(t, state.Lines, 1)
	_, err = service.Allocate(t.Context(), want("o2", 1))
	assert.NoError(t, err)
}

func TestCommitRefusesWhatADatabaseWould(t *testing.T) {
	tests := map[string]func(*allocation.Changes){
		"more allocated than purchased": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b1", Allocated: 6}}
		},
		"less than nothing allocated": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b1", Allocated: -1}}
		},
		"a new batch with more than it has": func(c *allocation.Changes) {
			c.NewBatches = []allocation.Batch{{Ref: "b2", SKU: "LAMP", Purchased: 1, Allocated: 2}}
		},
		"a batch that isn't there": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b2"}}
		},
		"a line of a batch that isn't there": func(c *allocation.Changes) {
			c.NewLines = []allocation.Allocation{{
				OrderLine: want("o1", 1).OrderLine,
				Parts:     []allocation.Part{{Batch: "b2", Quantity: 1}},
			}}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			store, _ := seeded(t)
			before, _ := store.Product("LAMP")
			c := allocation.Changes{SKU: "LAMP", Read: 1, Version: 2, Events: []allocation.Event{allocation.LineRefused{}}}
			change(&c)
			err := store.Commit(t.Context(), []allocation.Changes{c})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			after, _ := store.Product("LAMP")
			assert.Equal(t, before, after)
		})
	}
}

func TestEndedContextsAreRefused(t *testing.T) {
	store, _ := seeded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Load(ctx, allocation.Query{})
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, store.Commit(ctx, nil), context.Canceled)
	_, _, err = store.Audit(ctx, "LAMP")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = store.Events(ctx, "LAMP", 0, 1)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = store.Load(nil, allocation.Query{}) //nolint:staticcheck // a nil context is what is tested
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}

func TestProductSharesNothingWithTheStore(t *testing.T) {
	store, _ := seeded(t)
	clock := memory.NewClock(morning)
	service := allocation.New(allocation.NewUnitOfWork(store, &allocation.Options{Now: clock.Now}), nil)
	hold := want("o1", 1)
	hold.HoldUntil = morning.Add(time.Hour)
	_, err := service.Allocate(t.Context(), hold)
	require.NoError(t, err)
	state, _ := store.Product("LAMP")
	assert.Equal(t, state.Lines[0].HeldUntil, state.NextExpiry)
	state.Lines[0].Parts[0].Quantity = 99
	state.Batches[0].Allocated = 99
	again, _ := store.Product("LAMP")
	assert.Equal(t, allocation.Quantity(1), again.Lines[0].Parts[0].Quantity)
	assert.Equal(t, allocation.Quantity(1), again.Batches[0].Allocated)
}

func TestAuditOfAnUnknownProduct(t *testing.T) {
	store, _ := seeded(t)
	_, _, err := store.Audit(t.Context(), "SOFA")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
	events, err := store.Events(t.Context(), "SOFA", 0, 10)
	require.NoError(t, err)
	assert.Empty(t, events)
}

func TestClockStandsUntilItIsMoved(t *testing.T) {
	clock := memory.NewClock(morning)
	assert.Equal(t, morning, clock.Now())
	clock.Advance(time.Minute)
	assert.Equal(t, morning.Add(time.Minute), clock.Now())
	clock.Set(morning)
	assert.Equal(t, morning, clock.Now())
}
