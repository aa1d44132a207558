package allocation

import (
	"context"
	"errors"
	"fmt"
)

// Reconcile compares the counters, lines and events of a product and returns the batches where the
// three disagree, none if all is well. Over a store that is no [Ledger] the error wraps
// [errors.ErrUnsupported].
func (s *Service) Reconcile(ctx context.Context, sku SKU) ([]Tally, error) {
	_, drifted, err := s.audit(ctx, "Reconcile", sku)
	return drifted, err
}

// audit returns the product's version and the batches whose accounts disagree.
func (s *Service) audit(ctx context.Context, op string, sku SKU) (version int64, drifted []Tally, err error) {
	if err := checkID(op, "sku", sku); err != nil {
		return 0, nil, err
	}
	if ctx == nil {
		return 0, nil, invalid(op, "context", nil, "must not be nil")
	}
	ledger, able := s.units.(Ledger)
	if u := ownUnit(s.units); !able && u != nil {
		ledger, able = u, true
	}
	if !able {
		return 0, nil, &Error{Op: op, Field: "sku", Value: sku, Err: errors.ErrUnsupported}
	}
	version, tallies, err := ledger.Audit(ctx, sku)
	if err != nil {
		return 0, nil, err
	}
	for _, t := range tallies {
		if t.Drifted() {
			drifted = append(drifted, t)
		}
	}
	return version, drifted, nil
}

// Mend corrects the differences that Reconcile finds, and returns them. Promises to customers count
// as true: a batch's allocated counter becomes the sum of the lines. The purchased counter counts as
// true as well; if more units were promised than the batch has, the newest lines move or are released
// as in [Service.ChangeBatchQuantity]. A [BatchCorrected] makes the ledger agree. If a batch is
// missing and known by lines or events alone, the error is [ErrNotFound], and the batch has to be put
// back by hand; if the batch belongs to another product by now, the error is [ErrMismatch]. A repeat
// finds no difference.
func (s *Service) Mend(ctx context.Context, sku SKU) (mended []Tally, err error) {
	const op = "Mend"
	if s.groups == nil {
		return s.mendAlone(ctx, op, sku)
	}
	if err := checkID(op, "sku", sku); err != nil {
		return nil, err
	}
	// Between audit and mending no other command of this Service may change the product.
	alone := *s
	alone.groups = nil
	if err := s.groups.unit.check(ctx, op); err != nil {
		return nil, err
	}
	left := s.groups.queue.Hold(ctx, []claim{{Key: key{sku: sku}}}, func() {
		mended, err = alone.mendAlone(ctx, op, sku)
	})
	if left != nil {
		return nil, leftError(op, left)
	}
	return mended, err
}

// mendAlone audits and mends, and begins again with the audit if the product has changed in between.
func (s *Service) mendAlone(ctx context.Context, op string, sku SKU) (mended []Tally, err error) {
	var lost error
	for range mendAttempts {
		version, drifted, err := s.audit(ctx, op, sku)
		switch {
		case errors.Is(err, ErrConflict):
			lost = err
			continue
		case err != nil || len(drifted) == 0:
			return nil, err
		}
		// The audit has ended before the unit of work begins: each may need the only connection.
		err = s.do(ctx, command{op: op, skus: []SKU{sku}, run: func(ctx context.Context, products Repository) error {
			return s.mend(ctx, products, sku, version, drifted)
		}})
		if !errors.Is(err, errOutdated) {
			if err != nil {
				return nil, err
			}
			return drifted, nil
		}
		lost = &Error{Op: op, Field: "sku", Value: sku, Err: fmt.Errorf("%w: %w", ErrConflict, err)}
	}
	return nil, lost
}

// mendAttempts is how often a product may change between audit and mending before Mend gives up.
const mendAttempts = 10

// errOutdated ends a unit of work whose product has changed since the audit.
var errOutdated = errors.New("changed since it was audited")

// mend loads the product by every drifted batch, so that the lines of all of them are known, and
// corrects the product if the version is still the audited version.
func (s *Service) mend(
	ctx context.Context, products Repository, sku SKU, version int64, drifted []Tally,
) error {
	var p *Product
	var err error
	for _, t := range drifted {
		if p, err = products.GetByBatch(ctx, t.Batch); err != nil {
			return err
		}
		if p.SKU() != sku {
			reason := fmt.Errorf("%w: the batch belongs to sku %q", ErrMismatch, p.SKU())
			return &Error{Op: "Mend", Field: "batch", Value: t.Batch, Err: reason}
		}
	}
	if p.Version() != version {
		return errOutdated
	}
	return p.mend(drifted, products.Now(), s.policy)
}
