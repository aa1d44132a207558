package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var orderViewRows = []row{
	{"Order: lines come sorted by SKU, with all parts in order",
		"an order's page must look the same each time, and name every batch that the customer waits " +
			"for", orderViewSorted},
	{"Order: lines of one SKU come sorted by LineID, each with the LineID",
		"the customer sees the item of the bundle and the same item alone", orderViewLineIDs},
	{"Order: a part has the present ETA, location and best-before date of its batch",
		"the customer asks for these; a late or arrived delivery must show", orderViewBatch},
	{"Order: Quantity includes shipped units, and the parts say how many are shipped",
		"a delivered line is still a line of the order", orderViewShipped},
	{"Order: a line has the present NeededBy, FreshUntil, Location, Priority and Late",
		"the customer wants to see the date, and the shop calls the customers of late lines first", orderViewTerms},
	{"Order: a line that waits has the units that it waits for, with or without others",
		"the customer who waits would believe that the order was lost", orderViewWaiting},
	{"Order: a hold has its HeldUntil, and stays until a command releases the hold",
		"the customer must learn that the hold has lapsed, not that there was no hold (R7)", orderViewHolds},
	{"Order: a cancelled line is gone, and a moved or changed line has its new state",
		"the customer would wait for goods that nobody sends", orderViewChanges},
	{"Order: no other order's lines come, and an unknown order has none",
		"a customer must not see another customer's order, however similar the order IDs (R12)", orderViewOthers},
	{"Order: all lines of a large order come",
		"the result has no pages, so nobody would ask for the rest", orderViewMany},
	{"Order: in a busy shop the result agrees with a load",
		"the page must not contradict the Service", orderViewBusy},
}

// lineOn returns the view of a firm line from batches in the warehouse.
func lineOn(sku allocation.SKU, order allocation.OrderID, sequence int64, parts ...allocation.Part) views.Line {
	l := views.Line{OrderLine: allocation.OrderLine{OrderID: order, SKU: sku}, Sequence: sequence}
	for _, part := range parts {
		l.Quantity += part.Quantity
		l.Parts = append(l.Parts, views.Part{Part: part})
	}
	return l
}

func (b *bench) wantOrder(order allocation.OrderID, want ...views.Line) {
	b.Helper()
	wantResult(b, b.viewOrder(order), want, describeViewLine, "Order(%s)", brief(string(order)))
}

func orderViewSorted(b *bench) {
	var want []views.Line
	for i, sku := range []allocation.SKU{"é", "b", "B", "a", "日本", "Z", "a b", "ab"} {
		refs := named[allocation.BatchRef](fmt.Sprint(i, " "), 3)
		b.announce(sku, stock(refs[0], 2), stock(refs[1], 2), stock(refs[2], 2))
		b.change(of(sku, "o1"), func(p *allocation.Product) error {
			_, err := p.Allocate(noon, latest, line(sku, split("o1", 5)))
			return err
		})
		want = append(want, lineOn(sku, "o1", 4, allocation.Part{Batch: refs[2], Quantity: 2},
			allocation.Part{Batch: refs[1], Quantity: 2}, allocation.Part{Batch: refs[0], Quantity: 1}))
	}
	slices.SortFunc(want, func(x, y views.Line) int { return cmp.Compare(x.SKU, y.SKU) })
	b.wantOrder("o1", want...)
}

func orderViewLineIDs(b *bench) {
	b.announce("apple", stock("a1", 9), stock("a2", 1))
	b.announce("banana", stock("b1", 9))
	b.allocate("apple", as("z", firm("o1", 1)), firm("o1", 2), as("B", split("o1", 3)), as("a", firm("o2", 1)))
	b.allocate("banana", as("A", firm("o1", 1)))
	withID := func(id allocation.LineID, l views.Line) views.Line {
		l.OrderLine.Line = id
		return l
	}
	b.wantOrder("o1",
		lineOn("apple", "o1", 4, allocation.Part{Batch: "a1", Quantity: 2}),
		withID("B", lineOn("apple", "o1", 5, allocation.Part{Batch: "a1", Quantity: 3})),
		withID("z", lineOn("apple", "o1", 3, allocation.Part{Batch: "a1", Quantity: 1})),
		withID("A", lineOn("banana", "o1", 2, allocation.Part{Batch: "b1", Quantity: 1})))
}

