package storetest

import (
	"cmp"
	"slices"

	"github.com/cosmic-go/allocation"
)

var keyRows = []row{
	{"a batch reference exists only once, under any SKU",
		"a repeated delivery note would count the stock twice (R8)", keyBatch},
	{"two products of one commit can't have the same new batch",
		"a batch reference must lead to one product", keyBatchWithin},
	{"a line exists only once",
		"the order may exist although it wasn't loaded; the model relies on the store to refuse the second " +
			"line (R3)", keyLine},
	{"a line is a duplicate only if OrderID, SKU and LineID are those of another line",
		"a component of a bundle beside the same item alone would be refused, or promised twice", keyLineID},
	{"a removed line may be created again",
		"a customer who has cancelled an order may order again under the same order ID", keyAgain},
	{"an order may have lines of several products",
		"OrderID and SKU together identify a line", keyOrder},
}

func keyBatch(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 1))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", firm("o1", 10))
	b.ship("apple", "o1", 10)
	for _, ref := range []allocation.BatchRef{"a1", "a2"} {
		for _, sku := range []allocation.SKU{"apple", "pear"} {
			c := b.decide(of(sku), func(p *allocation.Product) error { return p.SetLowStock(7, noon) })
			c.NewBatches = []allocation.Batch{announcedAs(sku, stock("new", 5)), announcedAs(sku, stock(ref, 5))}
			b.refused(allocation.ErrDuplicate, c)
		}
		b.refused(allocation.ErrDuplicate, b.product("plum", stock(ref, 5)).Changes())
	}
}

func keyBatchWithin(b *bench) {
	b.refused(allocation.ErrDuplicate, b.product("apple", stock("x", 1)).Changes(),
		b.product("pear", stock("x", 1)).Changes())
	q := ofSKUs("apple", "pear")
	b.wantSKUs(b.load(q), q)
	b.announce("pear", stock("x", 1))
}

func keyLine(b *bench) {
	b.announce("apple", stock("a1", 100))
	b.allocate("apple", firm("open", 1), held("held", 1, minute(1)), firm("shipped", 2))
	b.ship("apple", "shipped", 2)
	for _, order := range []allocation.OrderID{"open", "held", "shipped"} {
		c := b.allocation("apple", firm("new", 1), firm("other", 3))
		b.lineIn(c.NewLines, 1).OrderID = order
		b.refused(allocation.ErrDuplicate, c)
	}
}

func keyLineID(b *bench) {
	b.announce("apple", stock("a1", 100))
	b.announce("pear", stock("p1", 100))
	b.allocate("apple", as("kit", firm("o1", 1)))
	b.allocate("apple", firm("o1", 1), as("KIT", firm("o1", 1)), as("kit", firm("o2", 1)))
	b.allocate("pear", as("kit", firm("o1", 1)))
	for _, id := range []allocation.LineID{"", "kit", "KIT"} {
		c := b.allocation("apple", as("new", firm("o1", 1)))
		b.lineIn(c.NewLines, 0).Line = id
		b.refused(allocation.ErrDuplicate, c)
	}
}

func keyAgain(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.allocate("apple", firm("o1", 4))
	b.commit(b.cancellation("apple", "o1"))
	b.allocate("apple", split("o1", 5))
	q := of("apple", "o1")
	b.wantLines(b.state(q), q, "o1")
	if got := b.lineOf(b.state(q), "o1"); got.Quantity != 5 {
		b.errorf("line after cancelling 4 units and allocating 5 = %s, want 5 units", describeLine(got))
	}
}

func keyOrder(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", firm("o1", 1))
	b.allocate("pear", firm("o1", 2))
	b.commit(b.cancellation("apple", "o1"))
	q := ofOrder("o1")
	s := b.state(q)
	b.wantSKUs([]allocation.State{s}, q, "pear")
	b.wantLines(s, q, "o1")
}

// refused checks that a commit fails with an error that wraps target, and changes nothing.
func (b *bench) refused(target error, changes ...allocation.Changes) error {
	b.Helper()
	before := b.snapshot(changes...)
	err := b.try(changes...)
	b.wantError(err, target, "Commit of %s", shownChanges(changes))
	if err == nil {
		return nil
	}
	if d := difference(b.snapshot(changes...), before); d != "" {
		b.errorf("a failed Commit (%v) changed the store:%s", err, d)
	}
	return err
}

// snapshot describes all data that the changes could touch. snapshot reads each product by all kinds of queries, since
// the store may have an index for each kind.
func (b *bench) snapshot(changes ...allocation.Changes) []string {
	b.Helper()
	var text []string
	for _, c := range changes {
		var orders []allocation.OrderID
		for _, l := range slices.Concat(c.NewLines, c.Lines) {
			orders = append(orders, l.OrderID)
		}
		for _, key := range c.Removed {
			orders = append(orders, key.OrderID)
		}
		text = append(text, describe(b.load(of(c.SKU, orders...))...)...)
		for _, order := range orders {
			text = append(text, describe(b.load(ofOrder(order))...)...)
		}
		for _, ref := range refsOf(c) {
			text = append(text, describe(b.load(ofBatch(ref))...)...)
		}
		text = append(text, b.recorded(c.SKU)...)
	}
	return text
}

func refsOf(c allocation.Changes) []allocation.BatchRef {
	var refs []allocation.BatchRef
	for _, batch := range c.NewBatches {
		refs = append(refs, batch.Ref)
	}
	for _, change := range c.Batches {
		refs = append(refs, change.Ref)
	}
	return refs
}

// announcedAs returns a new batch in the form of Changes.NewBatches.
func announcedAs(sku allocation.SKU, batch allocation.Batch) allocation.Batch {
	batch.SKU, batch.AnnouncedQuantity, batch.AnnouncedETA = sku, batch.Purchased, batch.ETA
	batch.Due = batch.BestBefore
	if batch.ETA.IsZero() {
		batch.ArrivedAt = noon
	}
	return batch
}

// bySKU sorts changes for Commit.
func bySKU(changes ...allocation.Changes) []allocation.Changes {
	slices.SortFunc(changes, func(x, y allocation.Changes) int { return cmp.Compare(x.SKU, y.SKU) })
	return changes
}
