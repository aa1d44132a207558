package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var _ views.QueueReader = (*Store)(nil)

// Queues returns how many lines and units wait for products, see [views.QueueReader].
func (s *Store) Queues(ctx context.Context, skus ...allocation.SKU) ([]views.Queue, error) {
	err := s.check(ctx, "Queues")
	for _, sku := range skus {
		err = cmp.Or(err, sku.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var queues []views.Queue
	for _, sku := range skus {
		p := s.products[sku]
		if p == nil {
			continue
		}
		q := views.Queue{SKU: sku, Lines: len(p.waiting)}
		for _, a := range p.waiting {
			q.Units += a.Waiting
		}
		queues = append(queues, q)
	}
	return queues, nil
}

// Places returns the places of an order's lines in the queues, see [views.QueueReader].
func (s *Store) Places(ctx context.Context, order allocation.OrderID) ([]views.Place, error) {
	if err := cmp.Or(s.check(ctx, "Places"), order.Validate()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var places []views.Place
	for _, p := range s.orders[order] {
		for _, id := range p.byOrder[order] {
			a := p.waiting[allocation.LineKey{OrderID: order, SKU: p.sku, Line: id}]
			place := views.Place{SKU: p.sku, Line: id, Waiting: a.Waiting}
			for _, other := range p.waiting {
				if placeOf(other).compare(placeOf(a)) < 0 {
					place.Before++
				}
			}
			places = append(places, place)
		}
	}
	slices.SortFunc(places, func(a, b views.Place) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Line, b.Line))
	})
	return places, nil
}
