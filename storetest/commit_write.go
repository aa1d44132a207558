package storetest

import (
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

var writeRows = []row{
	{"a load after the commit brings the committed state and version",
		"after a commit without an error every later load sees the changes", writeVisible},
	{"counters are changed by differences",
		"the store's own check of the sum holds even where a row was changed by hand", writeDifferences},
	{"ETA and CountedAt of a batch are replaced",
		"times come as values, not as differences", writeBatchTimes},
	{"a line is replaced as a whole, with fewer or other parts",
		"parts that stay behind promise units of nobody", writeReplaced},
	{"a removed line is gone, and other lines stay",
		"the units of the line are free, and the line must not come back", writeRemoved},
	{"changes of several products are written all or none",
		"half an order is worse than no order (R5)", writeAllOrNone},
	{"the number of the last refusal and the low-stock threshold are kept",
		"otherwise every further refusal after a sell-out would be written (R10)", writeProduct},
	{"a product may have no batches",
		"a product exists from its first event on", writeEmptyProduct},
	{"one commit may have many batches, changed batches, changed lines, removed lines and events",
		"changes beyond a page that are lost sell stock twice", writeManyParts},
	{"one commit may have many lines and products",
		"bulk commands use one commit, and a database's limit of arguments must not show", writeMany},
}

func writeVisible(b *bench) {
	p := b.product("apple", stock("a1", 10), shipment("a2", 20, minute(60)))
	_, err := p.Allocate(noon, nil, line("apple", split("o1", 12)), line("apple", firm("o2", 3)))
	b.must(err, "Allocate")
	b.roundTrip(p, "o1", "o2")
	for i := range 3 {
		before := b.state(of("apple")).Version
		c := b.allocation("apple", firm(allocation.OrderID(fmt.Sprint("more", i)), 1))
		b.commit(c)
		if got := b.state(of("apple")).Version; got != c.Version || got != before+int64(len(c.Events)) {
			b.errorf("version after a commit of %d events on version %d = %d, want %d",
				len(c.Events), before, got, c.Version)
		}
	}
}

func writeDifferences(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 100))
	b.allocate("apple", firm("o1", 4))
	b.allocate("apple", firm("o2", 3), firm("o3", 20))
	b.ship("apple", "o1", 4)
	b.commit(b.resize("apple", "o2", 1))
	b.count("a1", 8, noon)
	s := b.state(of("apple"))
	for ref, want := range map[allocation.BatchRef][2]allocation.Quantity{"a1": {8, 1}, "a2": {100, 20}} {
		batch := b.batchOf(s, ref)
		if got := [2]allocation.Quantity{batch.Purchased, batch.Allocated}; got != want {
			b.errorf("purchased and allocated of batch %q = %d, want %d", ref, got, want)
		}
	}
}

func writeBatchTimes(b *bench) {
	b.announce("apple", shipment("a1", 10, minute(60)))
	b.change(ofBatch("a1"), func(p *allocation.Product) error { return changeETA(p, "a1", minute(70), noon) })
	b.count("a1", 11, minute(1))
	b.allocate("apple", firm("o1", 1))
	got := b.batchOf(b.state(of("apple")), "a1")
	if got.ETA != minute(70) || got.CountedAt != minute(1) {
		b.errorf("batch = %s, want ETA %s and counted at %s", describeBatch(got), moment(minute(70)), moment(minute(1)))
	}
	b.change(ofBatch("a1"), func(p *allocation.Product) error {
		_, err := p.ReceiveBatch(allocation.Count{Batch: "a1", Quantity: 11, At: minute(2)}, minute(2), nil)
		return err
	})
	got = b.batchOf(b.state(of("apple")), "a1")
	if got.ETA != (time.Time{}) || got.CountedAt != minute(2) {
		b.errorf("batch after ReceiveBatch = %s, want no ETA and counted at %s", describeBatch(got), moment(minute(2)))
	}
}

