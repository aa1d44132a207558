package memory

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// product is what the store keeps of one SKU, with the same ways in as a database's indexes, so that a load
// costs the same beside ten lines and beside a million.
type product struct {
	sku      allocation.SKU
	version  int64
	refused  int64
	lowStock allocation.Quantity
	batches  map[allocation.BatchRef]*batch
	open     []*batch // those with units available, in no order
	lines    map[allocation.OrderID]allocation.Allocation
	holds    []hold // by time and order

	events  []outbox.Record                  // by number, without those that were purged
	purged  int64                            // number of the last event that was purged
	moved   map[allocation.BatchRef]movement // what purged events moved
	sent    int64                            // number of the last event that was sent
	lease   *lease                           // nil if nobody was handed the unsent events
	failure outbox.Failure                   // of the last try, see failing
}

type batch struct {
	allocation.Batch
	lines []openLine // by sequence
}

type hold struct {
	until time.Time
	order allocation.OrderID
}

type openLine struct {
	sequence int64
	order    allocation.OrderID
}

func (h hold) compare(other hold) int {
	return cmp.Or(h.until.Compare(other.until), cmp.Compare(h.order, other.order))
}

func (l openLine) compare(other openLine) int { return cmp.Compare(l.sequence, other.sequence) }

func newProduct(sku allocation.SKU) *product {
	return &product{
		sku:     sku,
		batches: map[allocation.BatchRef]*batch{},
		lines:   map[allocation.OrderID]allocation.Allocation{},
		moved:   map[allocation.BatchRef]movement{},
	}
}

func (p *product) addEvents(c allocation.Changes) {
	for i, e := range c.Events {
		r := outbox.Record{Sequence: p.last() + 1, Event: e}
		if len(c.TraceParents) > 0 {
			r.TraceParent = c.TraceParents[i]
		}
		p.events = append(p.events, r)
	}
}

func (p *product) addBatch(b allocation.Batch) {
	added := &batch{Batch: b}
	p.batches[b.Ref] = added
	p.setOpen(added, false)
}

func (p *product) changeBatch(c allocation.BatchChange) {
	b := p.batches[c.Ref]
	wasOpen := b.Available() > 0
	b.Purchased += c.Purchased
	b.Allocated += c.Allocated
	b.ETA, b.CountedAt, b.ShippedAt = c.ETA, c.CountedAt, c.ShippedAt
	p.setOpen(b, wasOpen)
}

func (p *product) setOpen(b *batch, was bool) {
	switch is := b.Available() > 0; {
	case is && !was:
		p.open = append(p.open, b)
	case was && !is:
		at := slices.Index(p.open, b)
		p.open = slices.Delete(p.open, at, at+1)
	}
}

func (p *product) addLine(a allocation.Allocation) {
	p.lines[a.OrderID] = copied(a)
	if !a.HeldUntil.IsZero() {
		p.holds = insert(p.holds, hold{a.HeldUntil, a.OrderID}, hold.compare)
	}
	for _, part := range a.Parts {
		if part.Quantity > part.Shipped {
			b := p.batches[part.Batch]
			b.lines = insert(b.lines, openLine{a.Sequence, a.OrderID}, openLine.compare)
		}
	}
}

func (p *product) removeLine(order allocation.OrderID) {
	a := p.lines[order]
	delete(p.lines, order)
	if !a.HeldUntil.IsZero() {
		p.holds = remove(p.holds, hold{a.HeldUntil, order}, hold.compare)
	}
	for _, part := range a.Parts {
		if part.Quantity > part.Shipped {
			b := p.batches[part.Batch]
			b.lines = remove(b.lines, openLine{a.Sequence, order}, openLine.compare)
		}
	}
}

func insert[T any](sorted []T, value T, compare func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(sorted, value, compare)
	return slices.Insert(sorted, at, value)
}

func remove[T any](sorted []T, value T, compare func(a, b T) int) []T {
	if at, found := slices.BinarySearchFunc(sorted, value, compare); found {
		return slices.Delete(sorted, at, at+1)
	}
	return sorted
}

func copied(a allocation.Allocation) allocation.Allocation {
	a.Parts = slices.Clone(a.Parts)
	return a
}
