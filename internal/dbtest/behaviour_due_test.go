package dbtest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfDueTimes are those of shipments that slip, and of times that pass.
var behavioursOfDueTimes = []behaviour{
	{"A5 lines of a shipment that slips move or are late, once", showSlip},
	{"A5 lines of a shipment that will have expired move or are late", showSpoiled},
	{"A5 every line of a large shipment is late", showLargeSlip},
	{"A5 a late line moves with the next change of the shipment", showLateLineMoves},
	{"A8 a hold whose batch expires can be confirmed", showExpiredHold},
	{"A8 a batch with held units is told by the sweep, once", showSweptHold},
	{"A13 low stock by the clock is told once", showLowByClock},
	{"A13 low stock by the clock is told by the sweep, once", showSweptLow},
	{"A14 late is told, cleared and told again", showLateAgain},
	{"A15 expired lots cost nothing", showExpiredLots},
	{"R14 a shipment that arrives in time clears late lines", showArrivedInTime},
	{"R14 units that arrive after NeededBy are late without a sweep", showUnsweptArrival},
	{"R14 the sweep tells of units that have not arrived", showOverdue},
	{"R14 the sweep goes on behind a product with nothing to tell", showBehind},
}

// slip changes the ETA of a batch, and returns the orders of the lines that are late, each with the units.
func (s *scene) slip(name string, eta time.Time) (late []string) {
	s.Helper()
	lines, err := s.other.ChangeBatchETA(s.Context(), s.ref(name), eta)
	require.NoError(s, err)
	for _, l := range lines {
		late = append(late, fmt.Sprintf("%s:%d", l.OrderID[len(s.names):], l.Quantity))
	}
	return late
}

// marks lists what LineLate events after the given number of events said: the order, and whether the order is late.
func (s *scene) marks(after int64) (marks []string) {
	s.Helper()
	events, err := s.store.Events(s.Context(), s.sku(), after, 1000)
	require.NoError(s, err)
	for _, e := range events {
		if late, is := e.(allocation.LineLate); is {
			marks = append(marks, fmt.Sprintf("%s %t", late.OrderID[len(s.names):], late.Late))
		}
	}
	return marks
}

// isLate reports whether the store marks an order's line.
func (s *scene) isLate(order string) bool {
	s.Helper()
	states, err := s.store.Load(s.Context(), allocation.Query{Order: s.order(order), Now: s.clock.Now(), Limit: 1})
	require.NoError(s, err)
	require.Len(s, states, 1)
	for _, l := range states[0].Lines {
		if l.OrderID == s.order(order) {
			return l.Late
		}
	}
	return false
}

func showSlip(s *scene) {
	thursday, friday, monday := s.day(3), s.day(4), s.day(7)
	s.announce("thursday", 12, arriving(thursday))
	for _, r := range []allocation.Request{
		s.want("whole", 4, neededBy(friday)), s.want("spread", 3, neededBy(friday), spread),
		s.want("undated", 2), s.want("monday", 1, neededBy(monday)), s.want("last", 2, neededBy(friday)),
	} {
		require.Contains(s, s.given(r), "thursday")
	}
	s.announce("wednesday", 5, arriving(s.day(2)))
	before := s.version()
	assert.Equal(s, []string{"spread:2", "last:2"}, s.slip("thursday", monday), "the oldest line moves first")
	assert.Equal(s, "wednesday:4", s.has("whole"))
	assert.Equal(s, "thursday:2 wednesday:1", s.has("spread"))
	assert.Equal(s, []string{"thursday:2", "thursday:1", "thursday:2"},
		[]string{s.has("undated"), s.has("monday"), s.has("last")})
	assert.Equal(s, []string{"spread true", "last true"}, s.marks(before))
	assert.Equal(s, []bool{false, true, false, true},
		[]bool{s.isLate("whole"), s.isLate("spread"), s.isLate("monday"), s.isLate("last")})

	before = s.version()
	assert.Empty(s, s.slip("thursday", monday), "a repeat")
	assert.Equal(s, before, s.version(), "a repeat records nothing")
	assert.Equal(s, []string{"monday:1"}, s.slip("thursday", s.day(8)), "lines that were late are not told again")
	assert.Equal(s, []string{"monday true"}, s.marks(before))
}

