package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var lineViewRows = []row{
	{"BatchLines: the lines with unshipped units of the batch come in the order of leaving",
		"before a cut the shop looks at the customers who would lose their units first, and at nobody who has the " +
			"goods (R6)", lineViewOrder},
	{"BatchLines: a page has at most limit lines with a Rank behind after",
		"a person who turns the pages must call each customer once, and must reach the end", lineViewPages},
	{"BatchLines: a limit below 1 is refused as invalid",
		"an empty page would be taken for the last page", lineViewLimit},
	{"BatchLines: a line has its share of this batch, and is left out after the share is shipped",
		"the line's units of other batches don't wait for this batch", lineViewShare},
	{"BatchLines: lines of one order come apart, each with the LineID",
		"the shop must know for which of the lines the goods are", lineViewLineIDs},
	{"BatchLines: a hold has its HeldUntil, and stays until a command releases the hold",
		"the shop treats a hold differently from an order (R7)", lineViewHolds},
	{"BatchLines: the page has only lines of this batch, and none for an unknown batch",
		"the shop would call customers about another delivery (R12)", lineViewOthers},
	{"BatchLines: in a busy shop the result agrees with a load",
		"the page must not contradict the Service", lineViewBusy},
}

func (b *bench) wantLinesOf(ref allocation.BatchRef, want ...views.BatchLine) {
	b.Helper()
	wantResult(b, b.viewLines(ref, fromFirst, plenty), want, describeBatchLine, "BatchLines(%s)", brief(string(ref)))
}

func lineViewOrder(b *bench) {
	b.announce("apple", stock("a1", 100))
	var want []views.BatchLine
	for i, order := range []allocation.OrderID{
		"z", "b", "é", "a", "B", "o10", "o9", "shipped", "cancelled", "part", "last",
	} {
		units := allocation.Quantity(i + 1)
		b.allocate("apple", firm(order, units))
		want = slices.Insert(want, 0, views.BatchLine{OrderID: order, Quantity: units, Sequence: int64(i + 2)})
	}
	b.wantLinesOf("a1", want...)
	b.ship("apple", "shipped", 8)
	b.commit(b.cancellation("apple", "cancelled"))
	b.ship("apple", "part", 3)
	b.commit(b.resize("apple", "z", 9))
	want[10].Quantity, want[1].Shipped = 9, 3
	b.wantLinesOf("a1", slices.Delete(want, 2, 4)...)
}

// rankedLines allocates holds and firm lines of several priorities, some one after the other, and returns the lines in
// the order of leaving.
func (b *bench) rankedLines() (all []views.BatchLine) {
	b.Helper()
	for i := range 18 {
		r := firm(allocation.OrderID(fmt.Sprint("o", 18-i)), 1)
		r.Priority = []int{0, math.MaxInt16, 0, -1, math.MinInt16, 0}[i/3]
		if i/3 == 2 || i/3 == 4 {
			r.HoldUntil = minute(60)
		}
		b.allocate("apple", r)
		all = append(all, views.BatchLine{
			OrderID: r.OrderID, Quantity: 1, HeldUntil: r.HoldUntil, Priority: r.Priority, Sequence: int64(i + 2),
		})
	}
	slices.SortFunc(all, func(x, y views.BatchLine) int { return x.Rank().Compare(y.Rank()) })
	return all
}

func lineViewPages(b *bench) {
	b.announce("apple", stock("a1", 100))
	all := b.rankedLines()
	afters := []allocation.Rank{
		fromFirst, {Held: true, Priority: math.MinInt, Sequence: 1},
		{Held: true, Priority: math.MinInt16, Sequence: math.MaxInt64},
		{Sequence: 1}, {Priority: math.MaxInt, Sequence: 1}, {Priority: math.MaxInt16, Sequence: -1},
	}
	for _, l := range all {
		afters = append(afters, l.Rank())
	}
	b.ship("apple", "o17", 1) // a firm line
	all = slices.DeleteFunc(all, func(l views.BatchLine) bool { return l.OrderID == "o17" })
	for _, after := range afters {
		rest := slices.DeleteFunc(slices.Clone(all), func(l views.BatchLine) bool {
			return after != fromFirst && l.Rank().Compare(after) <= 0
		})
		for _, limit := range []int{1, 2, len(all) - 1, len(all), math.MaxInt} {
			wantResult(b, b.viewLines("a1", after, limit), rest[:min(limit, len(rest))], describeBatchLine,
				"BatchLines after %+v with limit %d", after, limit)
		}
	}
}

func lineViewLimit(b *bench) {
	b.announce("apple", stock("a1", 5))
	b.allocate("apple", firm("o1", 1))
	for _, limit := range []int{0, -1} {
		_, err := reader[views.LineReader](b).BatchLines(b.Context(), "a1", fromFirst, limit)
		b.wantInvalid(err, "BatchLines with limit %d", limit)
	}
}

