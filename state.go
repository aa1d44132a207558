package allocation

import (
	"fmt"
	"slices"
)

// Product returns the aggregate that was loaded with the given query, for those who write a [Repository]
// of their own. It shares no memory with the state. A state that contradicts itself is an [*Error] that wraps no sentinel: no caller can cure it.
func (s State) Product(q Query) (*Product, error) {
	p := &Product{sku: s.SKU, read: s.Version, byOrder: make(map[OrderID]*line, len(s.Lines)+len(q.Orders))}
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
		p.learnNone(q.Order)
	}
	for _, order := range q.Orders {
		p.learnNone(order)
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

// learnNone notes that an order which was asked for has no line.
func (p *Product) learnNone(order OrderID) {
	if _, known := p.byOrder[order]; !known {
		p.byOrder[order] = nil
	}
}

func contradiction(sku SKU, format string, args ...any) error {
	return &Error{
		Op: "Load", Field: "sku", Value: sku,
		Err: fmt.Errorf("the store contradicts itself: "+format, args...),
	}
}

// knows reports whether all orders were asked for.
func (p *Product) knows(orders []OrderID) bool {
	if p.complete {
		return true
	}
	for _, order := range orders {
		if _, known := p.byOrder[order]; !known {
			return false
		}
	}
	return true
}

// Changes returns what was done to the product since it was loaded, for those who write a [UnitOfWork]
// of their own, and for tests that look at the events. It shares no memory with the product.
func (p *Product) Changes() Changes {
	c := Changes{
		SKU: p.sku, Read: p.read, Version: p.Version(), Refused: p.refused, LowStock: p.lowStock,
		Events: slices.Clone(p.events), TraceParents: slices.Clone(p.traces),
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
			c.Removed = append(c.Removed, l.OrderID)
		case l.removed || !l.changed:
		case l.stored:
			c.Lines = append(c.Lines, l.copy())
		default:
			c.NewLines = append(c.NewLines, l.copy())
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
