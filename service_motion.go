package allocation

import (
	"context"
	"errors"
	"time"
)

// SplitBatch takes part.Purchased units out of a batch and announces them as a batch of their own: at
// another place, arriving later, arrived, or blocked. A transfer, a partial receipt and a quarantine
// of some units are splits. The part states Ref, Purchased, ETA, Location and Blocked; SKU, Lot and
// BestBefore are those of the batch, and a part that states another value is [ErrInvalid]. More units
// than the batch has are [ErrNotAllowed], and nothing changes.
//
// Free units go first, then lines that the part can serve go along, and lines that the units can't keep
// move or are released and returned, see [Product.SplitBatch].
//
// A repeat changes nothing and returns no lines, whatever happened to both batches since: a repeat has
// the same batch, Ref, quantity, ETA, Location and Blocked. Anything else under the Ref, announced or
// split, under any SKU, is [ErrMismatch].
func (s *Service) SplitBatch(ctx context.Context, from BatchRef, part Batch) (released []OrderLine, err error) {
	const op = "SplitBatch"
	if err := part.checkPart(op, from); err != nil {
		return nil, err
	}
	c := command{op: op, batch: from, part: part.Ref}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) ([]OrderLine, error) {
		p, err := products.GetByBatch(ctx, from)
		if err != nil {
			return nil, err
		}
		owner, err := products.GetByBatch(ctx, part.Ref)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return nil, err
		case owner.SKU() != p.SKU():
			return nil, &Error{Op: op, Field: "batch", Value: part.Ref, Err: ErrMismatch}
		}
		return p.SplitBatch(from, part, products.Now(), s.policy)
	})
}

// BlockBatch takes a batch out of sale, for a reason of 1 to 255 bytes: a quarantine or a recall. Lines
// move to other batches, and units that fit nowhere are released and returned (R6). A blocked batch
// keeps the units, can be counted, split and received, and costs nothing when other batches are sold.
// A repeat changes nothing and returns no lines; another reason replaces the reason.
func (s *Service) BlockBatch(ctx context.Context, ref BatchRef, reason string) (released []OrderLine, err error) {
	const op = "BlockBatch"
	if err := checkID(op, "batch", ref); err != nil {
		return nil, err
	}
	if err := checkID(op, "reason", reason); err != nil {
		return nil, err
	}
	return s.onBatch(ctx, op, ref, func(p *Product, now time.Time) ([]OrderLine, error) {
		return p.BlockBatch(ref, reason, now, s.policy)
	})
}

// UnblockBatch puts a blocked batch back on sale. A batch that is not blocked stays unchanged, so a
// repeat changes nothing.
func (s *Service) UnblockBatch(ctx context.Context, ref BatchRef) error {
	const op = "UnblockBatch"
	if err := checkID(op, "batch", ref); err != nil {
		return err
	}
	_, err := s.onBatch(ctx, op, ref, func(p *Product, now time.Time) ([]OrderLine, error) {
		return nil, p.UnblockBatch(ref, now)
	})
	return err
}