func lineViewShare(b *bench) {
	b.announce("apple", stock("a1", 3), stock("a2", 5), shipment("a3", 9, minute(60)))
	b.allocate("apple", split("o1", 10), firm("o2", 4))
	one := views.BatchLine{OrderID: "o1", Sequence: 4}
	two := views.BatchLine{OrderID: "o2", Quantity: 4, Sequence: 7}
	share := func(units, shipped allocation.Quantity) views.BatchLine {
		l := one
		l.Quantity, l.Shipped = units, shipped
		return l
	}
	b.wantLinesOf("a1", share(3, 0))
	b.wantLinesOf("a2", share(5, 0))
	b.wantLinesOf("a3", two, share(2, 0))
	b.ship("apple", "o1", 2)
	b.wantLinesOf("a1", share(3, 2))
	b.ship("apple", "o1", 4)
	b.wantLinesOf("a1")
	b.wantLinesOf("a2", share(5, 1))
	b.ship("apple", "o1", 8)
	b.wantLinesOf("a2")
	b.wantLinesOf("a3", two, share(2, 0))
}

func lineViewLineIDs(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.allocate("apple", as("z", firm("o1", 1)), firm("o1", 2), as("a", firm("o1", 3)))
	last := views.BatchLine{OrderID: "o1", Line: "z", Quantity: 1, Sequence: 2}
	second := views.BatchLine{OrderID: "o1", Quantity: 2, Sequence: 3}
	b.wantLinesOf("a1", views.BatchLine{OrderID: "o1", Line: "a", Quantity: 3, Sequence: 4}, second, last)
	wantResult(b, b.viewLines("a1", second.Rank(), plenty), []views.BatchLine{last}, describeBatchLine,
		"BatchLines after the second line")
}

func lineViewHolds(b *bench) {
	b.announce("apple", stock("a1", 20))
	b.allocate("apple", held("o1", 1, minute(5)), firm("o2", 2), held("o3", 3, minute(9)), held("o4", 4, minute(5)))
	b.change(of("apple", "o4"), func(p *allocation.Product) error {
		_, err := p.Confirm("o4", noon)
		return err
	})
	one := views.BatchLine{OrderID: "o1", Quantity: 1, HeldUntil: minute(5), Sequence: 2}
	two := views.BatchLine{OrderID: "o2", Quantity: 2, Sequence: 3}
	three := views.BatchLine{OrderID: "o3", Quantity: 3, HeldUntil: minute(9), Sequence: 4}
	four := views.BatchLine{OrderID: "o4", Quantity: 4, Sequence: 5}
	b.wantLinesOf("a1", three, one, four, two)
	b.change(at(minute(6), of("apple")), func(p *allocation.Product) error {
		p.Sweep(minute(6))
		return nil
	})
	b.wantLinesOf("a1", three, four, two)
}

func lineViewOthers(b *bench) {
	ids := slices.Concat(alike, odd)
	p := b.product("apple")
	for i, id := range ids {
		units := allocation.Quantity(1 + i)
		b.must(p.AddBatch(allocation.Batch{Ref: allocation.BatchRef(id), SKU: "apple", Purchased: units}, noon),
			"AddBatch(%q)", id)
		_, err := p.Allocate(noon, nil, line("apple", firm(allocation.OrderID(id), units)))
		b.must(err, "Allocate")
	}
	b.commit(p.Changes())
	for i, id := range ids {
		b.wantLinesOf(allocation.BatchRef(id), views.BatchLine{
			OrderID: allocation.OrderID(id), Quantity: allocation.Quantity(1 + i), Sequence: int64(2*i + 2),
		})
	}
	for _, ref := range []allocation.BatchRef{"aBC", "a%", "x_", "É"} {
		b.wantLinesOf(ref)
	}
}

func lineViewBusy(b *bench) {
	b.watchedShop(func(_ time.Time, t shopData) {
		for _, ref := range t.refs {
			b.agreeLines(ref)
		}
	})
}

// agreeLines checks that BatchLines agrees with a load.
func (b *bench) agreeLines(ref allocation.BatchRef) {
	b.Helper()
	var want []views.BatchLine
	for _, s := range b.load(ofBatch(ref)) {
		for _, l := range s.Lines {
			for _, part := range l.Parts {
				if part.Batch == ref && part.Quantity > part.Shipped {
					want = append(want, views.BatchLine{
						OrderID: l.OrderID, Line: l.Line, Quantity: part.Quantity, Shipped: part.Shipped,
						HeldUntil: l.HeldUntil, Priority: l.Priority, Sequence: l.Sequence,
					})
				}
			}
		}
	}
	slices.SortFunc(want, func(x, y views.BatchLine) int { return x.Rank().Compare(y.Rank()) })
	b.wantLinesOf(ref, want...)
}
