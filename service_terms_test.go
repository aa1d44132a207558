package allocation_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func until(minutes int, r allocation.Request) allocation.Request {
	r.HoldUntil = morning.Add(time.Duration(minutes) * time.Minute)
	return r
}

// refusedWith returns what was available to a line that the shop refuses.
func (s shop) refusedWith(r allocation.Request) allocation.Quantity {
	s.t.Helper()
	_, err := s.Allocate(s.t.Context(), r)
	var short *allocation.OutOfStockError
	require.ErrorAs(s.t, err, &short)
	require.Len(s.t, short.Shortages, 1)
	return short.Shortages[0].Available
}

// The product is used from the cache before the moment, and refuses after the moment, though nobody wrote in between.
func TestA2_CachedProductObeysTheBestBeforeByTheClock(t *testing.T) {
	perishable := stock("b1", "LAMP", 10)
	perishable.BestBefore = morning.Add(time.Minute)
	p := newProcesses(t, settings{}, perishable)
	p.warm(t, want("o1", "LAMP", 1))
	p.clock.Set(perishable.BestBefore.Add(-time.Microsecond))
	_, loads, commits, err := p.allocate(t, want("o2", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1}, []int{loads, commits}, "reads and commits before the moment")

	p.clock.Set(perishable.BestBefore)
	_, loads, _, err = p.allocate(t, want("o3", "LAMP", 1))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Zero(t, short.Shortages[0].Available)
	assert.Positive(t, loads, "reads: a refusal comes from a fresh read")
	state, _ := p.store.Product("LAMP")
	assert.Len(t, state.Lines, 2)
}

// A cached product knows no lines, so a repeat has to be found by the store, whatever has passed meanwhile.
func TestA12_RepeatOnACachedProductIsFoundWhateverHasPassed(t *testing.T) {
	request := until(5, want("o1", "LAMP", 1))
	request.NeededBy = morning.Add(2 * time.Minute)
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 10))
	p.warm(t, request)
	p.clock.Set(morning.Add(3 * time.Minute))
	given, _, _, err := p.allocate(t, request)
	require.NoError(t, err)
	assert.Equal(t, request.HoldUntil, given[0].HeldUntil)

	firm := request
	firm.HoldUntil = time.Time{}
	p.warm(t, want("o2", "LAMP", 1))
	given, _, _, err = p.allocate(t, firm)
	require.NoError(t, err)
	assert.Zero(t, given[0].HeldUntil, "a firm request over a hold")
	p.clock.Set(morning.Add(time.Hour))
	given, _, _, err = p.allocate(t, request)
	require.NoError(t, err)
	assert.Zero(t, given[0].HeldUntil, "an older message weakens nothing")
	_, _, _, err = p.allocate(t, func() allocation.Request { r := request; r.OrderID = "new"; return r }())
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}

// One new line and one repeat of an order: the repeat's product is read, the new line's may come from the cache.
func TestR3_RepeatBesideANewLineOnACachedProduct(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
	p.warm(t, until(5, want("o1", "LAMP", 1)))
	p.warm(t, want("x", "SOFA", 1))
	given, err := p.one.Allocate(t.Context(), want("o1", "LAMP", 1), want("o1", "SOFA", 2))
	require.NoError(t, err)
	assert.Zero(t, given[0].HeldUntil)
	assert.Equal(t, allocation.Quantity(2), given[1].Quantity)
	state, _ := p.store.Product("LAMP")
	require.Len(t, state.Lines, 1)
	assert.Zero(t, state.Lines[0].HeldUntil)
}

func TestR3_RefusedOrderOfSeveralProductsConfirmsNothing(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 1))
	_, err := s.Allocate(t.Context(), until(5, want("o1", "LAMP", 1)))
	require.NoError(t, err)
	s.unchanged("LAMP", func() {
		_, err = s.Allocate(t.Context(), want("o1", "LAMP", 1), want("o1", "SOFA", 2))
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short)
	})
}

