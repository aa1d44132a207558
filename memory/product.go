package memory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
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

// load copies as much of the product as the query asks for.
func (p *product) load(q allocation.Query) allocation.State {
	q.Limit = max(q.Limit, 0)
	l := loading{product: p, state: allocation.State{
		SKU: p.sku, Version: p.version, Refused: p.refused, LowStock: p.lowStock,
		Batches: make([]allocation.Batch, 0, len(p.open)+1),
	}}
	for _, b := range p.open {
		l.state.Batches = append(l.state.Batches, b.Batch)
	}
	l.batch(q.Batch)
	if q.Order != "" {
		l.line(q.Order)
	}
	for _, order := range q.Orders {
		l.line(order)
	}
	l.lapsed(q)
	l.newest(q)
	return l.state
}

// loading is a state that grows; everything in it is there once.
type loading struct {
	*product
	state   allocation.State
	lines   map[allocation.OrderID]bool
	batches map[allocation.BatchRef]bool // used-up ones; the open ones are there from the beginning
}

func (l *loading) batch(ref allocation.BatchRef) {
	b := l.product.batches[ref]
	if b == nil || b.Available() > 0 || l.batches[ref] {
		return
	}
	if l.batches == nil {
		l.batches = map[allocation.BatchRef]bool{}
	}
	l.batches[ref] = true
	l.state.Batches = append(l.state.Batches, b.Batch)
}

func (l *loading) line(order allocation.OrderID) {
	a, known := l.product.lines[order]
	if !known || l.lines[order] {
		return
	}
	if l.lines == nil {
		l.lines = map[allocation.OrderID]bool{}
	}
	l.lines[order] = true
	l.state.Lines = append(l.state.Lines, copied(a))
	for _, part := range a.Parts {
		l.batch(part.Batch)
	}
}

func (l *loading) lapsed(q allocation.Query) {
	lapsed := sort.Search(len(l.holds), func(i int) bool { return l.holds[i].until.After(q.Now) })
	for _, h := range l.holds[:min(lapsed, q.Limit)] {
		l.line(h.order)
	}
	l.state.MoreLapsed = lapsed > q.Limit
	if lapsed < len(l.holds) {
		l.state.NextExpiry = l.holds[lapsed].until
	}
}

func (l *loading) newest(q allocation.Query) {
	b := l.product.batches[q.Batch]
	if b == nil {
		return
	}
	older := max(0, len(b.lines)-q.Limit)
	for _, open := range slices.Backward(b.lines[older:]) {
		l.line(open.order)
	}
	if older > 0 && older < len(b.lines) {
		l.state.LinesFrom = b.lines[older].sequence
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

// checkSound demands of the state after the changes what a database's constraints would.
func (s *Store) checkSound(c allocation.Changes) error {
	if n := len(c.TraceParents); n > 0 && n != len(c.Events) {
		return unsound("trace parents", n, fmt.Sprintf("there are %d events", len(c.Events)))
	}
	known := map[allocation.BatchRef]bool{}
	for _, b := range c.NewBatches {
		known[b.Ref] = true
		if err := soundCounters(b); err != nil {
			return err
		}
	}
	p := s.products[c.SKU]
	if p == nil {
		p = newProduct(c.SKU)
	}
	for _, change := range c.Batches {
		b := p.batches[change.Ref]
		if b == nil {
			return unsound("batch", change.Ref, "it doesn't exist")
		}
		after := b.Batch
		after.Purchased += change.Purchased
		after.Allocated += change.Allocated
		if err := soundCounters(after); err != nil {
			return err
		}
	}
	for _, a := range slices.Concat(c.NewLines, c.Lines) {
		for _, part := range a.Parts {
			if !known[part.Batch] && p.batches[part.Batch] == nil {
				return unsound("batch", part.Batch, fmt.Sprintf("order %q has units of it and it doesn't exist", a.OrderID))
			}
		}
	}
	return nil
}

func soundCounters(b allocation.Batch) error {
	if b.Allocated < 0 || b.Allocated > b.Purchased {
		return unsound("batch", b.Ref, fmt.Sprintf("allocated %d of %d", b.Allocated, b.Purchased))
	}
	return nil
}

func unsound(field string, value any, reason string) error {
	return &allocation.Error{
		Op: "Commit", Field: field, Value: value, Err: errors.New(reason),
	}
}
