package storetest

import (
	"errors"

	"github.com/cosmic-go/allocation"
)

var orderRows = []row{
	{"R3, R8: a repeated command changes nothing",
		"after a lost answer the host repeats the command", ordersRepeat},
	{"R5: an order is allocated as a whole, or not at all",
		"half an order is worse than no order; the error names every shortage", ordersWhole},
	{"R8: shipped units stay shipped, and cancelled units are free",
		"a line is shipped in parts, with a cancellation in between", ordersShip},
	{"R8: a batch can't be announced again under another SKU",
		"the stock of the batch would count twice", ordersAnnounce},
	{"R3: two lines of an order for one SKU are both promised, and both are cancelled with the order",
		"the second of two lines with the same quantity would be taken for a repeat of the first", ordersLines},
	{"R2: a line grows, shrinks and moves with all of its parts",
		"a part that stays behind promises units to nobody", ordersChange},
}

func ordersLines(b *bench) {
	s := b.open(plenty)
	ctx := b.Context()
	b.must(s.service.AddBatch(ctx, announced("apple", stock("a1", 5))), "AddBatch")
	lines := []allocation.Request{line("apple", as("a", firm("o1", 2))), line("apple", firm("o1", 2))}
	for range 2 { // the second time both are repeats
		for _, r := range lines {
			given, err := s.service.Allocate(ctx, r)
			b.must(err, "Allocate of line %q", r.Line)
			if got, want := given[0].OrderLine, r.OrderLine; got != want {
				b.errorf("Allocate = %+v, want %+v", got, want)
			}
		}
	}
	q := of("apple", "o1")
	if got := b.batchOf(b.state(q), "a1").Allocated; got != 4 {
		b.errorf("allocated units of two lines of 2 = %d, want 4", got)
	}
	b.must(second(s.service.ShipPart(ctx, as("a", line("apple", firm("o1", 1))).OrderLine)), "ShipPart")
	left, err := s.service.Cancel(ctx, "o1")
	b.must(err, "Cancel")
	if len(left) != 1 || left[0].Line != "a" || left[0].Quantity != 1 {
		b.errorf("Cancel after 1 unit of line %q has shipped = %+v, want the shipped unit", "a", left)
	}
	state := b.state(q)
	b.wantLineIDs(state, q, "o1", "a")
	if got := b.batchOf(state, "a1").Available(); got != 4 {
		b.errorf("available units after Cancel = %d, want 4", got)
	}
}

func ordersRepeat(b *bench) {
	s := b.open(plenty)
	ctx := b.Context()
	late := allocation.Batch{Ref: "a2", SKU: "apple", Purchased: 4, ETA: minute(60)}
	count := allocation.Count{Batch: "a2", Quantity: 5, At: noon}
	steps := []struct {
		name string
		run  func() error
	}{
		{"AddBatch", func() error { return s.service.AddBatch(ctx, announced("apple", stock("a1", 10))) }},
		{"AddBatch of a shipment", func() error { return s.service.AddBatch(ctx, late) }},
		{"Allocate", func() error { return second(s.service.Allocate(ctx, line("apple", firm("o1", 3)))) }},
		{"Allocate of a hold", func() error {
			return second(s.service.Allocate(ctx, line("apple", held("o2", 2, minute(5)))))
		}},
		{"Extend", func() error { return second(s.service.Extend(ctx, "o2", minute(6))) }},
		{"Confirm", func() error { return second(s.service.Confirm(ctx, "o2")) }},
		{"ChangeLine", func() error {
			return second(s.service.ChangeLine(ctx, allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 4}))
		}},
		{"ChangeBatchETA", func() error { _, err := s.service.ChangeBatchETA(ctx, "a2", minute(70)); return err }},
		{"ReceiveBatch", func() error { return second(s.service.ReceiveBatch(ctx, count)) }},
		{"ShipPart", func() error {
			return second(s.service.ShipPart(ctx, allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 1}))
		}},
		{"Cancel of what isn't shipped", func() error { return second(s.service.Cancel(ctx, "o1")) }},
		{"Ship", func() error { return second(s.service.Ship(ctx, "o2")) }},
		{"SetLowStock", func() error { return s.service.SetLowStock(ctx, "apple", 3) }},
		{"AddBatch, late", func() error { return s.service.AddBatch(ctx, late) }},
	}
	for _, step := range steps {
		b.must(step.run(), "%s", step.name)
		before := s.version("apple")
		b.must(step.run(), "repeated %s", step.name)
		if got := s.version("apple"); got != before {
			b.errorf("version after %s and a repeat = %d, want %d", step.name, got, before)
		}
	}
}

