package allocation

import (
	"fmt"
	"slices"
	"time"
)

// Product returns the aggregate loaded by the given query, for hosts with a [Repository] of their
// own. The product shares no memory with the state. A state that contradicts itself is an [*Error]
// that wraps no sentinel, since no caller can cure the contradiction.
func (s State) Product(q Query) (*Product, error) {
	q.Orders = slices.Sorted(slices.Values(q.Orders))
	return s.product(q)
}

// product retains the orders of the query; the list must be sorted.
func (s State) product(q Query) (*Product, error) {
	p := &Product{sku: s.SKU, read: s.Version, byOrder: make(map[OrderID]*line, len(s.Lines))}
	p.refused, p.lowStock, p.low, p.moreLapsed = s.Refused, s.LowStock, s.Low, s.MoreLapsed
	p.queue = queue{any: s.AnyWaiting, serving: s.Serving, stored: s.Serving, needed: s.FirstNeeded}
	if err := p.learn(s, q); err != nil {
		return nil, err
	}
	return p, nil
}

// learn adds the result of a further load of the product. Known batches and lines stay, since this
// unit of work may have changed some. Another version than before is an [ErrConflict].
func (p *Product) learn(s State, q Query) error {
	if s.SKU != p.sku || s.Version != p.read {
		return &Error{
			Op: "Load", Field: "sku", Value: s.SKU,
			Err: fmt.Errorf("%w: version is %d, was %d in the same unit of work", ErrConflict, s.Version, p.read),
		}
	}
	p.steady = steady{} // a batch may be loaded with more lines than before
	for _, b := range s.Batches {
		p.learnBatch(b)
	}
	if at := p.index(q.Batch); at >= 0 {
		p.batches[at].learnLines(s)
	}
	for _, a := range s.Lines {
		if err := p.learnLine(a); err != nil {
			return err
		}
	}
	if err := p.learnWaiting(s, q); err != nil {
		return err
	}
	if q.Order != "" {
		p.asked = append(p.asked, []OrderID{q.Order})
	}
	if len(q.Orders) > 0 {
		p.asked = append(p.asked, q.Orders)
	}
	return nil
}

// learnBatch adds a batch unless known.
func (p *Product) learnBatch(b Batch) {
	if p.index(b.Ref) < 0 {
		p.batches = append(p.batches, &batch{Batch: b, stored: b})
	}
}

// learnLines says how many of the batch's lines are loaded, after a further load by the batch.
func (b *batch) learnLines(s State) {
	switch {
	case !s.MoreLines || b.loaded == allLines:
		b.loaded = allLines
	case b.loaded == noLines || s.LinesFrom.Compare(b.linesFrom) > 0:
		b.loaded, b.linesFrom = someLines, s.LinesFrom
	}
}

// learnLine adds a line unless known, and refuses a line if the parts don't add up.
func (p *Product) learnLine(a Allocation) error {
	if p.line(a.Key()) != nil {
		return nil
	}
	var sum Quantity
	for _, part := range a.Parts {
		if p.index(part.Batch) < 0 || part.open() < 0 {
			return contradiction(p.sku, "order %q, line %q has %d of %d units shipped from batch %q",
				a.OrderID, a.Line, part.Shipped, part.Quantity, part.Batch)
		}
		sum += part.Quantity
	}
	if sum != a.Quantity || sum == 0 {
		return contradiction(p.sku, "the parts of order %q, line %q add up to %d, not %d",
			a.OrderID, a.Line, sum, a.Quantity)
	}
	a.Parts = slices.Clone(a.Parts)
	p.addLine(&line{Allocation: a, stored: true})
	return nil
}

// learnWaiting adds the lines that wait, unless known. A line that also has units was learned before.
func (p *Product) learnWaiting(s State, q Query) error {
	for _, a := range s.Waiting {
		l := p.line(a.Key())
		switch {
		case a.Waiting < 1 || a.Quantity != 0 || len(a.Parts) > 0 || a.Wanted < a.Waiting || !s.AnyWaiting:
			return contradiction(p.sku, "order %q, line %q waits for %d units of %d, and has %d",
				a.OrderID, a.Line, a.Waiting, a.Wanted, a.Quantity)
		case l == nil:
			p.addLine(&line{Allocation: a, waited: true})
		case !l.waited && !l.changed && !l.removed:
			l.Waiting, l.waited = a.Waiting, true
		}
	}
	switch {
	case q.Waiting && q.Due:
		p.queue.overdue, p.queue.moreLate = true, s.MoreWaiting
	case q.Waiting && !p.queue.page.loaded:
		p.queue.page = page{loaded: true, from: q.From, to: s.WaitingTo, more: s.MoreWaiting}
	}
	return nil
}

// contradiction returns the error for a state that breaks the rules.
func contradiction(sku SKU, format string, args ...any) error {
	return &Error{
		Op: "Load", Field: "sku", Value: sku,
		Err: fmt.Errorf("the store contradicts itself: "+format, args...),
	}
}

// Changes returns the differences since the product was loaded, for hosts with a [UnitOfWork] of
// their own, and for tests that look at the events. The changes share no memory with the product.
func (p *Product) Changes() Changes {
	c := p.changes()
	c.Events = slices.Clone(c.Events)
	for _, lines := range [][]Allocation{c.NewLines, c.Lines} { // lines that wait have no parts
		for i := range lines {
			lines[i].Parts = slices.Clone(lines[i].Parts)
		}
	}
	return c
}

