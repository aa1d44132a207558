package harness

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
)

// Plenty is a stock that lasts longer than any run.
const Plenty = 1_000_000_000

// Stock adds a batch to each product, in one commit, and makes the products that are new. Stock has to compile against
// the library of older commits, too, because the contender uses this package.
func Stock(ctx context.Context, store allocation.Store, quantity allocation.Quantity, skus ...allocation.SKU) error {
	units := allocation.NewUnitOfWork(store, nil)
	return units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		for _, sku := range skus {
			p, err := known(ctx, products, sku)
			if err != nil {
				return err
			}
			batch := allocation.Batch{Ref: allocation.BatchRef("stock-of-" + sku), SKU: sku, Purchased: quantity}
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
