package storetest

import (
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

var copyRows = []row{
	{"a loaded state shares no memory with the store",
		"a failed unit of work has changed its copy, and must leave no trace in the store", copiesLoaded},
	{"two loads share no memory",
		"concurrent units of work would see each other's unfinished changes", copiesApart},
	{"committed changes share no memory with the store",
		"the caller may go on using the slices", copiesCommitted},
	{"Commit doesn't change its arguments",
		"the caller may read the arguments after the commit, as tests and event handlers do", copiesArguments},
}

// history commits commands of many kinds to a product, and returns the orders with lines.
func history(b *bench, sku allocation.SKU) []allocation.OrderID {
	b.Helper()
	b.announce(sku, stock("a1", 3), stock("a2", 30), shipment("a3", 40, minute(60)))
	b.allocate(sku, split("o1", 5), held("o2", 1, minute(9)), firm("o3", 2), held("o4", 2, minute(8)))
	b.ship(sku, "o1", 4)
	b.ship(sku, "o3", 2)
	b.commit(b.resize(sku, "o1", 6))
	b.change(of(sku), func(p *allocation.Product) error { return p.SetLowStock(3, noon) })
	return named[allocation.OrderID]("o", 4)
}

func copiesLoaded(b *bench) {
	orders := history(b, "apple")
	q := of("apple", orders...)
	before := b.load(q)
	for _, q := range []allocation.Query{
		q, ofOrder("o1", orders...), ofBatch("a1", orders...), at(minute(8), ofLapsed(noon)),
	} {
		overwrite(b.load(q))
	}
	b.wantStates(b.load(q), before, "product after the caller overwrote loaded states")
}

func copiesApart(b *bench) {
	orders := history(b, "apple")
	q := of("apple", orders...)
	one, two := b.load(q), b.load(q)
	before := describe(two...)
	overwrite(one)
	if d := difference(describe(two...), before); d != "" {
		b.errorf("a loaded state changed when the caller overwrote the state of another load:%s", d)
	}
}

func copiesCommitted(b *bench) {
	b.announce("apple", stock("a1", 3), stock("a2", 30))
	b.allocate("apple", split("o1", 4))
	q := of("apple", "o1", "o2")
	c := b.decide(q, func(p *allocation.Product) error {
		if err := p.AddBatch(allocation.Batch{Ref: "a3", SKU: "apple", Purchased: 7}, noon); err != nil {
			return err
		}
		if _, err := p.Allocate(noon, nil, line("apple", split("o2", 5))); err != nil {
			return err
		}
		_, err := p.ShipPart(allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 1}, noon)
		return err
	})
	b.commit(c)
	before := append(describe(b.load(q)...), b.recorded("apple")...)
	for i := range c.NewBatches {
		c.NewBatches[i] = allocation.Batch{Ref: "overwritten"}
	}
	for i := range c.Batches {
		c.Batches[i] = allocation.BatchChange{Ref: "overwritten"}
	}
	overwriteLines(c.NewLines)
	overwriteLines(c.Lines)
	clear(c.Events)
	after := append(describe(b.load(q)...), b.recorded("apple")...)
	if d := difference(after, before); d != "" {
		b.errorf("the store changed when the caller overwrote the committed changes:%s", d)
	}
}

func copiesArguments(b *bench) {
	b.announce("apple", stock("a1", 3), stock("a2", 30))
	b.announce("pear", stock("p1", 9))
	b.allocate("apple", split("o1", 4), firm("old", 1))
	apple := b.decide(of("apple", "o1", "o2", "old"), func(p *allocation.Product) error {
		if _, err := p.Allocate(noon, nil, line("apple", split("o2", 5))); err != nil {
			return err
		}
		if _, err := p.Cancel("old", noon); err != nil {
			return err
		}
		_, err := p.ShipPart(allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 1}, noon)
		return err
	})
	changes := []allocation.Changes{apple, b.allocation("pear", firm("o1", 1))}
	stale := b.allocation("pear", firm("o2", 1))
	stale.Read, stale.Version = stale.Read+1, stale.Version+1
	failing := []allocation.Changes{apple, stale}
	before := fmt.Sprintf("%+v", failing)
	b.refused(allocation.ErrConflict, failing...)
	if after := fmt.Sprintf("%+v", failing); after != before {
		b.errorf("a failed Commit changed its arguments:\n  before: %s\n  after:  %s", before, after)
	}
	before = fmt.Sprintf("%+v", changes)
	b.commit(changes...)
	if after := fmt.Sprintf("%+v", changes); after != before {
		b.errorf("Commit changed its arguments:\n  before: %s\n  after:  %s", before, after)
	}
}

// overwrite overwrites all memory of the states' slices, up to the capacity.
func overwrite(states []allocation.State) {
	for i := range states {
		batches := states[i].Batches[:cap(states[i].Batches)]
		for j := range batches {
			batches[j] = allocation.Batch{Ref: "overwritten", Purchased: 1}
		}
		overwriteLines(states[i].Lines)
	}
}

func overwriteLines(lines []allocation.Allocation) {
	for i := range lines {
		parts := lines[i].Parts[:cap(lines[i].Parts)]
		for j := range parts {
			parts[j] = allocation.Part{Batch: "overwritten", Quantity: 1}
		}
	}
	for i := range lines {
		lines[i] = allocation.Allocation{
			OrderLine: allocation.OrderLine{OrderID: "overwritten"}, Parts: slices.Clone(lines[i].Parts),
		}
	}
}
