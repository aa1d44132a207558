package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// waits asks for units for which the line may wait.
func waits(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	r := whole(order, units)
	r.Wait = true
	return r
}

// has demands that a line has so many units and waits for so many.
func (p *tested) has(
	order allocation.OrderID, units, waiting allocation.Quantity, now time.Time,
) allocation.Allocation {
	p.t.Helper()
	lines, err := p.Lines(order, now)
	if units == 0 && waiting == 0 {
		assert.ErrorIs(p.t, err, allocation.ErrNotFound, "order %q", order)
		return allocation.Allocation{}
	}
	require.NoError(p.t, err, "order %q", order)
	require.Len(p.t, lines, 1)
	got := [2]allocation.Quantity{lines[0].Quantity, lines[0].Waiting}
	assert.Equal(p.t, [2]allocation.Quantity{units, waiting}, got, "units and waiting of order %q", order)
	return lines[0]
}

// allocate allocates one request, which must succeed.
func (p *tested) allocate(r allocation.Request, now time.Time) allocation.Allocation {
	p.t.Helper()
	given, err := p.Allocate(now, nil, r)
	require.NoError(p.t, err)
	return given[0]
}

func (p *tested) ended(f func()) []string {
	p.t.Helper()
	before := len(p.Changes().Events)
	f()
	var kinds []string
	for _, e := range p.Changes().Events[before:] {
		kinds = append(kinds, e.Kind())
	}
	return kinds
}

func TestWaitingFitsCase10(t *testing.T) {
	p := newTested(t)
	p.allocate(waits("older", 3), monday)
	p.allocate(waits("newer", 3), monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-1", 4), monday))
	p.has("older", 3, 0, monday)
	p.has("newer", 0, 3, monday)
	available, err := p.Available(monday)
	require.NoError(t, err)
	assert.EqualValues(t, 1, available, "free for whoever fits")
	p.allocate(whole("fits", 1), monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-2", 2), monday))
	p.has("newer", 0, 3, monday) // whole from one batch
	require.NoError(t, p.AddBatch(inWarehouse("B-3", 3), monday))
	p.has("newer", 3, 0, monday)
}

func TestWaitingB3PriorityThenAge(t *testing.T) {
	p := newTested(t)
	for _, l := range []struct {
		order    allocation.OrderID
		priority int
	}{{"low", 1}, {"older", 5}, {"newer", 5}} {
		r := waits(l.order, 1)
		r.Priority = l.priority
		p.allocate(r, monday)
	}
	again := waits("newer", 1)
	again.Priority = 9 // of no importance to a repeat
	assert.Empty(t, p.ended(func() { p.allocate(again, monday) }), "a repeat tells nothing")
	for i, order := range []allocation.OrderID{"older", "newer", "low"} {
		require.NoError(t, p.AddBatch(inWarehouse(allocation.BatchRef(order), 1), monday))
		p.has(order, 1, 0, monday)
		for _, later := range []allocation.OrderID{"older", "newer", "low"}[i+1:] {
			p.has(later, 0, 1, monday)
		}
	}
}

func TestWaitingB4PassesOverWhatDoesNotFit(t *testing.T) {
	p := newTested(t, arriving("B-1", 1, 3))
	p.allocate(whole("all", 1), monday)
	for order, units := range map[allocation.OrderID]allocation.Quantity{"8": 8} {
		p.allocate(waits(order, units), monday)
	}
	p.allocate(waits("4", 4), monday)
	p.allocate(waits("2", 2), monday)
	kinds := p.ended(func() {
		_, err := p.ReceiveBatch(allocation.Count{Batch: "B-1", Quantity: 11, At: monday}, monday, nil)
		require.NoError(t, err)
	})
	assert.Equal(t, []string{"BatchReceived", "LineAllocated", "LineAllocated"}, kinds)
	p.has("8", 8, 0, monday)
	p.has("4", 0, 4, monday)
	p.has("2", 2, 0, monday)
	events := p.Changes().Events
	assert.True(t, events[len(events)-1].(allocation.LineAllocated).Waited, "the event says that the line had waited")
}

func TestWaitingB5HoldForCountsFromTheFill(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 1))
	p.allocate(whole("owner", 1), monday)
	first, second := waits("first", 1), waits("second", 1)
	first.HoldFor, second.HoldFor = 10*time.Minute, 10*time.Minute
	assert.Zero(t, p.allocate(first, monday).HeldUntil)
	p.allocate(second, monday)
	later := monday.Add(time.Hour)
	_, err := p.Cancel("owner", later)
	require.NoError(t, err)
	assert.Equal(t, later.Add(10*time.Minute), p.has("first", 1, 0, later).HeldUntil)
	lapsed := later.Add(10 * time.Minute)
	assert.Equal(t, 1, p.Sweep(lapsed))
	p.has("first", 0, 0, lapsed)
	assert.Equal(t, lapsed.Add(10*time.Minute), p.has("second", 1, 0, lapsed).HeldUntil)
	_, err = p.Confirm("second", lapsed)
	require.NoError(t, err)
	firm := p.has("second", 1, 0, lapsed.AddDate(1, 0, 0))
	assert.Zero(t, firm.HeldUntil)
	assert.Zero(t, firm.HoldFor, "Confirm takes HoldFor off for good")
}

