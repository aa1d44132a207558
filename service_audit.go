package allocation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Reconcile compares the counters, lines and events of a product, and the version with the number of
// the last event. Tallies of the answer has the batches whose accounts disagree; [Audit.Drifted]
// reports whether anything disagrees. Reconcile changes nothing. Over a store that is no [Ledger] the
// error wraps [errors.ErrUnsupported].
func (s *Service) Reconcile(ctx context.Context, sku SKU) (Audit, error) {
	return s.audit(ctx, "Reconcile", sku)
}

// audit returns the audit of a product, with the tallies of drifted batches only.
func (s *Service) audit(ctx context.Context, op string, sku SKU) (Audit, error) {
	if err := s.refuseGuests(op); err != nil {
		return Audit{}, err
	}
	if err := checkID(op, "sku", sku); err != nil {
		return Audit{}, err
	}
	if ctx == nil {
		return Audit{}, invalid(op, "context", nil, "must not be nil")
	}
	ledger, able := s.units.(Ledger)
	if u := ownUnit(s.units); !able && u != nil {
		ledger, able = u, true
	}
	if !able {
		return Audit{}, &Error{Op: op, Field: "sku", Value: sku, Err: errors.ErrUnsupported}
	}
	a, err := ledger.Audit(ctx, sku)
	if err != nil {
		return Audit{}, err
	}
	return a.withDriftAlone(), nil
}

// withDriftAlone returns the audit without the tallies that agree.
func (a Audit) withDriftAlone() Audit {
	agrees := func(t Tally) bool { return !t.Drifted() }
	a.Tallies = slices.DeleteFunc(slices.Clone(a.Tallies), agrees)
	if len(a.Tallies) == 0 {
		a.Tallies = nil
	}
	return a
}

// auditPage is how many products ReconcileAll reads at once.
const auditPage = 100

// ReconcileAll is [Service.Reconcile] for every product with a SKU greater than after, in the order of the
// SKUs; "" stands for all products. An audit comes for each product, whether or not the product has
// drifted, so that a caller can show how far the audit came. The SKU of the last audit is the place to go
// on from, after an error or in another process. An error is the last value.
//
// The products are read in pages of 100, each with one call of the store and as of one moment. While the
// body of the loop runs, no transaction is open and no connection is taken, so that the body may call
// [Service.PlanMend] or [Service.Mend] for a product that has drifted:
//
//	for audit, err := range service.ReconcileAll(ctx, "") {
//		if err != nil {
//			return err // ReconcileAll(ctx, last) goes on
//		}
//		last = audit.SKU
//		if audit.Drifted() {
//			plan, err := service.PlanMend(ctx, audit.SKU)
//			…
//		}
//	}
//
// A page takes as long as adding up the events of its products. Over a store that is no [Ledger] with the
// method Audits, the error wraps [errors.ErrUnsupported].
func (s *Service) ReconcileAll(ctx context.Context, after SKU) iter.Seq2[Audit, error] {
	return func(yield func(Audit, error) bool) {
		last := after
		for {
			page, err := s.auditPage(ctx, last)
			if err != nil {
				yield(Audit{}, err)
				return
			}
			for _, a := range page {
				if !yield(a.withDriftAlone(), nil) {
					return
				}
				last = a.SKU
			}
			if len(page) < auditPage {
				return
			}
		}
	}
}

// auditPage returns the audits of a page of products.
func (s *Service) auditPage(ctx context.Context, after SKU) ([]Audit, error) {
	const op = "ReconcileAll"
	if err := s.refuseGuests(op); err != nil {
		return nil, err
	}
	if after != "" {
		if err := checkID(op, "sku", after); err != nil {
			return nil, err
		}
	}
	if ctx == nil {
		return nil, invalid(op, "context", nil, "must not be nil")
	}
	ledger, able := s.units.(auditor)
	if u := ownUnit(s.units); !able && u != nil {
		ledger, able = u, true
	}
	if !able {
		return nil, &Error{Op: op, Field: "unit of work", Value: fmt.Sprintf("%T", s.units), Err: errors.ErrUnsupported}
	}
	return ledger.Audits(ctx, after, auditPage)
}

// Mend corrects the differences that Reconcile finds, and returns the audit that showed them.
//
//   - Promises to customers count as true: a batch's allocated counter becomes the sum of the lines.
//   - The purchased counter counts as true as well; if more units were promised than the batch has,
//     lines move or are released as in [Service.ChangeBatchQuantity].
//   - A [BatchCorrected] for each drifted batch makes the ledger agree.
//   - A version behind the last event moves forward to the last event, and then by each event of Mend.
//     Until then every command on the product fails.
//   - A version ahead of the last event stays, since a receiver may know the lost events by number.
//     The next event of the product, recorded by Mend or by any other command, has the next number, and
//     from then on Reconcile agrees. The lost events leave a gap.
//
// If a batch is missing and known by lines or events alone, the error is [ErrNotFound], and the batch
// has to be put back by hand; if the batch belongs to another product by now, the error is
// [ErrMismatch]. A repeat finds no difference that Mend corrects. [Service.PlanMend] shows beforehand
// what Mend would do.
func (s *Service) Mend(ctx context.Context, sku SKU) (Audit, error) {
	found, _, err := s.mendAlone(ctx, "Mend", sku, false)
	return found, err
}

