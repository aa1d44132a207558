package torture

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

const concert allocation.SKU = "sku-1"

// deed is a command of a hand-written history, and the events that the ledger has of the command.
type deed struct {
	command
	events func(at time.Time) []allocation.Event
}

// asks is an allocation of so many units for an order.
func asks(order allocation.OrderID, units allocation.Quantity, t terms, events ...allocation.Event) deed {
	line := allocation.OrderLine{OrderID: order, SKU: concert, Quantity: units}
	return deed{command{Verb: allocate, Order: order, Lines: []allocation.OrderLine{line}, Terms: t}, dated(events)}
}

func does(c command, events ...allocation.Event) deed { return deed{c, dated(events)} }

// dated gives the events the time of their commit.
func dated(events []allocation.Event) func(at time.Time) []allocation.Event {
	return func(at time.Time) []allocation.Event {
		var all []allocation.Event
		for _, e := range events {
			switch e := e.(type) {
			case allocation.BatchAdded:
				e.At = at
				all = append(all, e)
			case allocation.BatchQuantityChanged:
				e.At = at
				all = append(all, e)
			case allocation.BatchReceived:
				e.At = at
				all = append(all, e)
			case allocation.LineAllocated:
				e.At = at
				all = append(all, e)
			case allocation.LineDeallocated:
				e.At = at
				all = append(all, e)
			case allocation.LineLate:
				e.At = at
				all = append(all, e)
			case allocation.LineReleased:
				e.At = at
				all = append(all, e)
			case allocation.LineShipped:
				e.At = at
				all = append(all, e)
			case allocation.LineWaiting:
				e.At = at
				all = append(all, e)
			case allocation.HoldLapsed:
				e.At = at
				all = append(all, e)
			}
		}
		return all
	}
}

func stocked(ref allocation.BatchRef, units allocation.Quantity, in allocation.Location) deed {
	b := allocation.Batch{Ref: ref, SKU: concert, Purchased: units, Location: in}
	return does(command{Verb: addBatch, Batch: b},
		allocation.BatchAdded{SKU: concert, Batch: ref, Quantity: units, Location: in})
}

func gives(order allocation.OrderID, ref allocation.BatchRef, units allocation.Quantity) allocation.Event {
	return allocation.LineAllocated{SKU: concert, OrderID: order, Batch: ref, Quantity: units}
}

// serves gives units to a line that waited.
func serves(order allocation.OrderID, ref allocation.BatchRef, units allocation.Quantity) allocation.Event {
	return allocation.LineAllocated{SKU: concert, OrderID: order, Batch: ref, Quantity: units, Waited: true}
}

func takes(order allocation.OrderID, ref allocation.BatchRef, units allocation.Quantity) allocation.Event {
	return allocation.LineDeallocated{SKU: concert, OrderID: order, Batch: ref, Quantity: units}
}

func waits(order allocation.OrderID, units allocation.Quantity) allocation.Event {
	return allocation.LineWaiting{SKU: concert, OrderID: order, Quantity: units, Wanted: units}
}

// told replays a hand-written history: each deed is a commit.
func told(deeds []deed) *report { return replayed(deeds).report }

// replayed returns the books of a hand-written history.
func replayed(deeds []deed) *books {
	s := &settings{Processes: 1, Callers: 1, SKUs: 2}
	did := &history{callers: map[int][]*step{}}
	var events []allocation.Event
	var parents []string
	for i, d := range deeds {
		at := time.UnixMicro(int64(1 + 2*i)).UTC() // by the clock of the only client
		trace := traceOf(1, i+1)
		did.callers[1] = append(did.callers[1], &step{
			caller: 1, number: i + 1, command: d.command,
			attempts: []attempt{{trace: trace, from: at.UnixMicro(), to: at.UnixMicro(), outcome: acknowledged}},
		})
		for _, e := range d.events(at) {
			events, parents = append(events, e), append(parents, trace)
		}
	}
	b := newBooks(s, did, &report{})
	b.replay(concert, events, parents)
	return b
}