func TestWaitingB6Partial(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 3))
	r := waits("order", 5)
	r.Split, r.Partial = true, true
	first := p.allocate(r, monday)
	assert.EqualValues(t, 5, first.Wanted)
	assert.Empty(t, p.ended(func() { assert.Equal(t, first, p.allocate(r, monday), "the same call answers the same") }))
	p.has("order", 3, 2, monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-2", 1), monday))
	p.has("order", 4, 1, monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-3", 2), monday))
	full := p.has("order", 5, 0, monday)
	assert.Equal(t, first.Sequence, full.Sequence)
	assert.Zero(t, full.Wanted)
	available, err := p.Available(monday)
	require.NoError(t, err)
	assert.EqualValues(t, 1, available)
	other := r
	other.Quantity = 3
	_, err = p.Allocate(monday, nil, other)
	assert.ErrorIs(t, err, allocation.ErrMismatch)
}

func TestPartialWithoutWaitForgetsTheRest(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 3))
	r := split("order", 5)
	r.Partial = true
	first := p.allocate(r, monday)
	assert.EqualValues(t, 3, first.Quantity)
	assert.Zero(t, first.Waiting)
	require.NoError(t, p.AddBatch(inWarehouse("B-2", 5), monday))
	assert.Equal(t, first, p.allocate(r, monday), "a repeat is measured against Wanted")
	nothing := split("other", 5)
	nothing.Partial = true
	p.allocate(whole("rest", 5), monday)
	_, err := p.Allocate(monday, nil, nothing)
	var short *allocation.OutOfStockError
	assert.ErrorAs(t, err, &short, "nothing there and no Wait is a refusal")
}

func TestWaitingB8ACutPutsUnitsBackAtTheOldPlace(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 3))
	p.allocate(waits("old", 3), monday)
	p.allocate(waits("new", 2), monday)
	kinds := p.ended(func() {
		released, err := p.ChangeBatchQuantity(allocation.Count{Batch: "B-1", Quantity: 2, At: monday}, monday, nil)
		require.NoError(t, err)
		assert.Equal(t, []allocation.OrderLine{lineOf("old", 3)}, released)
	})
	assert.Equal(t, []string{"LineReleased", "LineWaiting", "BatchQuantityChanged", "LineAllocated"}, kinds)
	p.has("old", 0, 3, monday)
	p.has("new", 2, 0, monday) // passes over
	_, err := p.Cancel("new", monday)
	require.NoError(t, err)
	p.allocate(waits("newest", 3), monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-2", 3), monday))
	p.has("old", 3, 0, monday)
	p.has("newest", 0, 3, monday)
}

func TestNobodyJumpsTheQueueInsideAProduct(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 1))
	hold := whole("hold", 1)
	hold.HoldUntil = monday.Add(time.Minute)
	p.allocate(hold, monday)
	p.allocate(waits("waiter", 1), monday)
	later := monday.Add(time.Minute)
	_, err := p.Allocate(later, nil, whole("walk-in", 1))
	require.ErrorIs(t, err, allocation.ErrNotLoaded, "those who wait come first")
	p.Sweep(later)
	p.has("waiter", 1, 0, later)
	_, err = p.Allocate(later, nil, whole("walk-in", 1))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Zero(t, short.Shortages[0].Available)
}

func TestALineThatWaitsIsChangedCancelledAndDropped(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 4))
	p.allocate(waits("order", 9), monday)
	given, err := p.ChangeLine(lineOf("order", 7), monday, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 7, given.Waiting)
	given, err = p.ChangeLine(lineOf("order", 4), monday, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 4, given.Quantity, "a smaller line fits at once")
	p.allocate(waits("other", 2), monday)
	assert.Equal(t, []string{"LineWaiting"}, p.ended(func() {
		_, err = p.Cancel("other", monday)
		require.NoError(t, err)
	}))
	p.has("other", 0, 0, monday)
	dated := waits("dated", 2)
	dated.NeededBy = mondayPlus(1)
	p.allocate(dated, monday)
	assert.Equal(t, 1, p.Sweep(mondayPlus(2)))
	p.has("dated", 0, 0, mondayPlus(2))
	p.allocate(waits("shipped", 2), monday)
	for _, f := range []func() error{
		func() error { _, err := p.Ship("shipped", monday); return err },
		func() error { _, err := p.Confirm("shipped", monday); return err },
		func() error { _, err := p.ShipPart(lineOf("shipped", 1), monday); return err },
	} {
		assert.Empty(t, p.ended(func() { assert.ErrorIs(t, f(), allocation.ErrNotAllowed) }))
	}
	_, err = p.ChangeLine(lineOf("shipped", 0), monday, nil)
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}

