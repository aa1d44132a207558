package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// remember notes the versions, so that the end can tell what happened since.
func (r *run) remember(ctx context.Context, skus []allocation.SKU) error {
	for _, sku := range skus {
		err := r.read(ctx, sku, func(p *allocation.Product, _ time.Time) error {
			r.began[sku] = p.Version()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// read looks at one product; one that isn't there, or has no possible name, is passed over.
func (r *run) read(ctx context.Context, sku allocation.SKU, look func(p *allocation.Product, now time.Time) error) error {
	err := r.units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return err
		}
		return look(p, products.Now())
	})
	if errors.Is(err, allocation.ErrNotFound) || errors.Is(err, allocation.ErrInvalid) {
		return nil
	}
	return err
}

// learnBatches looks up where the parts of lines come from.
func (r *run) learnBatches(ctx context.Context, lines []allocation.Allocation) error {
	known := true
	for _, line := range lines {
		for _, part := range line.Parts {
			_, ok := r.batches[part.Batch]
			known = known && ok
		}
	}
	if known {
		return nil
	}
	return r.units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		ordered, err := products.GetByOrder(ctx, lines[0].OrderID)
		if err != nil && !errors.Is(err, allocation.ErrNotFound) {
			return err
		}
		for _, p := range ordered {
			for b := range p.Batches() {
				r.batches[b.Ref] = b
			}
		}
		return nil
	})
}

// finish counts what happened since the run began, and what is left.
func (r *run) finish(ctx context.Context, skus []allocation.SKU, res *result) error {
	res.happened = map[string]int{}
	for i, sku := range skus {
		r.bad.show.step("products", i+1, len(skus))
		var left *stock
		err := r.read(ctx, sku, func(p *allocation.Product, now time.Time) (err error) {
			left, err = leftOf(p, now)
			return err
		})
		if err != nil {
			return err
		}
		if left == nil {
			continue
		}
		res.stock = append(res.stock, *left)
		if err := r.count(ctx, sku, res.happened); err != nil {
			return err
		}
	}
	return nil
}

// count adds up a product's events since the run began.
func (r *run) count(ctx context.Context, sku allocation.SKU, happened map[string]int) error {
	const page = 500
	for after := r.began[sku]; ; after += page {
		events, err := r.ledger.Events(ctx, sku, after, page)
		if err != nil {
			return err
		}
		for _, e := range events {
			happened[e.Kind()]++
		}
		if len(events) < page {
			return nil
		}
	}
}

// leftOf asks what can still be promised. It asks the product and doesn't add up batches, because the
// units of lapsed holds are free as well.
func leftOf(p *allocation.Product, now time.Time) (*stock, error) {
	inWarehouse, err := p.Available(now)
	if err != nil {
		return nil, err
	}
	left := &stock{sku: p.SKU(), now: inWarehouse}
	etas := map[time.Time]bool{}
	for b := range p.Batches() {
		if !b.ETA.IsZero() {
			etas[b.ETA] = true
		}
	}
	before := left.now
	for _, eta := range slices.SortedFunc(maps.Keys(etas), time.Time.Compare) {
		by, err := p.AvailableBy(eta, now)
		if err != nil {
			return nil, err
		}
		if by > before {
			left.arriving = append(left.arriving, arrival{eta: eta, units: by - before})
		}
		before = by
	}
	return left, nil
}