// Firm repeats, longer holds and late messages of many orders at once: no line gets weaker, whoever shares a commit.
func TestR3_RepeatsInGroupsAndInBulkNeverWeakenALine(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 100))
	const orders = 20
	messages := func(order allocation.OrderID) []allocation.Request {
		return []allocation.Request{
			until(10, want(order, "LAMP", 1)), until(30, want(order, "LAMP", 1)), want(order, "LAMP", 1),
		}
	}
	name := func(i int) allocation.OrderID { return allocation.OrderID(fmt.Sprint("o", i)) }
	var wg sync.WaitGroup
	for i := range orders {
		for _, r := range messages(name(i)) {
			wg.Go(func() {
				_, err := s.Allocate(t.Context(), r)
				assert.NoError(t, err)
			})
		}
	}
	wg.Wait()
	var bulk [][]allocation.Request
	for i := range 2 * orders {
		for _, r := range messages(name(i)) {
			bulk = append(bulk, []allocation.Request{r})
		}
	}
	given, errs := s.AllocateEach(t.Context(), bulk)
	for i, err := range errs {
		require.NoError(t, err)
		require.Equal(t, allocation.Quantity(1), given[i][0].Quantity)
	}
	state := s.product("LAMP")
	require.Len(t, state.Lines, 2*orders)
	for _, l := range state.Lines {
		assert.Zero(t, l.HeldUntil, "order %q", l.OrderID)
	}
	drift, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, drift.Drifted(), "%+v", drift)
}

func TestCase1_PickupTakesNothingFromElsewhere(t *testing.T) {
	shop7, central := stock("b1", "LAMP", 1), stock("b2", "LAMP", 10)
	shop7.Location, central.Location = "SHOP-7", "CENTRAL"
	s := newShop(t, shop7, central, stock("b3", "LAMP", 10))
	r := want("o1", "LAMP", 2)
	r.Location = "SHOP-7"
	assert.Equal(t, allocation.Quantity(1), s.refusedWith(r))
	r.Split = true
	assert.Equal(t, allocation.Quantity(1), s.refusedWith(r))
	assert.Empty(t, s.product("LAMP").Lines)
}

func TestCase2_NextDayIsNotServedByAShipmentInHalfAYear(t *testing.T) {
	far := stock("b1", "LAMP", 10)
	far.ETA = morning.AddDate(0, 0, 180)
	s := newShop(t, far)
	r := want("o1", "LAMP", 1)
	r.NeededBy = morning.AddDate(0, 0, 1)
	assert.Zero(t, s.refusedWith(r))
	s.unchanged("LAMP", func() { assert.Zero(t, s.refusedWith(r)) }) // R10: once
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
}

func TestCase7_HoldThatWasPaidStays(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	_, err := s.Allocate(t.Context(), until(10, want("o1", "LAMP", 1)))
	require.NoError(t, err)
	given, err := s.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Zero(t, given[0].HeldUntil)
	s.clock.Advance(11 * time.Minute)
	assert.Zero(t, s.refusedWith(want("o2", "LAMP", 1)))
	assert.Equal(t, []string{"BatchAdded", "LineAllocated", "HoldConfirmed", "LineRefused"}, s.kinds("LAMP", 0))
}

func TestCase8_LongerHoldStaysAfterALateMessage(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	var ends []time.Time
	for _, minutes := range []int{10, 30, 10} {
		given, err := s.Allocate(t.Context(), until(minutes, want("o1", "LAMP", 1)))
		require.NoError(t, err)
		ends = append(ends, given[0].HeldUntil)
	}
	short, long := morning.Add(10*time.Minute), morning.Add(30*time.Minute)
	assert.Equal(t, []time.Time{short, long, long}, ends)
	assert.Equal(t, long, s.product("LAMP").Lines[0].HeldUntil)
	s.clock.Advance(11 * time.Minute)
	assert.Zero(t, s.refusedWith(want("o2", "LAMP", 1)))
	s.clock.Advance(19 * time.Minute)
	_, err := s.Allocate(t.Context(), want("o2", "LAMP", 1))
	assert.NoError(t, err)
}

