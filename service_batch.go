package allocation

import (
	"context"
	"errors"
	"time"
)

// AddBatch announces a batch of stock, and its product if this is the first. A repeat changes nothing; another
// announcement under the same Ref is [ErrMismatch].
func (s *Service) AddBatch(ctx context.Context, announced Batch) error {
	const op = "AddBatch"
	if err := announced.check(op); err != nil {
		return err
	}
	return s.do(ctx, command{op: op, skus: []SKU{announced.SKU}, batch: announced.Ref, itself: true, run: func(ctx context.Context, products Repository) error {
		p, err := owner(ctx, products, announced)
		if err != nil {
			return err
		}
		return p.AddBatch(announced, products.Now())
	}})
}

// owner finds the product of a batch that may be known already, or makes it.
func owner(ctx context.Context, products Repository, announced Batch) (*Product, error) {
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

// ReceiveBatch says that a batch has arrived, and what was counted then. It returns the lines that lost units
// because fewer arrived than were promised, each with what it lost. A repeat changes nothing and
// returns none.
func (s *Service) ReceiveBatch(ctx context.Context, counted Count) (released []OrderLine, err error) {
	return s.count(ctx, "ReceiveBatch", counted, (*Product).ReceiveBatch)
}

// ChangeBatchQuantity sets a batch to what was counted. Lines that it can't keep move to other batches, newest
// first; those that fit nowhere are released and returned, each with the units that it lost (R6). A
// repeat changes nothing and returns none.
func (s *Service) ChangeBatchQuantity(ctx context.Context, counted Count) (released []OrderLine, err error) {
	return s.count(ctx, "ChangeBatchQuantity", counted, (*Product).ChangeBatchQuantity)
}

func (s *Service) count(
	ctx context.Context, op string, counted Count, change func(*Product, Count, time.Time, Policy) ([]OrderLine, error),
) (released []OrderLine, err error) {
	if err := counted.check(op); err != nil {
		return nil, err
	}
	c := command{op: op, batch: counted.Batch}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) ([]OrderLine, error) {
		p, err := products.GetByBatch(ctx, counted.Batch)
		if err != nil {
			return nil, err
		}
		return change(p, counted, products.Now(), s.policy)
	})
}

// ChangeBatchETA says when a batch will arrive. A repeat changes nothing; once the batch has arrived it is
// [ErrNotAllowed].
func (s *Service) ChangeBatchETA(ctx context.Context, ref BatchRef, eta time.Time) error {
	const op = "ChangeBatchETA"
	if err := checkID(op, "batch", ref); err != nil {
		return err
	}
	if err := checkTime(op, "eta", eta); err != nil {
		return err
	}
	return s.do(ctx, command{op: op, batch: ref, run: func(ctx context.Context, products Repository) error {
		p, err := products.GetByBatch(ctx, ref)
		if err != nil {
			return err
		}
		return p.ChangeBatchETA(ref, eta, products.Now())
	}})
}

// SetLowStock changes a product's low-stock threshold, see [Product.SetLowStock]. A repeat changes nothing.
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