// changes shares memory with the product.
func (p *Product) changes() Changes {
	c := Changes{
		SKU: p.sku, Read: p.read, Version: p.Version(), Refused: p.refused, LowStock: p.lowStock, Low: p.low,
		Events: p.events, Serving: p.queue.serving, NewServing: p.queue.serving != p.queue.stored,
	}
	for _, b := range p.batches[p.steady.stored:] {
		switch {
		case b.isNew():
			c.NewBatches = append(c.NewBatches, b.Batch)
		case b.Batch != b.stored:
			c.Batches = append(c.Batches, b.change())
		}
	}
	for i, l := range p.lines {
		hasUnits := len(l.Parts) > 0
		switch {
		case !hasUnits && l.stored:
			c.Removed = append(c.Removed, l.Key())
		case !hasUnits || !l.changed:
		case l.stored:
			c.Lines = append(c.Lines, l.units())
		default:
			if c.NewLines == nil {
				c.NewLines = make([]Allocation, 0, len(p.lines)-i) // new lines are the last
			}
			c.NewLines = append(c.NewLines, l.units())
		}
		if l.Waiting > 0 || l.waited {
			c.addWaiting(l)
		}
	}
	return c
}

// change returns the difference to the stored batch.
func (b *batch) change() BatchChange {
	counted := b.stored
	counted.Purchased, counted.Allocated = b.Purchased, b.Allocated
	return BatchChange{
		Ref:       b.Ref,
		Purchased: b.Purchased - b.stored.Purchased,
		Allocated: b.Allocated - b.stored.Allocated,
		ETA:       b.ETA,
		ArrivedAt: b.ArrivedAt,
		Blocked:   b.Blocked,
		Expired:   b.Expired,
		Due:       b.Due,
		Dated:     b.Dated,

		CountedAt:       b.CountedAt,
		CountedQuantity: b.CountedQuantity,
		ShippedAt:       b.ShippedAt,

		CountersOnly: b.Batch == counted,
	}
}

// units returns the line as stored with its units.
func (l *line) units() Allocation {
	a := l.Allocation
	a.Waiting = 0
	return a
}

// entry returns the line as stored among the lines that wait.
func (l *line) entry() Allocation {
	a := l.Allocation
	a.Quantity, a.HeldUntil, a.Late, a.Parts = 0, time.Time{}, false, nil
	return a
}

// addWaiting adds the change of a line that waits, or that waits in the store.
func (c *Changes) addWaiting(l *line) {
	switch {
	case l.Waiting == 0:
		c.EndedWaiting = append(c.EndedWaiting, l.Key())
	case !l.changed:
	case l.waited:
		c.Waiting = append(c.Waiting, l.entry())
	default:
		c.NewWaiting = append(c.NewWaiting, l.entry())
	}
}

// rebase turns a committed product into a cache entry: batches for sale only, no lines. Rebase returns
// the time of the next expiry of a live hold, no later than expires, the expiry so far. Rebase
// reports false if the product can't be cached: nothing was committed, no unit is left, or lapsed
// holds or lines that wait would have to be loaded.
func (p *Product) rebase(expires time.Time) (time.Time, bool) {
	if len(p.events) == 0 || p.moreLapsed || p.queue.any {
		return expires, false
	}
	last := p.events[len(p.events)-1].Time()
	for _, l := range p.lines {
		switch {
		case l.removed || l.HeldUntil.IsZero():
		case l.Lapsed(last):
			return expires, false
		case expires.IsZero() || l.HeldUntil.Before(expires):
			expires = l.HeldUntil
		}
	}
	p.read, p.skipped, p.complete = p.Version(), 0, false
	p.queue.stored = p.queue.serving
	p.keepForSale()
	p.forgetLines()
	return expires, len(p.batches) > 0
}

// keepForSale drops the batches that are not for sale; all others are now as stored. The batches that were as stored
// before are for sale: they have been kept by an earlier commit.
func (p *Product) keepForSale() {
	first := p.steady.stored
	written := p.batches[first:]
	if slices.ContainsFunc(written, func(b *batch) bool { return !b.forSale() }) {
		for _, b := range written {
			delete(p.places, b.Ref) // index finds the new places of those that stay
		}
	}
	kept := p.batches[:first]
	for _, b := range written {
		if b.forSale() {
			b.stored, b.loaded = b.Batch, noLines
			kept = append(kept, b)
		}
	}
	clear(p.batches[len(kept):])
	if p.steady.settled == len(p.batches) {
		p.steady.settled, p.steady.stored = len(kept), len(kept)
	} else {
		p.steady = steady{}
	}
	p.batches = kept
}

// forgetLines forgets lines, events and orders. Unless large, the lists serve the next command again.
func (p *Product) forgetLines() {
	const much = 64
	if len(p.lines) > much || len(p.events) > much {
		p.lines, p.events, p.byOrder = nil, nil, map[OrderID]*line{}
	}
	clear(p.lines)
	clear(p.events)
	clear(p.byOrder)
	clear(p.asked)
	p.lines, p.events, p.asked = p.lines[:0], p.events[:0], p.asked[:0]
	p.holds, p.timed, p.settled = false, false, 0
}
