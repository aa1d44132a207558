package allocation_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// put replaces the version of a product in the store, as a restore of the product's row alone does.
func (s *shop) put(t *testing.T, sku allocation.SKU, version int64) {
	t.Helper()
	state := s.product(sku)
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: sku, Read: state.Version, Version: version,
		Refused: state.Refused, LowStock: state.LowStock, Low: state.Low,
	}}))
}

func TestMendMovesTheVersionForwardToTheLastEvent(t *testing.T) {
	for name, opts := range map[string]allocation.ServiceOptions{"groups": {}, "no groups": {NoGroupCommit: true}} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, stock("b1", "LAMP", 9))
			for _, order := range []allocation.OrderID{"o1", "o2", "o3"} {
				_, err := s.Allocate(t.Context(), want(order, "LAMP", 2))
				require.NoError(t, err)
			}
			service := newService(t, allocation.NewUnitOfWork(s.store, nil), &opts)
			s.put(t, "LAMP", 2)
			_, err := service.Allocate(t.Context(), want("o4", "LAMP", 1))
			require.ErrorContains(t, err, "Mend", "a command before Mend")

			found := allocation.Audit{SKU: "LAMP", Version: 2, LastEvent: 4}
			audit, err := service.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.Equal(t, found, audit, "Reconcile")
			assert.True(t, audit.Drifted())
			plan, err := service.PlanMend(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.Equal(t, allocation.Changes{SKU: "LAMP", Read: 2, Version: 4}, plan, "PlanMend")
			audit, err = service.Mend(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.Equal(t, found, audit, "Mend")

			_, err = service.Allocate(t.Context(), want("o4", "LAMP", 1))
			require.NoError(t, err, "a command after Mend")
			audit, err = service.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.Equal(t, allocation.Audit{SKU: "LAMP", Version: 5, LastEvent: 5}, audit, "Reconcile at the end")
		})
	}
}

// A restore may leave version and counters behind. The events of Mend come after all events of the store.
func TestMendOfVersionAndCounters(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 9))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err)
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 2, Version: 1, Batches: []allocation.BatchChange{{Ref: "b1", Allocated: 3}},
	}}))
	plan, err := s.PlanMend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 3}, []int64{plan.Read, plan.Version})
	_, err = s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, allocation.Audit{SKU: "LAMP", Version: 3, LastEvent: 3}, audit)
	assert.Equal(t, []string{"BatchCorrected"}, s.kinds("LAMP", 2))
}

func TestMendNeverMovesTheVersionBack(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 9))
	s.put(t, "LAMP", 7)
	found := allocation.Audit{SKU: "LAMP", Version: 7, LastEvent: 1}
	for range 2 {
		audit, err := s.Mend(t.Context(), "LAMP")
		require.NoError(t, err)
		assert.Equal(t, found, audit)
		assert.True(t, audit.Drifted(), "lost events are no secret")
	}
	plan, err := s.PlanMend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, allocation.Changes{SKU: "LAMP", Read: 7, Version: 7}, plan)

	_, err = s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err)
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, allocation.Audit{SKU: "LAMP", Version: 8, LastEvent: 8}, audit, "after the next event")
}

func TestMendTellsByHowMuchACounterWasWrong(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 9))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err)
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 2, Version: 3, Batches: []allocation.BatchChange{{Ref: "b1", Allocated: 3}},
		Events: []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	_, err = s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	events, err := s.store.Events(t.Context(), "LAMP", 3, 9)
	require.NoError(t, err)
	assert.Equal(t, []allocation.Event{allocation.BatchCorrected{
		SKU: "LAMP", At: morning, Batch: "b1", AllocatedFrom: 5, AllocatedTo: 2,
	}}, events)
	_, purchased, allocated := events[0].Movement()
	assert.Zero(t, purchased, "the ledger lacked nothing")
	assert.Zero(t, allocated, "the ledger lacked nothing")
}

// A plan names the lines that would move or be released, and changes nothing.
func TestPlanMendShowsTheFateOfLines(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 6), stock("b2", "LAMP", 1))
	for _, r := range []allocation.Request{want("o1", "LAMP", 2), want("o2", "LAMP", 3), want("o3", "LAMP", 1)} {
		_, err := s.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 5, Version: 6,
		Batches: []allocation.BatchChange{{Ref: "b1", Purchased: -4, Allocated: -4}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	before := s.product("LAMP")
	plan, err := s.PlanMend(t.Context(), "LAMP")
	require.NoError(t, err)
	var kinds []string
	for _, e := range plan.Events {
		kinds = append(kinds, e.Kind())
	}
	assert.Equal(t, []string{"BatchCorrected", "LineReleased", "LineDeallocated", "LineAllocated"}, kinds)
	assert.Equal(t, []allocation.LineKey{{OrderID: "o2", SKU: "LAMP"}}, plan.Removed)
	require.Len(t, plan.Lines, 1)
	assert.Equal(t, allocation.OrderID("o3"), plan.Lines[0].OrderID)
	assert.Equal(t, before, s.product("LAMP"), "the product")

	_, err = s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	events, err := s.store.Events(t.Context(), "LAMP", 6, 9)
	require.NoError(t, err)
	assert.Equal(t, plan.Events, events, "Mend does as planned")
}

// More holds have lapsed than one page has. A plan clears none, and Mend can't clear any before the version has moved.
func TestMendBesideManyLapsedHolds(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 9))
	for i := range 5 {
		hold := want(numbered("held", i), "LAMP", 1)
		hold.HoldUntil = morning.Add(time.Minute)
		_, err := s.Allocate(t.Context(), hold)
		require.NoError(t, err)
	}
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4))
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 7, Version: 3, Batches: []allocation.BatchChange{{Ref: "b1", Purchased: -4, Allocated: -4}},
	}}))
	service := newService(t, allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
		Now: s.clock.Now, PageSize: 2,
	}), nil)
	before := s.product("LAMP")
	plan, err := service.PlanMend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, before, s.product("LAMP"), "PlanMend wrote")
	_, err = service.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	events, err := s.store.Events(t.Context(), "LAMP", 7, 99)
	require.NoError(t, err)
	assert.Equal(t, plan.Events, events)
	audit, err := service.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "%+v", audit)
	live := slices.DeleteFunc(s.product("LAMP").Lines, func(a allocation.Allocation) bool {
		return a.Lapsed(s.clock.Now())
	})
	assert.Len(t, live, 1, "the order that was no hold")
}