func writeReplaced(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 3), stock("a3", 4), stock("a4", 9))
	b.allocate("apple", split("o1", 8), firm("o2", 5))
	for _, step := range []struct {
		units allocation.Quantity
		parts string
	}{
		{4, `[2 from "a1", 0 shipped] [2 from "a2", 0 shipped]`},
		{1, `[1 from "a1", 0 shipped]`},
		{7, `[2 from "a1", 0 shipped] [3 from "a2", 0 shipped] [2 from "a3", 0 shipped]`},
	} {
		b.commit(b.resize("apple", "o1", step.units))
		if got := partsOf(b.lineOf(b.state(of("apple", "o1")), "o1")); got != step.parts {
			b.errorf("parts of order %q with %d units = %s, want %s", "o1", step.units, got, step.parts)
		}
	}
	if got, want := partsOf(b.lineOf(b.state(of("apple", "o2")), "o2")), `[5 from "a4", 0 shipped]`; got != want {
		b.errorf("parts of order %q, which no command changed, = %s, want %s", "o2", got, want)
	}
	q := ofBatch("a3")
	b.wantLines(b.state(q), q, "o1")
}

func writeRemoved(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", held("o1", 1, minute(1)), firm("o2", 2))
	b.allocate("pear", firm("o1", 3))
	b.commit(b.cancellation("apple", "o1"))
	q := at(minute(2), of("apple", "o1", "o2"))
	s := b.state(q)
	b.wantLines(s, q, "o2")
	if got := b.batchOf(s, "a1").Allocated; got != 2 {
		b.errorf("allocated units of batch %q = %d, want 2, the units of order o2", "a1", got)
	}
	q = ofOrder("o1")
	b.wantSKUs(b.load(q), q, "pear")
	q = ofBatch("a1")
	b.wantLines(b.state(q), q, "o2")
	q = ofLapsed(minute(2))
	b.wantSKUs(b.load(q), q)
}

func writeAllOrNone(b *bench) {
	skus := []allocation.SKU{"apple", "pear", "plum"}
	for i, sku := range skus {
		b.announce(sku, stock(allocation.BatchRef(fmt.Sprint("b", i)), 10))
		b.allocate(sku, firm("old", 1), split("grows", 1))
	}
	for fails := range skus {
		for target, spoil := range map[error]func(c *allocation.Changes){
			allocation.ErrConflict: func(c *allocation.Changes) { c.Read, c.Version = c.Read-1, c.Version-1 },
			allocation.ErrDuplicate: func(c *allocation.Changes) {
				c.NewBatches = append(c.NewBatches, announcedAs(c.SKU, stock("b0", 1)))
			},
		} {
			var changes []allocation.Changes
			for i, sku := range skus {
				changes = append(changes, b.busyChanges(sku, i))
			}
			spoil(&changes[fails])
			b.refused(target, changes...)
		}
	}
	var changes []allocation.Changes
	for i, sku := range skus {
		changes = append(changes, b.busyChanges(sku, i))
	}
	b.commit(changes...)
	q := ofOrder("new")
	b.wantSKUs(b.load(q), q, skus...)
	q = ofOrder("old")
	b.wantSKUs(b.load(q), q)
}

// busyChanges returns changes with a new batch, changed, new and removed lines, and a new threshold.
func (b *bench) busyChanges(sku allocation.SKU, i int) allocation.Changes {
	b.Helper()
	return b.decide(of(sku, "old", "grows", "new"), func(p *allocation.Product) error {
		batch := allocation.Batch{Ref: allocation.BatchRef(fmt.Sprint("new", i)), SKU: sku, Purchased: 5}
		if err := p.AddBatch(batch, noon); err != nil {
			return err
		}
		if _, err := p.Cancel("old", noon); err != nil {
			return err
		}
		larger := allocation.OrderLine{OrderID: "grows", SKU: sku, Quantity: 4}
		if _, err := p.ChangeLine(larger, noon, nil); err != nil {
			return err
		}
		if _, err := p.Allocate(noon, nil, line(sku, held("new", 2, minute(1)))); err != nil {
			return err
		}
		return p.SetLowStock(6, noon)
	})
}

func writeProduct(b *bench) {
	b.announce("apple", stock("a1", 10))
	c := b.decide(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(4, noon) })
	refusal := allocation.LineRefused{SKU: "apple", At: noon, OrderID: "o1", Quantity: 99, Available: 10}
	c.Events = append(c.Events, refusal)
	c.Version++
	c.Refused = c.Version
	b.commit(c)
	for range 2 {
		if s := b.state(of("apple")); s.Refused != c.Refused || s.LowStock != 4 {
			b.errorf("Refused and LowStock = %d and %d, want %d and 4", s.Refused, s.LowStock, c.Refused)
		}
		b.allocate("apple", firm("o2", 1))
	}
	b.change(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(0, noon) })
	if s := b.state(of("apple")); s.LowStock != 0 {
		b.errorf("low stock after SetLowStock(0) = %d, want 0", s.LowStock)
	}
}