func showSpoiled(s *scene) {
	s.announce("milk", 10, arriving(s.day(2)), bestBefore(s.day(6)))
	s.given(s.want("dated", 4, neededBy(s.day(9))))
	s.given(s.want("undated", 4))
	s.given(s.want("moves", 2))
	s.announce("here", 2)
	before := s.version()
	assert.Equal(s, []string{"dated:4", "undated:4"}, s.slip("milk", s.day(6)), "expired when it arrives")
	assert.Equal(s, "here:2", s.has("moves"))
	assert.Equal(s, []string{"dated true", "undated true"}, s.marks(before))
	before = s.version()
	assert.Empty(s, s.slip("milk", s.day(5)))
	assert.Equal(s, []string{"dated false", "undated false"}, s.marks(before))
}

func showLargeSlip(s *scene) {
	const lines = 250 // more than a page
	s.announce("ship", lines, arriving(s.day(3)))
	for i := range lines {
		s.given(s.want(fmt.Sprint("o", i), 1, neededBy(s.day(4))))
	}
	assert.Len(s, s.slip("ship", s.day(5)), lines)
	before := s.version()
	assert.Empty(s, s.slip("ship", s.day(6)))
	assert.Empty(s, s.slip("ship", s.day(4)))
	assert.Len(s, s.marks(before), lines, "all are in time again")
}

func showLateLineMoves(s *scene) {
	s.announce("ship", 4, arriving(s.day(3)))
	s.given(s.want("o1", 4, neededBy(s.day(4))))
	assert.Equal(s, []string{"o1:4"}, s.slip("ship", s.day(7)))
	before := s.version()
	s.announce("here", 4)
	_, err := s.service.Sweep(s.Context())
	require.NoError(s, err)
	assert.Equal(s, "ship:4", s.has("o1"), "units in time don't move the line")
	assert.Empty(s, s.slip("ship", s.day(8)))
	assert.Equal(s, "here:4", s.has("o1"))
	assert.Equal(s, []string{"o1 false"}, s.marks(before))
}

func showExpiredHold(s *scene) {
	s.announce("milk", 5, bestBefore(s.day(1)))
	s.given(s.want("cart", 3, heldUntil(s.day(2))))
	before := s.version()
	s.clock.Advance(24 * time.Hour)
	_, err := s.service.Confirm(s.Context(), s.order("cart"))
	require.NoError(s, err)
	_, err = s.other.Confirm(s.Context(), s.order("cart"))
	require.NoError(s, err)
	assert.Equal(s, []string{"HoldConfirmed", "BatchExpired"}, s.events(before))
	_, err = s.service.ChangeLine(s.Context(), s.line("cart", 4))
	require.ErrorAs(s, err, new(*allocation.OutOfStockError), "nothing of an expired batch is sold")
	_, err = s.service.Ship(s.Context(), s.order("cart"))
	require.NoError(s, err, "units that were promised can be shipped")
	assert.Equal(s, "milk:3/3", s.has("cart"))
	assert.NotContains(s, s.events(before+2), "BatchExpired")
	assert.True(s, s.stored("milk").Expired)
}

func showLowByClock(s *scene) {
	s.announce("old", 10, bestBefore(s.day(1)))
	s.announce("fresh", 3)
	require.NoError(s, s.service.SetLowStock(s.Context(), s.sku(), 5))
	before := s.version()
	s.clock.Advance(24 * time.Hour)
	_, err := s.service.Allocate(s.Context(), s.want("o1", 4))
	require.ErrorAs(s, err, new(*allocation.OutOfStockError))
	assert.Equal(s, []string{"BatchExpired", "LowStockCrossed", "LineRefused"}, s.events(before))
	_, err = s.other.Allocate(s.Context(), s.want("o1", 4))
	require.ErrorAs(s, err, new(*allocation.OutOfStockError))
	s.given(s.want("o2", 1))
	assert.Equal(s, []string{"BatchExpired", "LowStockCrossed", "LineRefused", "LineAllocated"}, s.events(before))
	before = s.version()
	s.announce("new", 9)
	s.given(s.want("o3", 1))
	assert.Equal(s, []string{"BatchAdded", "LowStockCrossed", "LineAllocated"}, s.events(before))
}