func orderViewBatch(b *bench) {
	here := allocation.Batch{Ref: "a1", Purchased: 2, Location: `north "1"`, BestBefore: minute(900)}
	late := allocation.Batch{Ref: "a2", Purchased: 3, Location: "south", ETA: minute(60)}
	soon := allocation.Batch{Ref: "a3", Purchased: 4, ETA: minute(90), BestBefore: minute(800)}
	b.announce("apple", here, late, soon)
	b.allocate("apple", split("o1", 9))
	want := lineOn("apple", "o1", 4, allocation.Part{Batch: "a1", Quantity: 2},
		allocation.Part{Batch: "a2", Quantity: 3}, allocation.Part{Batch: "a3", Quantity: 4})
	for i, batch := range []allocation.Batch{here, late, soon} {
		part := &want.Parts[i]
		part.ETA, part.Location, part.BestBefore = batch.ETA, batch.Location, batch.BestBefore
	}
	b.wantOrder("o1", want)
	b.change(ofBatch("a2"), func(p *allocation.Product) error { return changeETA(p, "a2", minute(70), noon) })
	b.change(ofBatch("a3"), func(p *allocation.Product) error {
		_, err := p.ReceiveBatch(allocation.Count{Batch: "a3", Quantity: 4, At: noon}, noon, nil)
		return err
	})
	want.Parts[1].ETA, want.Parts[2].ETA = minute(70), time.Time{}
	b.wantOrder("o1", want)
}

func orderViewWaiting(b *bench) {
	b.announce("apple", stock("a1", 3))
	r := as("kit", split("o1", 5))
	r.Wait, r.Partial, r.Priority, r.NeededBy = true, true, 4, minute(9)
	other := firm("o1", 4)
	other.Wait, other.Location = true, "north"
	b.allocate("apple", r)
	b.allocate("apple", other)
	partly := lineOn("apple", "o1", 2, allocation.Part{Batch: "a1", Quantity: 3})
	partly.OrderLine.Line, partly.Waiting, partly.Priority, partly.NeededBy = "kit", 2, 4, minute(9)
	waits := lineOn("apple", "o1", 4)
	waits.Waiting, waits.Location = 4, "north"
	b.wantOrder("o1", waits, partly)
	b.change(of("apple", "o1"), func(p *allocation.Product) error {
		_, err := p.Cancel("o1", noon)
		return err
	})
	b.wantOrder("o1")
}

func orderViewTerms(b *bench) {
	b.announce("apple", allocation.Batch{Ref: "a1", Purchased: 30, Location: "north"}, shipment("a2", 9, minute(60)))
	plain := lineOn("apple", "o0", 3, allocation.Part{Batch: "a1", Quantity: 1})
	plain.Parts[0].Location = "north"
	lines := map[allocation.OrderID]*views.Line{"o0": &plain}
	b.allocate("apple", firm("o0", 1))
	for i, set := range []func(r *allocation.Request, l *views.Line){
		func(r *allocation.Request, l *views.Line) { r.NeededBy, l.NeededBy = minute(90), minute(90) },
		func(r *allocation.Request, l *views.Line) { r.FreshUntil, l.FreshUntil = minute(91), minute(91) },
		func(r *allocation.Request, l *views.Line) { r.Location, l.Location = "north", "north" },
		func(r *allocation.Request, l *views.Line) { r.Priority, l.Priority = -32768, -32768 },
		func(r *allocation.Request, l *views.Line) { r.Priority, l.Priority = 32767, 32767 },
	} {
		request := firm(allocation.OrderID(fmt.Sprint("o", i+1)), 1)
		l := lineOn("apple", request.OrderID, int64(i+4), allocation.Part{Batch: "a1", Quantity: 1})
		l.Parts[0].Location = "north"
		set(&request, &l)
		b.allocate("apple", request)
		lines[l.OrderID] = &l
	}
	slips := split("slips", 27)
	slips.NeededBy = minute(60)
	b.allocate("apple", slips)
	late := lineOn("apple", "slips", 9, allocation.Part{Batch: "a1", Quantity: 24},
		allocation.Part{Batch: "a2", Quantity: 3})
	late.NeededBy, late.Parts[0].Location, late.Parts[1].ETA = minute(60), "north", minute(60)
	lines["slips"] = &late
	look := func() {
		b.Helper()
		for order, want := range lines {
			b.wantOrder(order, *want)
		}
	}
	look()
	b.change(ofBatch("a2"), func(p *allocation.Product) error { return changeETA(p, "a2", minute(61), noon) })
	late.Late, late.Parts[1].ETA = true, minute(61)
	look()
}

func orderViewShipped(b *bench) {
	b.announce("apple", stock("a1", 3), stock("a2", 5))
	b.announce("pear", stock("p1", 2))
	b.allocate("apple", split("o1", 6))
	b.allocate("pear", firm("o1", 2))
	b.ship("apple", "o1", 4)
	b.ship("pear", "o1", 2)
	b.wantOrder("o1",
		lineOn("apple", "o1", 3, allocation.Part{Batch: "a1", Quantity: 3, Shipped: 3},
			allocation.Part{Batch: "a2", Quantity: 3, Shipped: 1}),
		lineOn("pear", "o1", 2, allocation.Part{Batch: "p1", Quantity: 2, Shipped: 2}))
}

