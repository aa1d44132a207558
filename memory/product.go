package memory

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// product is the stored state of one SKU. Its slices and maps correspond to the indexes of a database, so that a load
// takes as long beside ten lines as beside a million. All access is under the store's lock.
type product struct {
	sku      allocation.SKU
	version  int64
	refused  int64
	lowStock allocation.Quantity
	low      bool
	batches  map[allocation.BatchRef]*batch
	forSale  []*batch                                      // the batches that every load brings, in no order
	lines    map[allocation.LineKey]*allocation.Allocation // a stored line is replaced, never changed
	holds    ordered[hold]                                 // by time and order

	events  []outbox.Record                  // sorted by sequence, without purged events
	purged  int64                            // sequence of the last purged event
	moved   map[allocation.BatchRef]movement // sums over the purged events
	sent    int64                            // sequence of the last sent event
	lease   *lease                           // nil if no relay has claimed the product
	failure outbox.Failure                   // of the last settlement with a failure; valid only if hasFailed
}

// batch is a batch with the lines that have unshipped units of the batch.
type batch struct {
	allocation.Batch
	lines ordered[openLine] // by sequence, oldest first
}

// hold is an entry of the index of held lines, lapsed holds included.
type hold struct {
	until time.Time
	line  allocation.LineKey
}

// openLine is an entry of the index of lines with unshipped units.
type openLine struct {
	sequence int64
	line     allocation.LineKey
}

func (h hold) compare(other hold) int {
	return cmp.Or(h.until.Compare(other.until), cmp.Compare(h.line.OrderID, other.line.OrderID))
}

func (l openLine) compare(other openLine) int { return cmp.Compare(l.sequence, other.sequence) }

// key names the line of an order.
func (p *product) key(order allocation.OrderID) allocation.LineKey {
	return allocation.LineKey{OrderID: order, SKU: p.sku}
}

func newProduct(sku allocation.SKU) *product {
	return &product{
		sku:     sku,
		batches: map[allocation.BatchRef]*batch{},
		lines:   map[allocation.LineKey]*allocation.Allocation{},
		moved:   map[allocation.BatchRef]movement{},
	}
}

// addEvents appends the events of a commit, each with the trace parent of its command.
func (p *product) addEvents(c allocation.Changes) {
	for i, e := range c.Events {
		r := outbox.Record{Sequence: p.lastSequence() + 1, Event: e}
		if len(c.TraceParents) > 0 {
			r.TraceParent = c.TraceParents[i]
		}
		p.events = append(p.events, r)
	}
}

func (p *product) addBatch(b allocation.Batch) {
	added := &batch{Batch: b}
	p.batches[b.Ref] = added
	p.indexForSale(added, false)
}

func (p *product) changeBatch(c allocation.BatchChange) {
	b := p.batches[c.Ref]
	was := b.isForSale()
	b.Purchased += c.Purchased
	b.Allocated += c.Allocated
	b.ETA, b.ArrivedAt, b.Blocked, b.Expired = c.ETA, c.ArrivedAt, c.Blocked, c.Expired
	b.CountedAt, b.CountedQuantity, b.ShippedAt = c.CountedAt, c.CountedQuantity, c.ShippedAt
	p.indexForSale(b, was)
}

// isForSale reports whether every load brings the batch: units are available, and the batch is neither blocked nor
// recorded as expired. The clock has no part in this, so an index can hold the answer.
func (b *batch) isForSale() bool { return b.Available() > 0 && b.Blocked == "" && !b.Expired }

// indexForSale updates the index of batches for sale after a batch changed; was says whether the index has the batch.
func (p *product) indexForSale(b *batch, was bool) {
	switch is := b.isForSale(); {
	case is && !was:
		p.forSale = append(p.forSale, b)
	case was && !is:
		at := slices.Index(p.forSale, b)
		p.forSale = slices.Delete(p.forSale, at, at+1)
	}
}

// addLine stores a line and indexes the line's hold and unshipped parts.
func (p *product) addLine(a allocation.Allocation) {
	p.lines[a.Key()] = stored(a)
	if !a.HeldUntil.IsZero() {
		p.holds.insert(hold{a.HeldUntil, a.Key()})
	}
	for _, part := range a.Parts {
		if part.Quantity > part.Shipped {
			p.batches[part.Batch].lines.insert(openLine{a.Sequence, a.Key()})
		}
	}
}

// removeLine deletes a line and its index entries. A line that doesn't exist is left out without an error.
func (p *product) removeLine(key allocation.LineKey) {
	a := p.lines[key]
	if a == nil {
		return
	}
	delete(p.lines, key)
	if !a.HeldUntil.IsZero() {
		p.holds.remove(hold{a.HeldUntil, key})
	}
	for _, part := range a.Parts {
		if part.Quantity > part.Shipped {
			p.batches[part.Batch].lines.remove(openLine{a.Sequence, key})
		}
	}
}

// stored returns a line that shares no memory with a. The line and its only part, as most lines have, are one
// allocation of memory.
func stored(a allocation.Allocation) *allocation.Allocation {
	line := &struct {
		allocation.Allocation
		room [1]allocation.Part
	}{Allocation: a}
	line.Parts = append(line.room[:0], a.Parts...)
	return &line.Allocation
}

// copyLine returns a line that shares no memory with a.
func copyLine(a allocation.Allocation) allocation.Allocation {
	a.Parts = slices.Clone(a.Parts)
	return a
}
