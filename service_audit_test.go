package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestReconcileAndMend(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "LAMP", 1))
	for _, order := range []allocation.OrderID{"o1", "o2"} {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 2))
		require.NoError(t, err)
	}
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, allocation.Audit{SKU: "LAMP", Version: 4, LastEvent: 4}, audit)

	// Somebody takes two units out of the storage by hand, past the library.
	state := s.product("LAMP")
	tampered := allocation.Changes{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Batches: []allocation.BatchChange{{Ref: "b1", Purchased: -2, Allocated: -1}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{tampered}))

	want := allocation.Audit{SKU: "LAMP", Version: 5, LastEvent: 5, Tallies: []allocation.Tally{
		{Batch: "b1", Purchased: 3, Allocated: 3, Promised: 4, RecordedPurchased: 5, RecordedAllocated: 4},
	}}
	audit, err = s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, want, audit)
	mended, err := s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, want, mended)

	for range 2 {
		audit, err = s.Reconcile(t.Context(), "LAMP")
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
		_, err = s.Mend(t.Context(), "LAMP")
		require.NoError(t, err)
	}
	after := s.product("LAMP")
	require.Len(t, after.Lines, 1, "three units can't keep two lines of two")
	assert.Equal(t, allocation.OrderID("o1"), after.Lines[0].OrderID, "the newest line is released")
	assert.Equal(t, []string{"BatchCorrected", "LineReleased"}, s.kinds("LAMP", state.Version+1))
}

func TestMendOfSeveralBatchesBesideLapsedHolds(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "LAMP", 9))
	hold := want("held", "LAMP", 6)
	hold.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), hold, want("o1", "LAMP", 5), want("o2", "LAMP", 3))
	require.NoError(t, err)
	state := s.product("LAMP")
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Batches: []allocation.BatchChange{{Ref: "b1", Allocated: -2, Purchased: -2}, {Ref: "b2", Allocated: -1}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	s.clock.Advance(time.Minute)
	mended, err := s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Len(t, mended.Tallies, 2)
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "%+v", audit)
	lines := s.product("LAMP").Lines
	require.Len(t, lines, 2, "the lapsed hold made room for the line that its batch can't keep")
	assert.Equal(t, []allocation.Part{part("b2", 5, 0)}, lines[0].Parts)
}

func TestMendReleasesNoPromiseThatOtherBatchesHaveRoomFor(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "LAMP", 10))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 5))
	require.NoError(t, err)
	state := s.product("LAMP")
	// By hand: three units of b1 are taken away, and b2 is said to be promised to somebody.
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Batches: []allocation.BatchChange{{Ref: "b1", Purchased: -3, Allocated: -3}, {Ref: "b2", Allocated: 10}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	_, err = s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	lines := s.product("LAMP").Lines
	require.Len(t, lines, 1)
	assert.Equal(t, []allocation.Part{part("b2", 5, 0)}, lines[0].Parts)
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "%+v", audit)
}

func TestMendRecordsLowStock(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10))
	require.NoError(t, s.SetLowStock(t.Context(), "LAMP", 5))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 9))
	require.NoError(t, err)
	state := s.product("LAMP")
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1, LowStock: 5,
		Batches: []allocation.BatchChange{{Ref: "b1", Allocated: -9}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	_, err = s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, []string{"BatchCorrected", "LowStockCrossed"}, s.kinds("LAMP", state.Version+1))
}

// restless changes the product after each of its first audits.
type restless struct {
	*memory.Store
	moves int
}

func (r *restless) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	a, err := r.Store.Audit(ctx, sku)
	if r.moves > 0 {
		r.moves--
		order := allocation.OrderID(fmt.Sprint("other", r.moves))
		service, err := allocation.New(allocation.NewUnitOfWork(r.Store, nil), nil)
		if err != nil {
			return allocation.Audit{}, err
		}
		if _, err := service.Allocate(ctx, want(order, sku, 1)); err != nil {
			return allocation.Audit{}, err
		}
	}
	return a, err
}

func TestMendAuditsAgainIfTheProductChanged(t *testing.T) {
	for moves, answer := range map[int]error{3: nil, 30: allocation.ErrConflict} {
		s := newShop(t, stock("b1", "LAMP", 100), stock("b2", "LAMP", 1))
		state := s.product("LAMP")
		require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
			SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
			Batches: []allocation.BatchChange{{Ref: "b2", Allocated: 1}},
			Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
		}}))
		store := &restless{Store: s.store, moves: moves}
		service := newService(t, allocation.NewUnitOfWork(store, nil), nil)
		_, err := service.Mend(t.Context(), "LAMP")
		require.ErrorIs(t, err, answer)
		store.moves = 0
		audit, err := service.Reconcile(t.Context(), "LAMP")
		require.NoError(t, err)
		assert.Len(t, audit.Tallies, map[bool]int{true: 0, false: 1}[answer == nil])
	}
}

func TestTallyDriftsIfAnyAccountDisagrees(t *testing.T) {
	sound := allocation.Tally{
		Batch: "b1", Purchased: 5, Allocated: 3, Promised: 3, RecordedPurchased: 5, RecordedAllocated: 3,
	}
	assert.False(t, sound.Drifted())
	for name, tamper := range map[string]func(*allocation.Tally){
		"lines":     func(t *allocation.Tally) { t.Promised++ },
		"purchased": func(t *allocation.Tally) { t.RecordedPurchased++ },
		"allocated": func(t *allocation.Tally) { t.RecordedAllocated++ },
	} {
		tampered := sound
		tamper(&tampered)
		assert.True(t, tampered.Drifted(), name)
	}
}

func TestReconcileNeedsALedger(t *testing.T) {
	type plain struct{ allocation.Store }
	s := newService(t, allocation.NewUnitOfWork(plain{memory.New()}, nil), nil)
	_, err := s.Reconcile(t.Context(), "LAMP")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = s.Mend(t.Context(), "LAMP")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = newShop(t).Reconcile(t.Context(), "LAMP")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
}
