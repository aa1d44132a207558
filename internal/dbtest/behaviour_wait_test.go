package dbtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfWaiting are those of lines that wait for units.
var behavioursOfWaiting = []behaviour{
	{"B1 walk-ins never get what was freed for the queue", showNoWalkIn},
	{"B2 a lapsed hold goes to the queue", showLapsedHold},
	{"B3 priority, then age", showOrderOfServing},
	{"B4 a line that doesn't fit is passed over", showPassedOver},
	{"B5 a hold from the fill on", showHoldFor},
	{"B6 a part now, the rest later", showPartial},
	{"B7 cancel against fill", showCancelAgainstFill},
	{"B8 a cut puts units back at the old place", showBackInLine},
	{"B10 lines that don't fit, page after page", showOtherLocations},
	{"B10 a receipt serves many over several commits", showLargeReceipt},
	{"B11 one product waits", showNoSecondLine},
	{"Case 10 arrival", showArrival},
	{"R15 a purge beside a queue", showPurgeBesideQueue},
	{"R15 terms, hand-over and dates of a line that waits", showWaitingTerms},
}

func waiting(r *allocation.Request) { r.Wait = true }
func partly(r *allocation.Request)  { r.Split, r.Partial = true, true }
func ranked(priority int) func(*allocation.Request) {
	return func(r *allocation.Request) { r.Priority = priority }
}
func heldFor(length time.Duration) func(*allocation.Request) {
	return func(r *allocation.Request) { r.HoldFor = length }
}

// line returns what the store has of an order's only line: the units, and the units that the line waits for.
func (s *scene) queued(order string) (units, waits allocation.Quantity) {
	s.Helper()
	states, err := s.store.Load(s.Context(), allocation.Query{
		SKUs: []allocation.SKU{s.sku()}, Orders: []allocation.OrderID{s.order(order)}, Now: s.clock.Now(), Limit: 1,
	})
	require.NoError(s, err)
	require.Len(s, states, 1)
	for _, a := range states[0].Lines {
		if a.OrderID == s.order(order) {
			units = a.Quantity
		}
	}
	for _, a := range states[0].Waiting {
		waits = a.Waiting
	}
	return units, waits
}

// waits demands that an order's line has so many units and waits for so many.
func (s *scene) waits(order string, units, waits allocation.Quantity) {
	s.Helper()
	has, missing := s.queued(order)
	assert.Equal(s, [2]allocation.Quantity{units, waits}, [2]allocation.Quantity{has, missing},
		"units of order %q, and units that it waits for", order)
}

func (s *scene) cancel(order string) {
	s.Helper()
	_, err := s.other.Cancel(s.Context(), s.order(order))
	require.NoError(s, err)
}

func showNoWalkIn(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.given(s.want("waiter", 1, waiting))
	var group sync.WaitGroup
	for i := range 16 {
		for _, service := range []*allocation.Service{s.service, s.other} {
			group.Go(func() {
				_, err := service.Allocate(s.Context(), s.want(fmt.Sprint("walk-in-", i), 1))
				var short *allocation.OutOfStockError
				assert.ErrorAs(s, err, &short)
			})
		}
	}
	s.cancel("owner")
	group.Wait()
	s.waits("waiter", 1, 0)
}

func showLapsedHold(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("hold", 1, heldUntil(s.minute(1))))
	s.given(s.want("waiter", 1, waiting))
	s.clock.Set(s.minute(1))
	assert.Zero(s, s.refused(s.want("walk-in", 1)))
	s.waits("waiter", 1, 0)
	s.waits("hold", 0, 0)
}

func showOrderOfServing(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.given(s.want("low", 1, waiting, ranked(1)))
	s.given(s.want("older", 1, waiting, ranked(5)))
	s.given(s.want("newer", 1, waiting, ranked(5)))
	s.quiet(func() { s.given(s.want("newer", 1, waiting, ranked(9))) })
	order := []string{"owner", "older", "newer", "low"}
	for i, next := range order[1:] {
		s.cancel(order[i])
		s.waits(next, 1, 0)
	}
}

