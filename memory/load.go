package memory

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/cosmic-go/allocation"
)

// Load reads copies of products, see [allocation.Store].
func (s *Store) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if err := check(ctx, "Load"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.faults.nextLoad(); err != nil {
		return nil, err
	}
	selected := s.selected(q)
	states := make([]allocation.State, len(selected))
	for i, p := range selected {
		states[i] = p.load(q)
	}
	return states, nil
}

// selected finds the products that a query asks for.
func (s *Store) selected(q allocation.Query) []*product {
	switch {
	case q.Lapsed:
		return s.lapsed(q)
	case q.Order != "":
		return s.orders[q.Order]
	case q.Batch != "":
		if p := s.owners[q.Batch]; p != nil {
			return []*product{p}
		}
		return nil
	}
	found := make([]*product, 0, len(q.SKUs))
	for _, sku := range q.SKUs {
		if p := s.products[sku]; p != nil {
			found = append(found, p)
		}
	}
	return found
}

// lapsed finds the products whose holds lapsed first.
func (s *Store) lapsed(q allocation.Query) []*product {
	var found []*product
	for _, p := range s.products {
		if len(p.holds) > 0 && !p.holds[0].until.After(q.Now) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *product) int {
		return cmp.Or(a.holds[0].until.Compare(b.holds[0].until), cmp.Compare(a.sku, b.sku))
	})
	return found[:min(len(found), max(q.Limit, 0))]
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
