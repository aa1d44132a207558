package sqlstore

import (
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var _ views.QueueReader = (*Store)(nil)

// Queues returns how many lines and units wait for products, see [views.QueueReader].
func (s *Store) Queues(ctx context.Context, skus ...allocation.SKU) ([]views.Queue, error) {
	const op = "Queues"
	var invalid []error
	for _, sku := range skus {
		invalid = append(invalid, sku.Validate())
	}
	if err := s.check(ctx, op, invalid...); err != nil || len(skus) == 0 {
		return nil, err
	}
	found := map[allocation.SKU]views.Queue{}
	row := func(rows scanner) error {
		var q views.Queue
		err := rows.Scan(&q.SKU, &q.Lines, &q.Units)
		found[q.SKU] = q
		return err
	}
	parts := cutIDs(s.engine, slices.Compact(slices.Sorted(slices.Values(skus))))
	err := s.atOneMoment(ctx, len(parts), func(r runner) error {
		for _, some := range parts {
			q := s.statements.views.queues
			if err := r.each(ctx, q, q.args(func(string) any { return idList(some) }), row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	var queues []views.Queue
	for _, sku := range skus {
		if q, known := found[sku]; known {
			queues = append(queues, q)
		}
	}
	return queues, nil
}

// Places returns the places of an order's lines in the queues, see [views.QueueReader].
func (s *Store) Places(ctx context.Context, order allocation.OrderID) ([]views.Place, error) {
	const op = "Places"
	if err := s.check(ctx, op, order.Validate()); err != nil {
		return nil, err
	}
	var places []views.Place
	values := map[string]any{"order": string(order)}
	err := s.view(ctx, op, s.statements.views.places, values, func(rows scanner) error {
		var p views.Place
		err := rows.Scan(&p.SKU, &p.Line, &p.Waiting, &p.Before)
		places = append(places, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return places, nil
}
