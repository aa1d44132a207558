package allocation

import (
	"context"
	"errors"
	"time"
)

// AddBatch announces a batch of stock, and creates the product with the first batch. A repeat changes
// nothing; another announcement under the same Ref is [ErrMismatch] (R8). A new batch with a
// BestBefore not after the ETA is [ErrInvalid].
func (s *Service) AddBatch(ctx context.Context, announced Batch) error {
	const op = "AddBatch"
	if err := announced.check(op); err != nil {
		return err
	}
	c := command{op: op, skus: []SKU{announced.SKU}, batch: announced.Ref, itself: true, adds: true}
	c.run = func(ctx context.Context, products Repository) error {
		p, err := owner(ctx, products, announced)
		if err != nil {
			return err
		}
		return p.AddBatch(announced, products.Now())
	}
	return s.do(ctx, c)
}

// owner returns the product of a batch, or a new product if neither the batch nor the SKU is known. Over cached
// products owner doesn't look for the batch: if the batch exists, the product, or else the commit, says so, and the
// command runs again on a fresh read.
func owner(ctx context.Context, products Repository, announced Batch) (*Product, error) {
	if w := inside(ctx); w != nil && w.products.cached && w.products.find(announced.SKU) != nil {
		return products.Get(ctx, announced.SKU)
	}
	p, err := products.GetByBatch(ctx, announced.Ref)
	if err == nil && p.SKU() != announced.SKU {
		return nil, &Error{Op: "AddBatch", Field: "batch", Value: announced.Ref, Err: ErrMismatch}
	}
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	p, err = products.Get(ctx, announced.SKU)
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	if p, err = NewProduct(announced.SKU); err != nil {
		return nil, err
	}
	return p, products.Add(p)
}

// ReceiveBatch says that a batch has arrived, and how many units were counted then. If fewer units
// arrived than were promised, lines move as in [Service.ChangeBatchQuantity], and the lines that lost
// units are returned, each with the quantity lost. A repeat changes nothing and returns no lines.
func (s *Service) ReceiveBatch(ctx context.Context, counted Count) (released []OrderLine, err error) {
	return s.count(ctx, "ReceiveBatch", counted, (*Product).ReceiveBatch)
}

// ChangeBatchQuantity sets the units of a batch to the counted quantity. If fewer units were counted
// than promised, lines move to other batches: holds before firm lines, lines of a lower Priority before
// others, and the newest first. Units that fit nowhere are released and returned, as lines with the
// quantity lost (R6). A repeat changes nothing and returns no lines.
func (s *Service) ChangeBatchQuantity(ctx context.Context, counted Count) (released []OrderLine, err error) {
	return s.count(ctx, "ChangeBatchQuantity", counted, (*Product).ChangeBatchQuantity)
}

// count brings the count of a batch to the product's method.
func (s *Service) count(
	ctx context.Context, op string, counted Count, change func(*Product, Count, time.Time, Policy) ([]OrderLine, error),
) (released []OrderLine, err error) {
	if err := counted.check(op); err != nil {
		return nil, err
	}
	return s.onBatch(ctx, op, counted.Batch, func(p *Product, now time.Time) ([]OrderLine, error) {
		return change(p, counted, now, s.policy)
	})
}

// onBatch changes the product that owns a batch.
func (s *Service) onBatch(
	ctx context.Context, op string, ref BatchRef, change func(p *Product, now time.Time) ([]OrderLine, error),
) ([]OrderLine, error) {
	c := command{op: op, batch: ref}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) ([]OrderLine, error) {
		p, err := products.GetByBatch(ctx, ref)
		if err != nil {
			return nil, err
		}
		return change(p, products.Now())
	})
}

// ChangeBatchETA says when a batch will arrive. Lines with NeededBy that the batch now fails move to
// batches that fit; the lines that fit nowhere stay, and those that the change makes late are returned,
// see [Product.ChangeBatchETA]. A batch that has arrived is [ErrNotAllowed]. A repeat changes nothing
// and returns no lines.
func (s *Service) ChangeBatchETA(ctx context.Context, ref BatchRef, eta time.Time) (late []OrderLine, err error) {
	const op = "ChangeBatchETA"
	if err := checkID(op, "batch", ref); err != nil {
		return nil, err
	}
	if err := checkTime(op, "eta", eta); err != nil {
		return nil, err
	}
	return s.onBatch(ctx, op, ref, func(p *Product, now time.Time) ([]OrderLine, error) {
		return p.ChangeBatchETA(ref, eta, now, s.policy)
	})
}

// SetLowStock sets a product's low-stock threshold, see [Product.SetLowStock]. A repeat changes
// nothing.
func (s *Service) SetLowStock(ctx context.Context, sku SKU, threshold Quantity) error {
	const op = "SetLowStock"
	if err := checkID(op, "sku", sku); err != nil {
		return err
	}
	if err := checkQuantity(op, "threshold", threshold, 0); err != nil {
		return err
	}
	return s.do(ctx, command{op: op, skus: []SKU{sku}, run: func(ctx context.Context, products Repository) error {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return err
		}
		return p.SetLowStock(threshold, products.Now())
	}})
}
