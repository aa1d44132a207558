package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// Load returns copies of the products that the query selects, see [allocation.Store].
func (s *Store) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if err := s.check(ctx, "Load"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return view{Store: s}.load(q)
}

// load returns copies of the products that the query selects.
func (v view) load(q allocation.Query) ([]allocation.State, error) {
	if err := v.faults.nextLoad(); err != nil {
		return nil, err
	}
	selected := v.selected(q)
	states := make([]allocation.State, len(selected))
	for i, p := range selected {
		states[i] = p.load(q)
	}
	return states, nil
}

// selected returns the products of a query: by order, by batch, by SKU, or those for which something is due.
func (v view) selected(q allocation.Query) []*product {
	switch {
	case q.Due && len(q.SKUs) == 0:
		return v.due(q)
	case q.Order != "":
		return v.withOrder(q.Order)
	case q.Batch != "":
		if p := v.owner(q.Batch); p != nil {
			return []*product{p}
		}
		return nil
	}
	found := make([]*product, 0, len(q.SKUs))
	for _, sku := range q.SKUs {
		if p := v.product(sku); p != nil {
			found = append(found, p)
		}
	}
	return found
}

// due returns at most q.Limit products for which something is due behind q.After, sorted by the earliest time and the
// SKU.
func (v view) due(q allocation.Query) []*product {
	type turn struct {
		*product
		at time.Time
	}
	var found []turn
	for p := range v.all() {
		if at, due := p.firstDue(q); due {
			found = append(found, turn{p, at})
		}
	}
	slices.SortFunc(found, func(a, b turn) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.sku, b.sku)) })
	var due []*product
	for _, d := range found[:min(len(found), max(q.Limit, 0))] {
		due = append(due, d.product)
	}
	return due
}

// firstDue returns the time of the first hold, batch or line that is due behind q.After.
func (p *product) firstDue(q allocation.Query) (at time.Time, due bool) {
	note := func(other time.Time) {
		if !other.After(q.Now) && (!due || other.Before(at)) {
			at, due = other, true
		}
	}
	for h := range p.holds.from(func(h hold) bool { return isBehind(h.until, p.sku, q) }) {
		note(h.until)
		break
	}
	if by := p.firstNeeded(q); !by.IsZero() {
		note(by.Add(time.Microsecond))
	}
	if p.serving != (allocation.Rank{}) && isBehind(time.Time{}, p.sku, q) {
		note(time.Time{})
	}
	for d := range p.due.from(func(d dueBatch) bool { return isBehind(d.at, p.sku, q) }) {
		note(d.at)
		break
	}
	return at, due
}

// load copies the part of the product that the query selects, as [allocation.State] describes the part.
func (p *product) load(q allocation.Query) allocation.State {
	q.Limit = max(q.Limit, 0)
	b := stateBuilder{product: p, state: allocation.State{
		SKU: p.sku, Version: p.version, Refused: p.refused, LowStock: p.lowStock, Low: p.low,
		Batches: make([]allocation.Batch, 0, len(p.forSale)+1),
	}}
	for _, batch := range p.forSale {
		b.state.Batches = append(b.state.Batches, batch.Batch)
	}
	b.addBatch(q.Batch)
	b.addDue(q)
	if q.Order != "" {
		b.addOrder(q.Order)
	}
	for _, order := range q.Orders {
		b.addOrder(order)
	}
	b.addLapsed(q)
	b.addLeaving(q)
	b.addQueue(q)
	return b.state
}

// stateBuilder builds the State of one load. A line or batch that is added twice stands in the State once.
type stateBuilder struct {
	product *product
	state   allocation.State
	lines   map[allocation.LineKey]bool  // lines of the State
	waiting map[allocation.OrderID]bool  // orders whose lines that wait are in the State
	others  map[allocation.BatchRef]bool // batches of the State that are not for sale
}

// addBatch adds a batch that is not for sale. Batches for sale are part of every State from the start.
func (b *stateBuilder) addBatch(ref allocation.BatchRef) {
	batch := b.product.batches[ref]
	if batch == nil || batch.isForSale() || b.others[ref] {
		return
	}
	if b.others == nil {
		b.others = map[allocation.BatchRef]bool{}
	}
	b.others[ref] = true
	b.state.Batches = append(b.state.Batches, batch.Batch)
}

// addDue adds the batches that are due, if the query asks for them.
func (b *stateBuilder) addDue(q allocation.Query) {
	if !q.Due {
		return
	}
	for d := range b.product.due.all() {
		if d.at.After(q.Now) {
			break
		}
		b.addBatch(d.ref)
	}
}

// addOrder adds all lines of an order. A State with one line of an order has all of them.
func (b *stateBuilder) addOrder(order allocation.OrderID) {
	for l := b.product.lines[order]; l != nil; l = l.next {
		b.addLine(l.Key())
	}
	b.addWaiting(order)
}

// addLine adds a line and the batches of the line.
func (b *stateBuilder) addLine(key allocation.LineKey) {
	line := b.product.line(key)
	if line == nil || b.lines[key] {
		return
	}
	if b.lines == nil {
		b.lines = map[allocation.LineKey]bool{}
	}
	b.lines[key] = true
	b.state.Lines = append(b.state.Lines, copyLine(line.Allocation))
	for _, part := range line.Parts {
		b.addBatch(part.Batch)
	}
}

// addLapsed adds the orders of the first q.Limit lapsed holds, and says when the next live hold expires.
func (b *stateBuilder) addLapsed(q allocation.Query) {
	left := q.Limit
	for h := range b.product.holds.all() {
		if h.until.After(q.Now) {
			break
		}
		if left == 0 {
			b.state.MoreLapsed = true
			break
		}
		left--
		b.addOrder(h.line.OrderID)
	}
	for h := range b.product.holds.from(func(h hold) bool { return h.until.After(q.Now) }) {
		b.state.NextExpiry = h.until
		break
	}
}

// addLeaving adds the orders of the first q.Limit open lines of the batch q.Batch, in the order of leaving, if the
// query names a batch of this product.
func (b *stateBuilder) addLeaving(q allocation.Query) {
	batch := b.product.batches[q.Batch]
	if batch == nil {
		return
	}
	left := q.Limit
	for open := range batch.leaving.all() {
		if left == 0 {
			b.state.MoreLines = true
			break
		}
		left--
		b.addOrder(open.line.OrderID)
		b.state.LinesFrom = open.rank
	}
	if !b.state.MoreLines {
		b.state.LinesFrom = allocation.Rank{}
	}
}