func showLateAgain(s *scene) {
	thursday, monday, tuesday := s.day(3), s.day(7), s.day(8)
	s.announce("ship", 4, arriving(thursday))
	s.given(s.want("o1", 4, neededBy(s.day(4))))
	before := s.version()
	var returned []string
	for _, eta := range []time.Time{monday, tuesday, thursday, monday} {
		returned = append(returned, s.slip("ship", eta)...)
	}
	assert.Equal(s, []string{"o1:4", "o1:4"}, returned)
	assert.Equal(s, []string{"o1 true", "o1 false", "o1 true"}, s.marks(before))
}

func showArrivedInTime(s *scene) {
	for i, hours := range []int{1, 3} { // before and after NeededBy
		s.T.Logf("arrival after %d hours", hours)
		ship, order := fmt.Sprint("ship", i), fmt.Sprint("o", i)
		by := s.clock.Now().Add(2 * time.Hour)
		s.announce(ship, 4, arriving(by))
		s.given(s.want(order, 4, neededBy(by)))
		assert.Equal(s, []string{order + ":4"}, s.slip(ship, by.Add(time.Hour)))
		before := s.version()
		s.clock.Advance(time.Duration(hours) * time.Hour)
		_, err := s.service.ReceiveBatch(s.Context(),
			allocation.Count{Batch: s.ref(ship), Quantity: 4, At: s.clock.Now()})
		require.NoError(s, err)
		assert.Equal(s, hours > 2, s.isLate(order))
		assert.Equal(s, hours < 2, len(s.marks(before)) == 1)
	}
}

func showUnsweptArrival(s *scene) {
	by := s.day(2)
	s.announce("ship", 9, arriving(by))
	for _, r := range []allocation.Request{
		s.want("o1", 4, neededBy(by)), s.want("o2", 2, neededBy(s.day(5))), s.want("o3", 2, neededBy(by)),
	} {
		s.given(r)
	}
	before := s.version()
	s.clock.Advance(4 * 24 * time.Hour)
	require.Empty(s, s.split("ship", s.part("first", 3)))
	assert.Equal(s, []string{"o3 true"}, s.marks(before))
	_, err := s.service.ReceiveBatch(s.Context(),
		allocation.Count{Batch: s.ref("ship"), Quantity: 6, At: s.clock.Now()})
	require.NoError(s, err)
	s.sweep()
	assert.Equal(s, []string{"o3 true", "o1 true"}, s.marks(before))
	assert.Equal(s, []bool{true, false, true}, []bool{s.isLate("o1"), s.isLate("o2"), s.isLate("o3")})
}

// sweep sweeps in both processes, and returns how many events of the product the first sweep recorded. Other scenes of
// the store have other products, and other clocks.
func (s *scene) sweep() int {
	s.Helper()
	before := s.version()
	_, err := s.service.Sweep(s.Context())
	require.NoError(s, err)
	swept := int(s.version() - before)
	s.quiet(func() {
		_, err := s.other.Sweep(s.Context())
		require.NoError(s, err)
	})
	return swept
}

func showSweptHold(s *scene) {
	s.announce("milk", 3, bestBefore(s.day(1)))
	s.given(s.want("cart", 3, heldUntil(s.day(2))))
	before := s.version()
	s.quiet(func() { s.sweep() })
	s.clock.Advance(24 * time.Hour)
	assert.Equal(s, 1, s.sweep())
	assert.Equal(s, []string{"BatchExpired"}, s.events(before))
	_, err := s.service.Confirm(s.Context(), s.order("cart"))
	require.NoError(s, err)
	_, err = s.service.ChangeBatchQuantity(s.Context(),
		allocation.Count{Batch: s.ref("milk"), Quantity: 5, At: s.clock.Now()})
	require.NoError(s, err)
	_, err = s.service.Cancel(s.Context(), s.order("cart"))
	require.NoError(s, err)
	s.sweep()
	assert.Equal(s, []string{"BatchExpired", "HoldConfirmed", "BatchQuantityChanged", "LineDeallocated"},
		s.events(before))
	s.free(0, 0)
}