func writeEmptyProduct(b *bench) {
	p := b.product("apple")
	b.must(p.SetLowStock(4, noon), "SetLowStock")
	b.roundTrip(p)
	b.change(of("apple"), func(p *allocation.Product) error {
		return p.AddBatch(allocation.Batch{Ref: "a1", SKU: "apple", Purchased: 1}, noon)
	})
	q := of("apple")
	b.wantBatches(b.state(q), q, "a1")
}

func writeMany(b *bench) {
	const n = 300
	changes := make([]allocation.Changes, n)
	for i, sku := range named[allocation.SKU]("sku", n) {
		p := b.product(sku, stock(allocation.BatchRef(fmt.Sprint("batch of ", sku)), 10))
		_, err := p.Allocate(noon, nil, line(sku, firm("everything", 1)))
		b.must(err, "Allocate")
		changes[i] = p.Changes()
	}
	b.commit(bySKU(changes...)...)
	q := ofOrder("everything")
	b.wantSKUs(b.load(q), q, named[allocation.SKU]("sku", n)...)
	b.announce("apple", stock("a1", n))
	orders := named[allocation.OrderID]("order", n)
	var requests []allocation.Request
	for _, order := range orders {
		requests = append(requests, firm(order, 1))
	}
	b.allocate("apple", requests...)
	q = of("apple", orders...)
	b.wantLines(b.state(q), q, orders...)
}

func writeManyParts(b *bench) {
	const n = 120 // of each kind, for each product
	refs, orders := named[allocation.BatchRef]("batch", n), named[allocation.OrderID]("order", 3*n)
	skus := []allocation.SKU{"apple", "pear"}
	var changes []allocation.Changes
	for _, sku := range skus {
		p := b.product(sku)
		for _, ref := range refs {
			b.must(p.AddBatch(announcedAs(sku, stock(allocation.BatchRef(sku)+ref, 2)), noon), "AddBatch")
		}
		for _, order := range orders[:2*n] {
			_, err := p.Allocate(noon, nil, line(sku, firm(order, 1)))
			b.must(err, "Allocate")
		}
		changes = append(changes, p.Changes())
	}
	b.commit(changes...)
	changes = nil
	var want []allocation.State
	for _, sku := range skus {
		q := of(sku, orders...)
		c := b.decide(q, func(p *allocation.Product) error { return changeMany(p, refs, orders, n) })
		want, changes = append(want, after(b.state(q), c, noon)), append(changes, c)
	}
	b.commit(changes...)
	q := ofSKUs(skus...)
	q.Orders = orders
	b.wantStates(b.load(q), want, "products after a commit of %d changes of each kind", n)
	for _, c := range changes {
		if isLedger(b.store) {
			b.wantEvents(b.events(c.SKU, c.Read, plenty), c.Events, "events of product %q", c.SKU)
		}
		for _, ref := range []allocation.BatchRef{refs[0], refs[n/2], refs[n-1]} {
			q := ofBatch("new" + allocation.BatchRef(c.SKU) + ref)
			b.wantSKUs(b.load(q), q, c.SKU)
		}
	}
}

// changeMany cancels the first n lines, ships the next n lines, announces n batches, and allocates n lines of the new
// batches.
func changeMany(p *allocation.Product, refs []allocation.BatchRef, orders []allocation.OrderID, n int) error {
	sku := p.SKU()
	for i := range n {
		if _, err := p.Cancel(orders[i], noon); err != nil {
			return err
		}
		shipped := allocation.OrderLine{OrderID: orders[n+i], SKU: sku, Quantity: 1}
		if _, err := p.ShipPart(shipped, noon); err != nil {
			return err
		}
		ref := "new" + allocation.BatchRef(sku) + refs[i]
		if err := p.AddBatch(allocation.Batch{Ref: ref, SKU: sku, Purchased: 2}, noon); err != nil {
			return err
		}
		if _, err := p.Allocate(noon, latest, line(sku, firm(orders[2*n+i], 1))); err != nil {
			return err
		}
	}
	return nil
}
