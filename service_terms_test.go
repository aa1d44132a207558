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