func orderViewHolds(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.allocate("apple", held("o1", 2, minute(5)), held("o2", 3, minute(5)), held("o3", 4, minute(5)))
	b.change(of("apple", "o2", "o3"), func(p *allocation.Product) error {
		if _, err := p.Confirm("o2", noon); err != nil {
			return err
		}
		_, err := p.Extend("o3", minute(9), noon)
		return err
	})
	one := lineOn("apple", "o1", 2, allocation.Part{Batch: "a1", Quantity: 2})
	three := lineOn("apple", "o3", 4, allocation.Part{Batch: "a1", Quantity: 4})
	one.HeldUntil, three.HeldUntil = minute(5), minute(9)
	b.wantOrder("o1", one)
	b.wantOrder("o2", lineOn("apple", "o2", 3, allocation.Part{Batch: "a1", Quantity: 3}))
	b.wantOrder("o3", three)
	for _, l := range b.viewOrder("o1") {
		if l.Lapsed(minute(5).Add(-time.Microsecond)) || !l.Lapsed(minute(5)) {
			b.errorf("Lapsed of a line held until %s is wrong just before or at that time", moment(l.HeldUntil))
		}
	}
	b.change(at(minute(6), of("apple")), func(p *allocation.Product) error {
		p.Sweep(minute(6))
		return nil
	})
	b.wantOrder("o1")
	b.wantOrder("o3", three)
}

func orderViewChanges(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 20))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", firm("gone", 2), firm("part", 3), firm("moves", 4))
	b.allocate("pear", firm("gone", 1))
	b.ship("apple", "part", 1)
	b.commit(b.cancellation("apple", "gone"))
	b.commit(b.cancellation("apple", "part"))
	b.wantOrder("gone", lineOn("pear", "gone", 2, allocation.Part{Batch: "p1", Quantity: 1}))
	b.commit(b.cancellation("pear", "gone"))
	b.wantOrder("gone")
	b.wantOrder("part", lineOn("apple", "part", 4, allocation.Part{Batch: "a1", Quantity: 1, Shipped: 1}))
	b.count("a1", 3, minute(1))
	b.wantOrder("moves", lineOn("apple", "moves", 5, allocation.Part{Batch: "a2", Quantity: 4}))
	b.commit(b.resize("apple", "moves", 6))
	b.wantOrder("moves", lineOn("apple", "moves", 5, allocation.Part{Batch: "a2", Quantity: 6}))
}

func orderViewOthers(b *bench) {
	b.announce("apple", stock("a1", 1_000_000))
	ids := slices.Concat(alike, odd)
	requests := make([]allocation.Request, len(ids))
	for i, id := range ids {
		requests[i] = firm(allocation.OrderID(id), allocation.Quantity(1+i))
	}
	b.allocate("apple", requests...)
	for i, id := range ids {
		order, part := allocation.OrderID(id), allocation.Part{Batch: "a1", Quantity: allocation.Quantity(1 + i)}
		b.wantOrder(order, lineOn("apple", order, int64(2+i), part))
	}
	for _, order := range []allocation.OrderID{"aBC", "a%", "x_", "no such order"} {
		b.wantOrder(order)
	}
}

func orderViewMany(b *bench) {
	const n = 200
	changes := make([]allocation.Changes, n)
	for i, sku := range named[allocation.SKU]("sku", n) {
		p := b.product(sku, stock(allocation.BatchRef(fmt.Sprint("batch of ", sku)), 10))
		_, err := p.Allocate(noon, nil, line(sku, firm("everything", 1)))
		b.must(err, "Allocate")
		changes[i] = p.Changes()
	}
	b.commit(bySKU(changes...)...)
	want := make([]views.Line, n)
	for i, c := range changes {
		want[i] = lineOn(c.SKU, "everything", 2, allocation.Part{Batch: c.NewBatches[0].Ref, Quantity: 1})
	}
	b.wantOrder("everything", want...)
}

func orderViewBusy(b *bench) {
	b.watchedShop(func(_ time.Time, t shopData) {
		for _, order := range t.orders {
			b.agreeOrder(order)
		}
	})
}

// agreeOrder checks that Order agrees with a load.
func (b *bench) agreeOrder(order allocation.OrderID) {
	b.Helper()
	var want []views.Line
	for _, s := range b.load(ofOrder(order)) {
		a := b.lineOf(s, order)
		l := lineOn(s.SKU, order, a.Sequence, a.Parts...)
		l.HeldUntil, l.NeededBy, l.FreshUntil, l.Location = a.HeldUntil, a.NeededBy, a.FreshUntil, a.Location
		l.Priority, l.Late = a.Priority, a.Late
		for i := range l.Parts {
			batch := b.batchOf(s, l.Parts[i].Batch)
			l.Parts[i].ETA, l.Parts[i].Location, l.Parts[i].BestBefore = batch.ETA, batch.Location, batch.BestBefore
		}
		want = append(want, l)
	}
	slices.SortFunc(want, func(x, y views.Line) int { return cmp.Compare(x.SKU, y.SKU) })
	b.wantOrder(order, want...)
}
