package torture

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

func micros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// kindsOf lists the kinds of faults in a report.
func kindsOf(found *report) (kinds []harness.FaultKind) {
	for kind := range found.faults {
		kinds = append(kinds, kind)
	}
	return kinds
}

// A shipment of 6 units is due at 4, for an order that needs 6 units by 6. A command at 9 reports how many units have
// arrived, and when. The warehouse has further units.
func TestTheReplayKnowsWhichUnitsCameLate(t *testing.T) {
	const ship, here allocation.BatchRef = "ship", "here"
	shipment := allocation.Batch{Ref: ship, SKU: concert, Purchased: 6, ETA: micros(4)}
	before := []deed{
		does(command{Verb: addBatch, Batch: shipment},
			allocation.BatchAdded{SKU: concert, Batch: ship, Quantity: 6, ETA: micros(4)}),
		asks("order", 6, terms{NeededBy: micros(6), Split: true}, gives("order", ship, 6)),
		stocked(here, 9, ""),
		stocked("elsewhere", 1, "york"),
	}
	arrive := func(units allocation.Quantity, at int64, events ...allocation.Event) deed {
		arrival := allocation.Count{Batch: ship, Quantity: units, At: micros(at)}
		return does(command{Verb: receive, Count: arrival}, events...)
	}
	arrived := func(units allocation.Quantity) allocation.Event {
		return allocation.BatchReceived{SKU: concert, Batch: ship, From: 6, To: units}
	}
	late := allocation.LineLate{SKU: concert, OrderID: "order", NeededBy: micros(6), Late: true}
	for name, row := range map[string]struct {
		deed deed
		want []harness.FaultKind
	}{
		"all in time":               {deed: arrive(6, 5, arrived(6))},
		"all in time, told as late": {deed: arrive(6, 5, arrived(6), late), want: []harness.FaultKind{wrong}},
		"all too late":              {deed: arrive(6, 8, arrived(6), late)},
		"none, and the line moves": {
			deed: arrive(0, 5, takes("order", ship, 6), arrived(0), gives("order", here, 6), late),
		},
		"some in time, and a part of the line moves": {
			deed: arrive(4, 5, takes("order", ship, 2), arrived(4), late, gives("order", here, 2)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := told(append(slices.Clip(before), row.deed))
			assert.ElementsMatch(t, row.want, kindsOf(found), "%v", found.faults)
		})
	}
}

// A line waits for 2 of 4 units until the line's time has passed. Then a count takes a unit from the line.
func TestTheReplayKnowsForHowManyUnitsALineWaits(t *testing.T) {
	by := micros(4)
	partly := terms{Wait: true, Partial: true, Split: true, NeededBy: by}
	wants := func(units, wanted allocation.Quantity) allocation.Event {
		return allocation.LineWaiting{SKU: concert, OrderID: "order", Quantity: units, Wanted: wanted, NeededBy: by}
	}
	waits := func(units allocation.Quantity) allocation.Event { return wants(units, 4) }
	before := []deed{
		stocked("b", 2, ""),
		asks("order", 4, partly, gives("order", "b", 2), waits(2)),
		does(command{Verb: sweep}, waits(0)),
	}
	recount := func(events ...allocation.Event) deed {
		lost := allocation.LineReleased{SKU: concert, OrderID: "order", Batch: "b", Quantity: 1}
		counted := allocation.BatchQuantityChanged{SKU: concert, Batch: "b", From: 2, To: 1}
		events = append(append([]allocation.Event{lost}, events...), counted)
		return does(command{Verb: count, Count: allocation.Count{Batch: "b", Quantity: 1}}, events...)
	}
	grow := func(events ...allocation.Event) deed {
		line := allocation.OrderLine{OrderID: "order", SKU: concert, Quantity: 6}
		return does(command{Verb: change, Order: "order", Lines: []allocation.OrderLine{line}}, events...)
	}
	atFault := []harness.FaultKind{wrong}
	for name, row := range map[string]struct {
		deeds []deed
		want  []harness.FaultKind
	}{
		"the lost unit":                  {deeds: []deed{recount(waits(1))}, want: atFault},
		"the lost unit, in vain":         {deeds: []deed{recount(waits(1), waits(0))}, want: atFault},
		"more than the lost unit":        {deeds: []deed{recount(waits(3))}, want: atFault},
		"the units of a change, in vain": {deeds: []deed{grow(wants(4, 6), wants(0, 6))}, want: atFault},
		"what there is, for a change":    {deeds: []deed{stocked("b2", 3, ""), grow(gives("order", "b2", 3))}},
		"no unit":                        {deeds: []deed{recount()}},
	} {
		t.Run(name, func(t *testing.T) {
			found := told(append(slices.Clip(before), row.deeds...))
			assert.ElementsMatch(t, row.want, kindsOf(found), "%v", found.faults)
		})
	}
}

// A page has three lapsed holds. A commit with four, of which two are of one order, can't tell whether there are more.
func TestTheReplayKnowsWhenHoldsMayBeLeft(t *testing.T) {
	for name, row := range map[string]struct {
		holds int
		want  []harness.FaultKind
	}{
		"a page":           {holds: 3, want: []harness.FaultKind{unserved}},
		"more than a page": {holds: 4},
	} {
		t.Run(name, func(t *testing.T) {
			deeds := []deed{stocked("b", allocation.Quantity(row.holds), "")}
			until := micros(20)
			var lapses []allocation.Event
			for i := range row.holds {
				order := allocation.OrderID(rune('a' + i))
				held := gives(order, "b", 1).(allocation.LineAllocated)
				held.HeldUntil = until
				deeds = append(deeds, asks(order, 1, terms{}, held))
				lapses = append(lapses,
					allocation.HoldLapsed{SKU: concert, OrderID: order, Batch: "b", Quantity: 1, HeldUntil: until})
			}
			for len(deeds) < 10 {
				deeds = append(deeds, does(command{Verb: reconcile}))
			}
			deeds = append(deeds, asks("waiter", 1, terms{Wait: true}, append(lapses, waits("waiter", 1))...))
			found := told(deeds)
			assert.ElementsMatch(t, row.want, kindsOf(found), "%v", found.faults)
		})
	}
}
