package storetest

import (
	"github.com/cosmic-go/allocation"
)

var loadRows = []row{
	{"a query by SKUs brings exactly the named products",
		"a use case reads the products that it names in one Load, and no other products", loadBySKUs},
	{"a missing product is left out",
		"the caller recognises a missing product by its absence; an empty state or an error would mean " +
			"something else", loadMissing},
	{"a query by order brings all products with lines of the order",
		"cancelling or shipping an order must reach all of its lines, shipped lines included", loadByOrder},
	{"a query by batch brings the owner and the batch, even if the batch is used up",
		"a count, or a repeated announcement, needs the batch's present state", loadByBatch},
	{"other used-up batches are not loaded",
		"otherwise every load grows with the product's history", loadOpenBatches},
	{"a batch whose ETA has passed is loaded",
		"a late shipment is still on its way, and receiving or cancelling needs the batch", loadOverdue},
	{"lines of other orders are not loaded",
		"otherwise every load grows with the product's history", loadAskedLines},
	{"a line comes with all of its parts and their batches, used-up batches included",
		"a line can't be cancelled or shipped without the batches of its parts", loadLineBatches},
	{"a shipped line comes if its order is asked for",
		"a late repeat of the order would be sold a second time (R3)", loadShippedLine},
	{"a line or batch that is selected for several reasons comes once",
		"the model adds up lines and batches, and would count units twice", loadOnce},
	{"every query brings the lines of further orders, and further orders select no products",
		"an order that was asked for and doesn't come counts as an order without a line", loadFurtherOrders},
	{"one Load brings many products, and the lines of many orders and many batches of a product",
		"large orders exist, and a database's limit of arguments must not show", loadMany},
}

func loadBySKUs(b *bench) {
	for _, sku := range []allocation.SKU{"apple", "pear", "plum"} {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), 10))
	}
	q := ofSKUs("plum", "apple")
	states := b.load(q)
	b.wantSKUs(states, q, "apple", "plum")
	for _, s := range states {
		b.wantBatches(s, q, allocation.BatchRef("of "+s.SKU))
	}
}

func loadMissing(b *bench) {
	b.announce("apple", stock("a1", 10))
	q := ofSKUs("apple", "pear")
	b.wantSKUs(b.load(q), q, "apple")
	for _, q := range []allocation.Query{of("pear"), of("pear", "o1"), ofOrder("o1"), ofBatch("a2"), ofLapsed(noon)} {
		b.wantSKUs(b.load(q), q)
	}
}

func loadByOrder(b *bench) {
	for _, sku := range []allocation.SKU{"apple", "pear", "plum", "quince"} {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), 10))
	}
	b.allocate("apple", firm("o1", 2), firm("o2", 1))
	b.allocate("pear", firm("o2", 3))
	b.allocate("plum", firm("o1", 4))
	b.ship("plum", "o1", 4)
	q := ofOrder("o1")
	states := b.load(q)
	b.wantSKUs(states, q, "apple", "plum")
	for _, s := range states {
		b.wantLines(s, q, "o1")
	}
}

func loadByBatch(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 10))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", firm("o1", 10))
	b.ship("apple", "o1", 10)
	q := ofBatch("a1")
	s := b.state(q)
	b.wantSKUs([]allocation.State{s}, q, "apple")
	b.wantBatches(s, q, "a1", "a2")
	b.wantLines(s, q)
	q = ofBatch("a2")
	b.wantBatches(b.state(q), q, "a2")
}

func loadOpenBatches(b *bench) {
	b.announce("apple", stock("1 promised", 3), stock("2 shipped", 4), stock("3 counted", 5), stock("4 open", 6),
		shipment("5 under way", 7, minute(60)))
	b.allocate("apple", firm("o1", 3), firm("o2", 4))
	b.ship("apple", "o2", 4)
	b.count("3 counted", 0, noon)
	q := of("apple")
	b.wantBatches(b.state(q), q, "4 open", "5 under way")
}

func loadOverdue(b *bench) {
	b.announce("apple", stock("a1", 10), shipment("late", 5, minute(-60)), shipment("later", 5, minute(60)))
	b.allocate("apple", held("o1", 1, minute(61)))
	for _, now := range []int{0, 59, 60, 61, 1000} {
		for _, q := range []allocation.Query{of("apple"), ofOrder("o1"), ofBatch("a1")} {
			q = at(minute(now), q)
			b.wantBatches(b.state(q), q, "a1", "late", "later")
		}
	}
	q := ofLapsed(minute(61))
	b.wantBatches(b.state(q), q, "a1", "late", "later")
}