func showPassedOver(s *scene) {
	s.announce("b1", 1, arriving(s.day(2)))
	s.given(s.want("owner", 1))
	s.given(s.want("8", 8, waiting))
	s.given(s.want("4", 4, waiting))
	s.given(s.want("2", 2, waiting))
	count := allocation.Count{Batch: s.ref("b1"), Quantity: 11, At: s.clock.Now()}
	_, err := s.other.ReceiveBatch(s.Context(), count)
	require.NoError(s, err)
	s.waits("8", 8, 0)
	s.waits("4", 0, 4)
	s.waits("2", 2, 0)
}

func showHoldFor(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.given(s.want("first", 1, waiting, heldFor(10*time.Minute)))
	s.given(s.want("second", 1, waiting, heldFor(10*time.Minute)))
	s.clock.Set(s.minute(60))
	s.cancel("owner")
	s.clock.Set(s.minute(69))
	s.waits("first", 1, 0)
	s.clock.Set(s.minute(70))
	_, err := s.other.Sweep(s.Context())
	require.NoError(s, err)
	s.waits("first", 0, 0)
	s.waits("second", 1, 0)
	firm, err := s.service.Confirm(s.Context(), s.order("second"))
	require.NoError(s, err)
	assert.Zero(s, firm[0].HeldUntil)
	s.clock.Set(s.day(9))
	s.waits("second", 1, 0)
	assert.Zero(s, s.refused(s.want("walk-in", 1)))
}

func showPartial(s *scene) {
	s.announce("b1", 3)
	r := s.want("order", 5, waiting, partly)
	first, err := s.service.Allocate(s.Context(), r)
	require.NoError(s, err)
	s.quiet(func() {
		again, err := s.other.Allocate(s.Context(), r)
		require.NoError(s, err)
		assert.Equal(s, first, again)
	})
	s.waits("order", 3, 2)
	s.announce("b2", 1)
	s.announce("b3", 2)
	s.waits("order", 5, 0)
	after, err := s.other.Allocate(s.Context(), r)
	require.NoError(s, err)
	assert.Equal(s, first[0].Sequence, after[0].Sequence)
	assert.Equal(s, "b1:3 b2:1 b3:1", s.has("order"))
}

func showCancelAgainstFill(s *scene) {
	s.announce("b1", 1)
	for i := range 5 {
		owner, waiter := fmt.Sprint("owner-", i), fmt.Sprint("waiter-", i)
		s.given(s.want(owner, 1))
		s.given(s.want(waiter, 1, waiting))
		var group sync.WaitGroup
		for service, order := range map[*allocation.Service]string{s.service: owner, s.other: waiter} {
			group.Go(func() {
				_, err := service.Cancel(s.Context(), s.order(order))
				assert.NoError(s, err)
			})
		}
		group.Wait()
		s.waits(waiter, 0, 0)
		s.free(1, 1)
	}
}

func showBackInLine(s *scene) {
	s.announce("b1", 3)
	s.given(s.want("old", 3, waiting))
	s.given(s.want("new", 2, waiting))
	released, err := s.other.ChangeBatchQuantity(s.Context(),
		allocation.Count{Batch: s.ref("b1"), Quantity: 2, At: s.clock.Now()})
	require.NoError(s, err)
	assert.Equal(s, []allocation.OrderLine{s.line("old", 3)}, released)
	s.waits("old", 0, 3)
	s.waits("new", 2, 0)
	s.given(s.want("newest", 3, waiting))
	s.announce("b2", 3)
	s.waits("old", 3, 0)
	s.waits("newest", 0, 3)
}

// crowd lets so many lines wait.
func (s *scene) crowd(lines int, terms ...func(*allocation.Request)) {
	s.Helper()
	requests := make([]allocation.Request, lines)
	for i := range requests {
		requests[i] = s.want(fmt.Sprintf("crowd-%05d", i), 1, append(terms, waiting)...)
	}
	_, err := s.service.Allocate(s.Context(), requests...)
	require.NoError(s, err)
}

func showOtherLocations(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.crowd(150, located("Berlin"))
	s.given(s.want("anywhere", 1, waiting))
	s.cancel("owner")
	s.waits("anywhere", 1, 0)
	s.announce("b2", 2, stored("Munich"))
	assert.Equal(s, "b2:1", s.given(s.want("walk-in", 1)))
	s.announce("b3", 1, stored("Berlin"))
	s.waits("crowd-00000", 1, 0)
	s.waits("crowd-00001", 0, 1)
}

