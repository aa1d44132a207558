package main

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
)

// stock gives each product a batch that lasts longer than any measurement, in one commit.
func stock(ctx context.Context, store allocation.Store, skus ...allocation.SKU) error {
	return allocation.NewUnitOfWork(store, nil).Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		for _, sku := range skus {
			p, err := known(ctx, products, sku)
			if err != nil {
				return err
			}
			batch := allocation.Batch{Ref: allocation.BatchRef("stock-of-" + sku), SKU: sku, Purchased: 1_000_000_000}
			if err := p.AddBatch(batch, products.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// known finds a product or makes it.
func known(ctx context.Context, products allocation.Repository, sku allocation.SKU) (*allocation.Product, error) {
	p, err := products.Get(ctx, sku)
	if !errors.Is(err, allocation.ErrNotFound) {
		return p, err
	}
	if p, err = allocation.NewProduct(sku); err != nil {
		return nil, err
	}
	return p, products.Add(p)
}