func loadAskedLines(b *bench) {
	b.announce("apple", stock("a1", 100))
	b.allocate("apple", firm("o1", 1), firm("o2", 2), held("o3", 3, minute(5)), firm("o4", 4))
	b.ship("apple", "o4", 4)
	q := of("apple")
	b.wantLines(b.state(q), q)
	q = of("apple", "o3", "o1")
	b.wantLines(b.state(q), q, "o1", "o3")
	q = ofOrder("o2")
	b.wantLines(b.state(q), q, "o2")
}

func loadLineBatches(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 3), stock("a3", 4), stock("a4", 1))
	b.allocate("apple", firm("other", 1))
	b.allocate("apple", split("o1", 7))
	b.ship("apple", "o1", 4)
	for _, q := range []allocation.Query{of("apple", "o1"), ofOrder("o1")} {
		s := b.state(q)
		b.wantBatches(s, q, "a1", "a2", "a3", "a4")
		want := "[1 from \"a1\", 1 shipped] [3 from \"a2\", 3 shipped] [3 from \"a3\", 0 shipped]"
		if got := partsOf(b.lineOf(s, "o1")); got != want {
			b.errorf("parts of order %q after Load(%s) = %s, want %s", "o1", shown(q), got, want)
		}
	}
}

func loadShippedLine(b *bench) {
	b.announce("apple", stock("a1", 5))
	b.allocate("apple", firm("o1", 5))
	b.ship("apple", "o1", 5)
	q := of("apple", "o1")
	s := b.state(q)
	b.wantLines(s, q, "o1")
	b.wantBatches(s, q, "a1")
}

func loadOnce(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 5))
	b.allocate("apple", split("o1", 12), held("o2", 1, minute(1)))
	for _, q := range []allocation.Query{
		of("apple", "o1", "o2", "o1"),
		at(minute(2), ofOrder("o1", "o2", "o1")),
		at(minute(2), ofBatch("a1", "o1", "o2")),
		at(minute(2), ofBatch("a2", "o1", "o2", "o2")),
	} {
		s := b.state(q)
		b.wantBatches(s, q, "a1", "a2")
		b.wantLines(s, q, "o1", "o2")
	}
}

func loadFurtherOrders(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 10))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", firm("o1", 2), firm("o2", 3), held("o3", 1, minute(1)))
	b.allocate("pear", firm("o2", 4))
	for _, q := range []allocation.Query{
		of("apple", "o2", "none"), ofOrder("o1", "o2", "none"), ofBatch("a1", "o2", "none"),
	} {
		states := b.load(q)
		b.wantSKUs(states, q, "apple")
		for _, s := range states {
			b.lineOf(s, "o2")
		}
	}
	q := ofLapsed(minute(1))
	q.Orders = []allocation.OrderID{"o2"}
	states := b.load(q)
	b.wantSKUs(states, q, "apple")
	for _, s := range states {
		b.wantLines(s, q, "o2", "o3")
		b.wantBatches(s, q, "a2")
	}
}

func loadMany(b *bench) {
	const n = 1100
	skus, orders := named[allocation.SKU]("sku", n), named[allocation.OrderID]("order", n)
	changes := make([]allocation.Changes, n)
	for i, sku := range skus {
		changes[i] = b.product(sku, stock(allocation.BatchRef("of "+sku), 1)).Changes()
	}
	b.commit(bySKU(changes...)...)
	q := ofSKUs(skus...)
	b.wantSKUs(b.load(q), q, skus...)
	q = of("sku1", orders...)
	b.wantSKUs(b.load(q), q, "sku1")
	p := b.product("apple")
	refs := named[allocation.BatchRef]("batch", n)
	for i, ref := range refs {
		b.must(p.AddBatch(announcedAs("apple", stock(ref, 2)), noon), "AddBatch")
		_, err := p.Allocate(noon, latest, line("apple", firm(orders[i], 1)))
		b.must(err, "Allocate")
	}
	b.commit(p.Changes())
	q = first(2*n, of("apple", orders...))
	s := b.state(q)
	b.wantLines(s, q, orders...)
	b.wantBatches(s, q, refs...)
	if got := b.batchOf(s, refs[n-1]).Purchased; got != 2 {
		b.errorf("purchased units of batch %q = %d, want 2", refs[n-1], got)
	}
}