// What waits, waits until NeededBy. A change after that gives what there is, and ends the waiting.
func TestAChangeAfterNeededByLetsNoLineWait(t *testing.T) {
	p := newTested(t)
	require.NoError(t, p.AddBatch(inWarehouse("B-1", 4), monday))
	whole := waits("whole", 6)
	whole.NeededBy = monday
	p.allocate(whole, monday)
	later := monday.Add(time.Hour)
	_, err := p.ChangeLine(lineOf("whole", 7), later, nil)
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.EqualValues(t, 4, short.Shortages[0].Available)
	p.has("whole", 0, 6, later)
	assert.Equal(t, []string{"LineWaiting"}, p.ended(func() {
		_, err = p.ChangeLine(lineOf("whole", 5), later, nil)
		require.NoError(t, err)
	}), "more than there is")
	p.has("whole", 0, 0, later)

	part := waits("part", 6)
	part.NeededBy, part.Split, part.Partial = monday, true, true
	require.NoError(t, p.AddBatch(inWarehouse("B-2", 1), monday))
	p.allocate(part, monday)
	p.has("part", 5, 1, monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-3", 2), monday))
	p.has("part", 6, 0, monday)
	assert.Equal(t, []string{"LineAllocated"}, p.ended(func() {
		changed, err := p.ChangeLine(lineOf("part", 9), later, nil)
		require.NoError(t, err)
		assert.EqualValues(t, 9, changed.Wanted)
	}), "a part of what is asked for")
	p.has("part", 7, 0, later)
}

// A cut after NeededBy releases the units, and lets no line wait; a repeat of the request is answered as ever.
func TestACutAfterNeededByLetsNoLineWait(t *testing.T) {
	later := monday.Add(time.Hour)
	dated := func(order allocation.OrderID, units allocation.Quantity) allocation.Request {
		r := waits(order, units)
		r.NeededBy, r.Split, r.Partial = monday, true, true
		return r
	}
	cut := func(p *tested, to allocation.Quantity) (released []allocation.OrderLine) {
		var err error
		released, err = p.ChangeBatchQuantity(allocation.Count{Batch: "B-1", Quantity: to, At: later}, later, nil)
		require.NoError(p.t, err)
		return released
	}
	repeated := func(p *tested, r allocation.Request) {
		_, err := p.Allocate(later, nil, r)
		require.NoError(p.t, err)
	}

	p := newTested(t, inWarehouse("B-1", 6))
	p.allocate(dated("part", 6), monday)
	assert.Equal(t, []string{"LineReleased", "BatchQuantityChanged"}, p.ended(func() {
		assert.EqualValues(t, 4, cut(p, 2)[0].Quantity)
	}))
	part := p.has("part", 2, 0, later)
	assert.EqualValues(t, 6, part.Wanted)
	repeated(p, dated("part", 6))
	assert.Zero(t, p.Sweep(later), "nothing is left to be recorded")
	repeated(p, dated("part", 6))

	p = newTested(t, inWarehouse("B-1", 6))
	p.allocate(dated("whole", 6), monday)
	assert.Equal(t, []string{"LineReleased", "BatchQuantityChanged"}, p.ended(func() { cut(p, 0) }))
	p.has("whole", 0, 0, later)

	p = newTested(t, inWarehouse("B-1", 6))
	p.allocate(dated("waits", 8), monday)
	assert.Equal(t, []string{"LineReleased", "BatchQuantityChanged"}, p.ended(func() { cut(p, 1) }))
	p.has("waits", 1, 2, later)
	assert.Equal(t, 1, p.Sweep(later), "the waiting from before ends")
	assert.EqualValues(t, 8, p.has("waits", 1, 0, later).Wanted)
}

// A repeat without HoldFor is a firm request, and makes the line firmer, never weaker.
func TestARepeatWithoutHoldForIsGivenFirmUnits(t *testing.T) {
	p := newTested(t)
	r := waits("o-1", 2)
	r.HoldFor = time.Hour
	p.allocate(r, monday)
	r.HoldFor = 0
	p.allocate(r, monday)
	r.HoldFor = 2 * time.Hour
	p.allocate(r, monday)
	require.NoError(t, p.AddBatch(inWarehouse("B-1", 2), monday))
	given := p.has("o-1", 2, 0, monday)
	assert.True(t, given.HeldUntil.IsZero(), "held until %v", given.HeldUntil)
}