func showSweptLow(s *scene) {
	s.announce("old", 10, bestBefore(s.day(1)))
	s.announce("fresh", 3)
	require.NoError(s, s.service.SetLowStock(s.Context(), s.sku(), 5))
	before := s.version()
	s.clock.Advance(24 * time.Hour)
	s.sweep()
	assert.Equal(s, []string{"BatchExpired", "LowStockCrossed"}, s.events(before))
	s.announce("new", 2)
	s.given(s.want("o1", 1))
	s.sweep()
	assert.Equal(s, []string{
		"BatchExpired", "LowStockCrossed", "BatchAdded", "LowStockCrossed", "LineAllocated", "LowStockCrossed",
	}, s.events(before))
}

func showExpiredLots(s *scene) {
	const lots = 2000 // the number in a page is 100
	s.announce("fresh", 9)
	announceAll := func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, s.sku())
		for i := 0; err == nil && i < lots; i++ {
			ref := s.ref(fmt.Sprint("lot", i))
			lot := allocation.Batch{Ref: ref, SKU: s.sku(), Purchased: 1, BestBefore: s.day(1)}
			err = p.AddBatch(lot, products.Now())
		}
		return err
	}
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now})
	require.NoError(s, units.Do(s.Context(), announceAll))
	s.clock.Advance(24 * time.Hour)
	assert.Equal(s, lots, s.sweep())
	s.given(s.want("o1", 1))
	states, err := s.store.Load(s.Context(), allocation.Query{
		SKUs: []allocation.SKU{s.sku()}, Orders: []allocation.OrderID{s.order("o1")}, Now: s.clock.Now(), Limit: 100,
	})
	require.NoError(s, err)
	assert.Len(s, states[0].Batches, 1, "batches that a load brings")
	s.free(8, 8)
}

func showOverdue(s *scene) {
	s.announce("ship", 5, arriving(s.day(1)))
	s.announce("here", 1)
	s.given(s.want("o1", 4, neededBy(s.day(2))))
	s.given(s.want("o2", 1, neededBy(s.day(3))))
	s.given(s.want("o3", 1))
	before := s.version()
	s.clock.Advance(2 * 24 * time.Hour)
	s.quiet(func() { assert.Zero(s, s.sweep(), "NeededBy is not over") })
	s.clock.Advance(time.Microsecond)
	assert.Equal(s, 1, s.sweep())
	assert.Equal(s, []string{"o1 true"}, s.marks(before))
	s.clock.Advance(2 * 24 * time.Hour)
	assert.Zero(s, s.sweep(), "the units of o2 are here")
	assert.Equal(s, []string{"here:1", "ship:1"}, []string{s.has("o2"), s.has("o3")})
	assert.Equal(s, []string{"o1 true"}, s.marks(before))
}

func showBehind(s *scene) {
	s.announce("ship", 5, arriving(s.day(1)))
	s.given(s.want("o1", 4, neededBy(s.day(2))))
	_, err := s.service.Cancel(s.Context(), s.order("o1"))
	require.NoError(s, err)
	other := s.sku() + "-z"
	require.NoError(s, s.service.AddBatch(s.Context(), allocation.Batch{Ref: s.ref("z"), SKU: other, Purchased: 1}))
	r := s.want("o2", 1, heldUntil(s.day(3)))
	r.SKU = other
	s.given(r)
	s.clock.Advance(4 * 24 * time.Hour)
	s.sweep()
	assert.Empty(s, s.has("o2"), "the lapsed hold of the other product")
}
