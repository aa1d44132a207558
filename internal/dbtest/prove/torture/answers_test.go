package torture

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// Ship passes over a line without units. At the end of the same commit the line may be given units, when a hold lapses.
func TestAnAnswerLeavesOutALineThatHadNoUnits(t *testing.T) {
	line := func(id allocation.LineID, units allocation.Quantity) allocation.OrderLine {
		return allocation.OrderLine{OrderID: "order", SKU: concert, Line: id, Quantity: units}
	}
	until := micros(8)
	held := allocation.LineAllocated{SKU: concert, OrderID: "owner", Batch: "b2", Quantity: 2, HeldUntil: until}
	lapses := allocation.HoldLapsed{SKU: concert, OrderID: "owner", Batch: "b2", Quantity: 2, HeldUntil: until}
	gift := allocation.LineAllocated{SKU: concert, OrderID: "order", Line: "gift", Batch: "b2", Quantity: 2}
	gift.Waited = true
	shipped := allocation.LineShipped{SKU: concert, OrderID: "order", Batch: "b", Quantity: 1}
	order := command{
		Verb: allocate, Order: "order", Terms: terms{Wait: true},
		Lines: []allocation.OrderLine{line("", 1), line("gift", 2)},
	}
	waits := allocation.LineWaiting{SKU: concert, OrderID: "order", Line: "gift", Quantity: 2, Wanted: 2}
	atOnce := gift
	atOnce.Waited = false
	for name, row := range map[string]struct {
		deeds []deed
		want  []harness.FaultKind
	}{
		"given units by the shipment's commit": {deeds: []deed{
			asks("owner", 2, terms{}, held), does(order, gives("order", "b", 1), waits),
			does(command{Verb: ship, Order: "order"}, shipped, lapses, gift),
		}},
		"given units before": {
			deeds: []deed{
				stocked("b3", 2, ""), does(order, gives("order", "b", 1), atOnce),
				does(command{Verb: ship, Order: "order"}, shipped),
			},
			want: []harness.FaultKind{lost},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := replayed(append([]deed{stocked("b", 1, ""), stocked("b2", 2, "")}, row.deeds...))
			assert.Empty(t, b.report.faults)
			traces := b.byCaller[1]
			s := traces[len(traces)-1].step
			s.attempts[0].answer.Lines = []allocation.Allocation{{
				OrderLine: line("", 1), MayWait: true, Sequence: 4,
				Parts: []allocation.Part{{Batch: "b", Quantity: 1, Shipped: 1}},
			}}
			b.answered(s)
			assert.ElementsMatch(t, row.want, kindsOf(b.report), "%v", b.report.faults)
		})
	}
}