// Nothing is read, and a product that is loaded stays as before.
func TestTermsThatContradictEachOther(t *testing.T) {
	partial := func(r *allocation.Request) { r.Partial, r.Split = true, true }
	hold := func(r *allocation.Request) { r.HoldUntil = mondayPlus(1) }
	for name, tt := range map[string]struct {
		set   []func(*allocation.Request)
		field string
		value any
	}{
		"a priority too high":      {set(func(r *allocation.Request) { r.Priority = 32_768 }), "priority", 32_768},
		"a priority too low":       {set(func(r *allocation.Request) { r.Priority = -32_769 }), "priority", -32_769},
		"a negative HoldFor":       {set(holdFor(-time.Second)), "hold for", -time.Second},
		"a HoldFor of nanoseconds": {set(holdFor(999)), "hold for", time.Duration(999)},
		"HoldFor with HoldUntil":   {set(holdFor(time.Hour), hold), "hold for", time.Hour},
		"Wait with HoldUntil":      {set(func(r *allocation.Request) { r.Wait = true }, hold), "wait", true},
		"Partial with HoldUntil":   {set(partial, hold), "partial", true},
		"Partial with HoldFor":     {set(partial, holdFor(time.Hour)), "partial", true},
		"Partial without Split":    {set(func(r *allocation.Request) { r.Partial = true }), "partial", true},
		"Partial with Wait and HoldUntil": {
			set(partial, func(r *allocation.Request) { r.Wait = true }, hold), "wait", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := whole("bad", 1)
			for _, change := range tt.set {
				change(&bad)
			}
			store := newGate(t, inWarehouse("B-1", 4))
			close(store.let)
			service := store.service(t)
			_, alone := service.Allocate(t.Context(), bad)
			_, beside := service.Allocate(t.Context(), whole("good", 1), bad)
			_, errs := service.AllocateEach(t.Context(), [][]allocation.Request{{bad}, {whole("good", 1), bad}})
			assert.Zero(t, store.loads.Load(), "loads")
			assert.Zero(t, store.commits.Load(), "commits")
			p := newTested(t, inWarehouse("B-1", 4))
			inside := p.refuses(allocation.ErrInvalid, func() error {
				_, err := p.Allocate(monday, nil, bad)
				return err
			})
			for call, err := range map[string]error{
				"Allocate": alone, "Allocate beside a good line": beside, "AllocateEach": errs[0],
				"AllocateEach beside a good line": errs[1], "Allocate of a product": inside,
			} {
				require.ErrorIs(t, err, allocation.ErrInvalid, call)
				var detail *allocation.Error
				require.ErrorAs(t, err, &detail, call)
				assert.Equal(t, []any{tt.field, tt.value}, []any{detail.Field, detail.Value}, call)
			}
		})
	}
}

func set(changes ...func(*allocation.Request)) []func(*allocation.Request) { return changes }

func holdFor(length time.Duration) func(*allocation.Request) {
	return func(r *allocation.Request) { r.HoldFor = length }
}

func TestALineThatWaitsIsNeitherShippedNorChangedToNothing(t *testing.T) {
	only := func(_ any, err error) error { return err }
	ctx := t.Context()
	line := want("o1", "LAMP", 2).OrderLine
	nothing := line
	nothing.Quantity = 0
	for name, tt := range map[string]struct {
		call   func(s *allocation.Service) error
		reason error
		field  string
		value  any
		loads  bool
	}{
		"changed to 0": {
			func(s *allocation.Service) error { return only(s.ChangeLine(ctx, nothing)) },
			allocation.ErrInvalid, "quantity", allocation.Quantity(0), false,
		},
		"shipped in part": {
			func(s *allocation.Service) error { return only(s.ShipPart(ctx, line)) },
			allocation.ErrNotAllowed, "order", allocation.OrderID("o1"), true,
		},
		"shipped by SKU": {
			func(s *allocation.Service) error { return only(s.Ship(ctx, "o1", "LAMP")) },
			allocation.ErrNotAllowed, "order", allocation.OrderID("o1"), true,
		},
		"confirmed by SKU": {
			func(s *allocation.Service) error { return only(s.Confirm(ctx, "o1", "LAMP")) },
			allocation.ErrNotAllowed, "order", allocation.OrderID("o1"), true,
		},
		"extended by SKU": {
			func(s *allocation.Service) error { return only(s.Extend(ctx, "o1", morning.AddDate(9, 0, 0), "LAMP")) },
			allocation.ErrNotAllowed, "order", allocation.OrderID("o1"), true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := newGate(t, stock("b1", "LAMP", 1))
			close(store.let)
			service := store.service(t)
			_, err := service.Allocate(ctx, mayWait("o1", "LAMP", 2))
			require.NoError(t, err)
			before, _ := store.Product("LAMP")
			store.loads.Store(0)
			store.commits.Store(0)
			err = tt.call(service)
			require.ErrorIs(t, err, tt.reason)
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, []any{tt.field, tt.value}, []any{detail.Field, detail.Value})
			assert.Equal(t, tt.loads, store.loads.Load() > 0, "loads")
			assert.Zero(t, store.commits.Load(), "commits")
			after, _ := store.Product("LAMP")
			assert.Equal(t, before, after)
		})
	}
}