// PlanMend returns the changes that [Service.Mend] would commit now, and commits nothing. Version is
// Read if there is nothing to correct. Events tells each correction, and each line that would move
// ([LineDeallocated], [LineAllocated]) or be released ([LineReleased]). The errors are those of Mend.
func (s *Service) PlanMend(ctx context.Context, sku SKU) (Changes, error) {
	_, plan, err := s.mendAlone(ctx, "PlanMend", sku, true)
	return plan, err
}

// mendAlone mends while no other command of this Service changes the product between audit and
// mending.
func (s *Service) mendAlone(
	ctx context.Context, op string, sku SKU, trial bool,
) (found Audit, plan Changes, err error) {
	if s.groups == nil {
		return s.mendAudited(ctx, op, sku, trial, nil)
	}
	if err := s.groups.unit.check(ctx, op); err != nil {
		return Audit{}, Changes{}, err
	}
	alone := *s
	alone.groups = nil
	var events []Event
	defer func() { // when the product is free again, since Committed may use the product
		if len(events) > 0 {
			s.groups.unit.opts.Committed(ctx, events)
		}
	}()
	left := s.groups.queue.Hold(ctx, []claim{{Key: key{ofProduct, string(sku)}}}, func() {
		found, plan, err = alone.mendAudited(ctx, op, sku, trial, &events)
	})
	if left != nil {
		return Audit{}, Changes{}, leftError(op, left)
	}
	return found, plan, err
}

// mendAudited audits and mends, and begins again with the audit if the product has changed in between. The events go
// to later, or to Committed if later is nil.
func (s *Service) mendAudited(
	ctx context.Context, op string, sku SKU, trial bool, later *[]Event,
) (Audit, Changes, error) {
	var lost error
	for range mendAttempts {
		found, err := s.audit(ctx, op, sku)
		switch {
		case errors.Is(err, ErrConflict):
			lost = err
			continue
		case err != nil:
			return Audit{}, Changes{}, err
		case found.Version >= found.LastEvent && len(found.Tallies) == 0:
			return found, Changes{SKU: sku, Read: found.Version, Version: found.Version}, nil
		}
		// The audit has ended before the unit of work begins: each may need the only connection.
		c := command{op: op, skus: []SKU{sku}, later: later}
		plan, err := decide(ctx, s, c, func(ctx context.Context, products Repository) (Changes, error) {
			return s.mend(ctx, products, op, found, trial)
		})
		switch {
		case err == nil:
			return found, plan, nil
		case !errors.Is(err, errOutdated):
			return Audit{}, Changes{}, err
		}
		lost = &Error{Op: op, Field: "sku", Value: sku, Err: fmt.Errorf("%w: %w", ErrConflict, err)}
	}
	return Audit{}, Changes{}, lost
}

// mendAttempts is how often a product may change between audit and mending before Mend gives up.
const mendAttempts = 10

// errOutdated ends a unit of work whose product has changed since the audit.
var errOutdated = errors.New("changed since it was audited")

// mend corrects the audited product if the version is still the audited version, and returns the
// changes. A trial corrects a copy.
func (s *Service) mend(
	ctx context.Context, products Repository, op string, found Audit, trial bool,
) (Changes, error) {
	loaded, err := s.audited(ctx, products, op, found)
	switch {
	case err != nil:
		return Changes{}, err
	case loaded.Version() != found.Version:
		return Changes{}, errOutdated
	}
	p := loaded
	if trial {
		p = loaded.clone()
	}
	err = p.mend(found, products.Now(), s.policy)
	loaded.queue.lacks(p.queue)
	switch {
	case err == nil:
		return p.Changes(), nil
	case asLapsed(err) != nil:
		return Changes{}, p.more(op) // larger pages, since clearing would write, by counters that are wrong
	}
	return Changes{}, err
}

// audited loads the product by every drifted batch, so that the lines of all of them are known.
func (s *Service) audited(ctx context.Context, products Repository, op string, found Audit) (*Product, error) {
	if len(found.Tallies) == 0 {
		return products.Get(ctx, found.SKU)
	}
	var p *Product
	var err error
	for _, t := range found.Tallies {
		if p, err = products.GetByBatch(ctx, t.Batch); err != nil {
			return nil, err
		}
		if p.SKU() != found.SKU {
			reason := fmt.Errorf("%w: the batch belongs to sku %q", ErrMismatch, p.SKU())
			return nil, &Error{Op: op, Field: "batch", Value: t.Batch, Err: reason}
		}
	}
	return p, nil
}