func TestPlanMendOfASoundProductIsEmpty(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 6))
	plan, err := s.PlanMend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, allocation.Changes{SKU: "LAMP", Read: 1, Version: 1}, plan)
	_, err = s.PlanMend(t.Context(), "SOFA")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
}

// Mend calls Committed once the product is free again, so that a command inside the hook doesn't wait for Mend.
func TestCommittedOfMendMayUseTheProduct(t *testing.T) {
	for name, opts := range map[string]allocation.ServiceOptions{"groups": {}, "no groups": {NoGroupCommit: true}} {
		for wrapping, wrap := range map[string]func(allocation.UnitOfWork) allocation.UnitOfWork{
			"plain":   func(u allocation.UnitOfWork) allocation.UnitOfWork { return u },
			"wrapped": func(u allocation.UnitOfWork) allocation.UnitOfWork { return transparent{u} },
		} {
			t.Run(name+", "+wrapping, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { mendAndReorder(t, wrap, opts) })
			})
		}
	}
}

// transparent is a wrapper that adds nothing.
type transparent struct{ allocation.UnitOfWork }

func (w transparent) Unwrap() allocation.UnitOfWork { return w.UnitOfWork }

// mendAndReorder allocates a unit inside Committed of Mend, and of the allocation.
func mendAndReorder(
	t *testing.T, wrap func(allocation.UnitOfWork) allocation.UnitOfWork, opts allocation.ServiceOptions,
) {
	t.Helper()
	s := newShop(t, stock("b1", "LAMP", 9))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err)
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 2, Version: 3, Batches: []allocation.BatchChange{{Ref: "b1", Allocated: 3}},
		Events: []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	var service *allocation.Service
	var kinds []string
	service = newService(t, wrap(allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
		Committed: func(ctx context.Context, events []allocation.Event) {
			for _, e := range events {
				kinds = append(kinds, e.Kind())
			}
			short, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := service.Allocate(short, want("o2", "LAMP", 1))
			assert.NoError(t, err, "a command inside Committed")
		},
	})), &opts)
	_, err = service.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, []string{"BatchCorrected", "LineAllocated"}, kinds)
}

// audited counts the audits.
type audited struct {
	drifting
	audits int
}

func (a *audited) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	a.audits++
	return a.drifting.Audit(ctx, sku)
}

// Mend is a unit of work, so neither a nil context nor another unit of work around is allowed.
func TestMendNeedsAContextOfItsOwn(t *testing.T) {
	for mode, opts := range modes {
		store := &audited{drifting: drifting{memory.New()}}
		require.NoError(t, store.Seed(stock("b1", "LAMP", 9)))
		units := allocation.NewUnitOfWork(store, nil)
		service := newService(t, units, &opts.service)
		for _, mend := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := service.Mend(ctx, "LAMP"); return err },
			func(ctx context.Context) error { _, err := service.PlanMend(ctx, "LAMP"); return err },
		} {
			require.ErrorIs(t, mend(nil), allocation.ErrInvalid, mode)
			require.NoError(t, units.Do(t.Context(), func(ctx context.Context, _ allocation.Repository) error {
				require.ErrorIs(t, mend(ctx), allocation.ErrInvalid, mode)
				return nil
			}))
		}
		if mode == "default" {
			assert.Zero(t, store.audits, "audits")
		}
		lamp, _ := store.Product("LAMP")
		assert.EqualValues(t, 1, lamp.Version, mode)
	}
}

// A batch that has fewer units than its lines is cut, however many pages of lines have to go.
func TestMendReadsAllLinesThatHaveToGo(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 50))
	for i := range 5 {
		_, err := s.Allocate(t.Context(), want(numbered("o", i), "LAMP", 10))
		require.NoError(t, err)
	}
	state := s.product("LAMP")
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Batches: []allocation.BatchChange{{Ref: "b1", Purchased: -38, Allocated: -38}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: 1})
	_, err := newService(t, units, nil).Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderID{numbered("o", 0)}, linesOf(s.store, "LAMP"))
}