func announced(sku allocation.SKU, batch allocation.Batch) allocation.Batch {
	batch.SKU = sku
	return batch
}

func second[T any](_ T, err error) error { return err }

func ordersWhole(b *bench) {
	s := b.open(plenty)
	s.add("apple", stock("a1", 10))
	s.add("pear", stock("p1", 2))
	s.add("plum", stock("l1", 3))
	want := []allocation.Request{line("apple", firm("o1", 4)), line("pear", firm("o1", 3)), line("plum", firm("o1", 4))}
	_, err := s.service.Allocate(b.Context(), want...)
	var short *allocation.OutOfStockError
	if !errors.As(err, &short) || len(short.Shortages) != 2 ||
		short.Shortages[0].Available != 2 || short.Shortages[1].Available != 3 {
		b.fatalf("Allocate = %v, want shortages with 2 available units of pear and 3 of plum", err)
	}
	q := ofOrder("o1")
	b.wantSKUs(b.load(q), q)
	s.add("pear", stock("p2", 5))
	s.add("plum", stock("l2", 5))
	_, err = s.service.Allocate(b.Context(), want...)
	b.must(err, "Allocate with enough stock")
	b.wantSKUs(b.load(q), q, "apple", "pear", "plum")
	s.wantParts("pear", "o1", `[3 from "p2", 0 shipped]`)
}

func ordersShip(b *bench) {
	s := b.open(plenty)
	s.add("apple", stock("a1", 5))
	s.add("apple", stock("a2", 5))
	s.sell("apple", split("o1", 8))
	_, err := s.service.ShipPart(b.Context(), allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 6})
	b.must(err, "ShipPart")
	s.wantParts("apple", "o1", `[5 from "a1", 5 shipped] [3 from "a2", 1 shipped]`)
	stays, err := s.service.Cancel(b.Context(), "o1")
	b.must(err, "Cancel")
	if len(stays) != 1 || stays[0].Quantity != 6 {
		b.errorf("Cancel = %+v, want the 6 shipped units", stays)
	}
	s.wantParts("apple", "o1", `[5 from "a1", 5 shipped] [1 from "a2", 1 shipped]`)
	s.sell("apple", firm("o2", 4))
	_, err = s.service.Ship(b.Context(), "o2")
	b.must(err, "Ship")
	s.refuses("apple", firm("o3", 1))
	for _, ref := range []allocation.BatchRef{"a1", "a2"} {
		if got := b.batchOf(b.state(ofBatch(ref)), ref); got.Purchased != 0 || got.Allocated != 0 {
			b.errorf("batch after all units were shipped = %s, want purchased 0, allocated 0", describeBatch(got))
		}
	}
}

func ordersAnnounce(b *bench) {
	s := b.open(plenty)
	s.add("apple", stock("a1", 5))
	s.add("pear", stock("p1", 5))
	for _, sku := range []allocation.SKU{"pear", "plum"} {
		err := s.service.AddBatch(b.Context(), announced(sku, stock("a1", 5)))
		b.wantError(err, allocation.ErrMismatch, "AddBatch(%q) with SKU %q for a batch of %q", "a1", sku, "apple")
	}
	q := ofSKUs("apple", "pear", "plum")
	states := b.load(q)
	b.wantSKUs(states, q, "apple", "pear")
	for _, state := range states {
		if state.Version != 1 {
			b.errorf("version of %q after a refused announcement = %d, want 1", state.SKU, state.Version)
		}
	}
}

func ordersChange(b *bench) {
	s := b.open(plenty)
	for _, batch := range []allocation.Batch{stock("a1", 3), stock("a2", 4), stock("a3", 9)} {
		s.add("apple", batch)
	}
	s.sell("apple", split("o1", 5), firm("o2", 2))
	for _, step := range []struct {
		order allocation.OrderID
		units allocation.Quantity
		want  string
	}{
		{"o1", 7, `[3 from "a1", 0 shipped] [2 from "a2", 0 shipped] [2 from "a3", 0 shipped]`},
		{"o1", 4, `[3 from "a1", 0 shipped] [1 from "a2", 0 shipped]`},
		{"o2", 6, `[6 from "a3", 0 shipped]`},
		{"o1", 1, `[1 from "a1", 0 shipped]`},
	} {
		_, err := s.service.ChangeLine(b.Context(),
			allocation.OrderLine{OrderID: step.order, SKU: "apple", Quantity: step.units})
		b.must(err, "ChangeLine(%q, %d)", step.order, step.units)
		s.wantParts("apple", step.order, step.want)
	}
	data := shopData{refs: []allocation.BatchRef{"a1", "a2", "a3"}, orders: []allocation.OrderID{"o1", "o2"}}
	b.checkCounters(data, "apple")
}
