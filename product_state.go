package allocation

import (
	"fmt"
	"slices"
	"time"
)

// Product returns the aggregate that was loaded with the given query, for those who write a [Repository]
// of their own. It shares no memory with the state. A state that contradicts itself is an [*Error] that wraps no sentinel: no caller can cure it.
func (s State) Product(q Query) (*Product, error) {
	q.Orders = slices.Sorted(slices.Values(q.Orders))
	return s.product(q)
}

// product keeps the orders of the query, which must be sorted.
func (s State) product(q Query) (*Product, error) {
	p := &Product{sku: s.SKU, read: s.Version, byOrder: make(map[OrderID]*line, len(s.Lines))}
	p.refused, p.lowStock, p.moreLapsed = s.Refused, s.LowStock, s.MoreLapsed
	if err := p.learn(s, q); err != nil {
		return nil, err
	}
	return p, nil
}

// learn adds what a further load of the same version brought. What is known already may have been
// changed by now and stays.
func (p *Product) learn(s State, q Query) error {
	if s.SKU != p.sku || s.Version != p.read {
		return &Error{
			Op: "Load", Field: "sku", Value: s.SKU,
			Err: fmt.Errorf("%w: version is %d, was %d in the same unit of work", ErrConflict, s.Version, p.read),
		}
	}
	for _, b := range s.Batches {
		p.learnBatch(b)
	}
	if at := p.index(q.Batch); at >= 0 {
		p.batches[at].linesFrom = min(p.batches[at].linesFrom, s.LinesFrom)
	}
	for _, a := range s.Lines {
		if err := p.learnLine(a); err != nil {
			return err
		}
	}
	if q.Order != "" {
		p.asked = append(p.asked, []OrderID{q.Order})
	}
	if len(q.Orders) > 0 {
		p.asked = append(p.asked, q.Orders)
	}
	return nil
}

func (p *Product) learnBatch(b Batch) {
	if p.index(b.Ref) < 0 {
		p.batches = append(p.batches, &batch{Batch: b, stored: b, linesFrom: noLines})
	}
}

func (p *Product) learnLine(a Allocation) error {
	if p.byOrder[a.OrderID] != nil {
		return nil
	}
	var sum Quantity
	for _, part := range a.Parts {
		if p.index(part.Batch) < 0 || part.open() < 0 {
			return contradiction(p.sku, "order %q has %d of %d units shipped from batch %q", a.OrderID, part.Shipped, part.Quantity, part.Batch)
		}
		sum += part.Quantity
	}
	if sum != a.Quantity || sum == 0 {
		return contradiction(p.sku, "the parts of order %q add up to %d, not %d", a.OrderID, sum, a.Quantity)
	}
	a.Parts = slices.Clone(a.Parts)
	l := &line{Allocation: a, stored: true}
	p.lines = append(p.lines, l)
	p.byOrder[a.OrderID] = l
	return nil
}

func contradiction(sku SKU, format string, args ...any) error {
	return &Error{
		Op: "Load", Field: "sku", Value: sku,
		Err: fmt.Errorf("the store contradicts itself: "+format, args...),
	}
}

// Changes returns what was done to the product since it was loaded, for those who write a [UnitOfWork]
// of their own, and for tests that look at the events. It shares no memory with the product.
func (p *Product) Changes() Changes {
	c := p.changes()
	c.Events = slices.Clone(c.Events)
	for _, lines := range [][]Allocation{c.NewLines, c.Lines} {
		for i := range lines {
			lines[i].Parts = slices.Clone(lines[i].Parts)
		}
	}
	return c
}

// changes shares memory with the product.
func (p *Product) changes() Changes {
	c := Changes{
		SKU: p.sku, Read: p.read, Version: p.Version(), Refused: p.refused, LowStock: p.lowStock,
		Events: p.events,
	}
	for _, b := range p.batches {
		switch {
		case b.isNew():
			c.NewBatches = append(c.NewBatches, b.Batch)
		case b.Batch != b.stored:
			c.Batches = append(c.Batches, b.change())
		}
	}
	for _, l := range p.lines {
		switch {
		case l.removed && l.stored:
			c.Removed = append(c.Removed, l.Key())
		case l.removed || !l.changed:
		case l.stored:
			c.Lines = append(c.Lines, l.Allocation)
		default:
			c.NewLines = append(c.NewLines, l.Allocation)
		}
	}
	return c
}

func (b *batch) change() BatchChange {
	return BatchChange{
		Ref:       b.Ref,
		Purchased: b.Purchased - b.stored.Purchased,
		Allocated: b.Allocated - b.stored.Allocated,
		ETA:       b.ETA,
		CountedAt: b.CountedAt,
		ShippedAt: b.ShippedAt,
	}
}

// rebase turns a committed product into one that was just loaded, with open batches only and without lines. It returns
// when the next live hold lapses, given when that was before, or false if nothing was committed, nothing is left to
// allocate, or lapsed holds would have to be loaded.
func (p *Product) rebase(expires time.Time) (time.Time, bool) {
	if len(p.events) == 0 || p.moreLapsed {
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
	p.read, p.complete = p.Version(), false
	p.keepOpenBatches()
	p.forgetLines()
	return expires, len(p.batches) > 0
}

func (p *Product) keepOpenBatches() {
	open := p.batches[:0]
	for _, b := range p.batches {
		if b.Available() > 0 {
			b.stored, b.linesFrom = b.Batch, noLines
			open = append(open, b)
		}
	}
	clear(p.batches[len(open):])
	p.batches = open
}

// forgetLines forgets what the next command doesn't need, and keeps the memory for it unless that is much.
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
}