func showLargeReceipt(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.crowd(250)
	s.announce("b2", 250)
	s.waits("crowd-00099", 1, 0)
	s.waits("crowd-00100", 0, 1)
	assert.Zero(s, s.refused(s.want("walk-in", 1)))
	s.waits("crowd-00249", 1, 0)
	s.given(s.want("last", 1, waiting))
	s.cancel("owner")
	s.waits("last", 1, 0)
}

func showNoSecondLine(s *scene) {
	s.announce("b1", 5)
	s.given(s.want("owner", 5))
	s.given(s.want("W", 8, waiting))
	s.cancel("owner")
	s.quiet(func() {
		_, err := s.other.Allocate(s.Context(), s.want("W", 5))
		require.ErrorIs(s, err, allocation.ErrMismatch)
	})
	s.waits("W", 0, 8)
}

func showArrival(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.given(s.want("older", 3, waiting))
	s.given(s.want("newer", 3, waiting, spread))
	s.announce("b2", 4)
	s.waits("older", 3, 0)
	s.waits("newer", 0, 3)
	s.announce("b3", 2)
	s.waits("newer", 3, 0)
}

// queueOf returns what the store has of the lines of orders that wait, and their places.
func (s *scene) queueOf(orders ...string) (all []any) {
	s.Helper()
	for _, order := range orders {
		states, err := s.store.Load(s.Context(), allocation.Query{
			SKUs: []allocation.SKU{s.sku()}, Orders: []allocation.OrderID{s.order(order)}, Now: s.clock.Now(), Limit: 1,
		})
		require.NoError(s, err)
		require.Len(s, states, 1)
		places, err := s.store.Places(s.Context(), s.order(order))
		require.NoError(s, err)
		all = append(all, states[0].Waiting, states[0].AnyWaiting, states[0].Serving, places)
	}
	return all
}

// showPurgeBesideQueue purges all events while lines wait, while serving goes on, and after lines have been served.
func showPurgeBesideQueue(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.crowd(110)
	s.given(s.want("dated", 2, waiting, spread, ranked(5), neededBy(s.day(5))))
	s.given(s.want("last", 1, waiting, ranked(-1)))
	purge := func(orders ...string) {
		s.Helper()
		before := s.queueOf(orders...)
		s.purged()
		assert.Equal(s, before, s.queueOf(orders...), "the queue after a purge")
	}
	purge("crowd-00000", "crowd-00109", "dated", "last", "owner")
	s.announce("b2", 200)
	s.waits("dated", 2, 0)
	s.waits("crowd-00098", 1, 0)
	s.waits("crowd-00099", 0, 1) // serving goes on with the next command
	purge("crowd-00099", "last")
	assert.Equal(s, "b2:87", s.given(s.want("walk-in", 87)))
	s.waits("crowd-00109", 1, 0)
	s.waits("last", 1, 0)
	s.given(s.want("next", 1, waiting))
	purge("next")
	s.cancel("owner")
	s.waits("next", 1, 0)
	purge("next")
	s.free(0, 0)
}

func showWaitingTerms(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("owner", 1))
	s.given(s.want("cart", 2, waiting, neededBy(s.day(1)), freshUntil(s.day(1)), located("here"), ranked(-3)))
	require.NoError(s, s.handOver(s.other, "cart", "order"))
	s.waits("cart", 0, 0)
	s.announce("late", 9, arriving(s.day(2)), stored("here"))
	s.waits("order", 0, 2)
	changed, err := s.other.ChangeLine(s.Context(), s.line("order", 4))
	require.NoError(s, err)
	assert.EqualValues(s, 4, changed.Waiting)
	assert.Equal(s, s.order("cart"), changed.HandedFrom)
	assert.Equal(s, -3, changed.Priority)
	s.clock.Set(s.day(2))
	swept, err := s.other.Sweep(s.Context())
	require.NoError(s, err)
	assert.Equal(s, 1, swept)
	s.waits("order", 0, 0)
	err = allocation.NewUnitOfWork(s.store, nil).Do(s.Context(),
		func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetByOrder(ctx, s.order("order"))
			return err
		})
	require.ErrorIs(s, err, allocation.ErrNotFound)
}
