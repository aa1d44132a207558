package sqlstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Audit adds up a product, see [allocation.Ledger].
func (s *Store) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	const op = "Audit"
	if err := s.check(ctx, op); err != nil {
		return allocation.Audit{}, err
	}
	a, err := s.audit(ctx, s.db, sku)
	return a, s.explain(ctx, op, s.retryable(ctx, err))
}

func (s *Store) audit(ctx context.Context, r runner, sku allocation.SKU) (allocation.Audit, error) {
	a := allocation.Audit{SKU: sku}
	byRef := map[allocation.BatchRef]*allocation.Tally{}
	audit := s.statements.audit
	err := r.each(ctx, audit, audit.args(func(string) any { return string(sku) }), func(rows scanner) error {
		var kind int
		var ref allocation.BatchRef
		var first, second int64
		if err := rows.Scan(&kind, &ref, &first, &second); err != nil {
			return err
		}
		switch {
		case kind == 0:
			a.Version, a.LastEvent = first, max(a.LastEvent, second)
			return nil
		case ref == lastPurged:
			a.LastEvent = max(a.LastEvent, first)
			return nil
		case byRef[ref] == nil:
			byRef[ref] = &allocation.Tally{Batch: ref}
		}
		account(byRef[ref], kind, allocation.Quantity(first), allocation.Quantity(second))
		return nil
	})
	if err != nil {
		return allocation.Audit{}, err
	}
	if a.Version == 0 {
		return allocation.Audit{}, &subjectError{field: "sku", value: sku, err: allocation.ErrNotFound}
	}
	for _, t := range byRef {
		a.Tallies = append(a.Tallies, *t)
	}
	slices.SortFunc(a.Tallies, func(a, b allocation.Tally) int { return cmp.Compare(a.Batch, b.Batch) })
	return a, nil
}

// account adds a row of the audit to a tally: counters, sums of lines, or sums of events. Events have two rows if
// some events are purged.
func account(tally *allocation.Tally, kind int, purchased, allocated allocation.Quantity) {
	switch kind {
	case 1:
		tally.Purchased, tally.Allocated = purchased, allocated
	case 2:
		tally.Promised = allocated
	default:
		tally.RecordedPurchased += purchased
		tally.RecordedAllocated += allocated
	}
}

// Events returns a page of a product's events, see [allocation.Ledger].
func (s *Store) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	const op = "Events"
	if err := s.check(ctx, op); err != nil {
		return nil, err
	}
	events, err := s.events(ctx, s.db, sku, after, limit)
	return events, s.explain(ctx, op, err)
}

func (s *Store) events(
	ctx context.Context, r runner, sku allocation.SKU, after int64, limit int,
) (events []allocation.Event, err error) {
	q := s.statements.events
	args := q.args(func(name string) any {
		return map[string]any{"sku": string(sku), "after": after, "limit": max(limit, 0)}[name]
	})
	err = r.each(ctx, q, args, func(rows scanner) error {
		var sequence int64
		var kind, data string
		if err := rows.Scan(&sequence, &kind, &data); err != nil {
			return err
		}
		event, err := allocation.DecodeEvent(kind, []byte(data))
		if err != nil {
			return &subjectError{field: "event", value: sequence, err: err}
		}
		events = append(events, event)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}