func TestTheReplayKnowsWhoseTurnItIs(t *testing.T) {
	waiting := terms{Wait: true}
	cancels := func(events ...allocation.Event) deed {
		events = append([]allocation.Event{takes("owner", "b", 1)}, events...)
		return does(command{Verb: cancel, Order: "owner"}, events...)
	}
	// One unit, its owner, and two who wait.
	before := []deed{
		stocked("b", 1, "hull"),
		asks("owner", 1, terms{}, gives("owner", "b", 1)),
		asks("first", 1, waiting, waits("first", 1)),
		asks("second", 1, waiting, waits("second", 1)),
	}
	// The owner holds the unit until the first in line waits.
	until := time.UnixMicro(6).UTC()
	hold := allocation.LineAllocated{SKU: concert, OrderID: "owner", Batch: "b", Quantity: 1, HeldUntil: until}
	lapses := allocation.HoldLapsed{SKU: concert, OrderID: "owner", Batch: "b", Quantity: 1, HeldUntil: until}
	held := []deed{before[0], asks("owner", 1, terms{}, hold), before[2]}
	for name, row := range map[string]struct {
		before, after []deed
		want          []harness.FaultKind
	}{
		"the first in line": {before: before, after: []deed{cancels(serves("first", "b", 1))}},
		"the newest first": {
			before: before, after: []deed{cancels(serves("second", "b", 1))},
			want: []harness.FaultKind{jumped},
		},
		"a walk-in first": {
			before: before, after: []deed{cancels(), asks("walk-in", 1, terms{}, gives("walk-in", "b", 1))},
			want: []harness.FaultKind{jumped, unserved},
		},
		"a lapsed hold, and the first in line": {
			before: held, after: []deed{asks("walk-in", 2, terms{}, lapses, serves("first", "b", 1))},
		},
		"a lapsed hold, and a walk-in first": {
			before: held, after: []deed{asks("walk-in", 1, terms{}, lapses, gives("walk-in", "b", 1))},
			want: []harness.FaultKind{jumped},
		},
		"nobody": {before: before, after: []deed{cancels()}, want: []harness.FaultKind{unserved}},
		"the higher priority": {
			before: append(before[:3:3], asks("second", 1, terms{Wait: true, Priority: 1}, waits("second", 1))),
			after:  []deed{cancels(serves("second", "b", 1))},
		},
		"the older line before the higher priority": {
			before: append(before[:3:3], asks("second", 1, terms{Wait: true, Priority: 1}, waits("second", 1))),
			after:  []deed{cancels(serves("first", "b", 1))},
			want:   []harness.FaultKind{jumped},
		},
		"past a line that needs more": {
			before: append(before[:2:2], asks("first", 2, waiting, waits("first", 2)), before[3]),
			after:  []deed{cancels(serves("second", "b", 1))},
		},
		"past a line that takes a part": {
			before: append(before[:2:2],
				asks("first", 2, terms{Wait: true, Partial: true, Split: true}, waits("first", 2)), before[3]),
			after: []deed{cancels(serves("second", "b", 1))},
			want:  []harness.FaultKind{jumped},
		},
		"past a line for another place": {
			before: append(before[:2:2],
				asks("first", 1, terms{Wait: true, Location: "york"}, waits("first", 1)), before[3]),
			after: []deed{cancels(serves("second", "b", 1))},
		},
		"a walk-in past a line for another place": {
			before: append(before[:2:2], asks("first", 1, terms{Wait: true, Location: "york"}, waits("first", 1))),
			after:  []deed{stocked("b2", 1, "hull"), asks("walk-in", 1, terms{}, gives("walk-in", "b2", 1))},
		},
		"a line that lost its batch": {
			before: append(before[:2:2], stocked("b2", 1, "york"),
				asks("first", 2, waiting, waits("first", 2)), asks("york", 1, terms{Wait: true, Location: "york"},
					gives("york", "b2", 1))),
			after: []deed{
				stocked("b3", 1, "hull"), // too little for the first in line
				does(command{Verb: count, Count: allocation.Count{Batch: "b"}}, takes("owner", "b", 1),
					allocation.BatchQuantityChanged{SKU: concert, Batch: "b", From: 1}, gives("owner", "b3", 1)),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := told(append(slices.Clip(row.before), row.after...))
			assert.ElementsMatch(t, row.want, kindsOf(found), "%v", found.faults)
		})
	}
}
