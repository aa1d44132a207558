package sqlstore

import (
	"cmp"
	"context"
	"maps"
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
	sum := newAuditing(sku)
	audit := s.statements.audit
	err := r.each(ctx, audit, audit.args(func(string) any { return string(sku) }), func(rows scanner) error {
		var row auditRow
		err := rows.Scan(&row.kind, &row.ref, &row.first, &row.second)
		sum.add(row)
		return err
	})
	if err != nil {
		return allocation.Audit{}, err
	}
	if sum.Version == 0 {
		return allocation.Audit{}, &subjectError{field: "sku", value: sku, err: allocation.ErrNotFound}
	}
	return sum.result(), nil
}

// Audits adds up a page of products, see [allocation.Ledger].
func (s *Store) Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error) {
	const op = "Audits"
	if err := s.check(ctx, op, checkAfter(after), atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	bySKU := map[allocation.SKU]*auditing{}
	values := map[string]any{"after": string(after), "page": limit}
	err := s.view(ctx, op, s.statements.audits, values, func(rows scanner) error {
		var row auditRow
		err := rows.Scan(&row.kind, &row.sku, &row.ref, &row.first, &row.second)
		if bySKU[row.sku] == nil {
			bySKU[row.sku] = newAuditing(row.sku)
		}
		bySKU[row.sku].add(row)
		return err
	})
	if err != nil {
		return nil, err
	}
	var audits []allocation.Audit
	for _, sku := range slices.Sorted(maps.Keys(bySKU)) {
		audits = append(audits, bySKU[sku].result())
	}
	return audits, nil
}

// auditRow is a row of an audit: the version and the last event of a product, or two numbers of a batch.
type auditRow struct {
	kind          int
	sku           allocation.SKU
	ref           allocation.BatchRef
	first, second int64
}

// auditing adds up the rows of a product.
type auditing struct {
	allocation.Audit
	byRef map[allocation.BatchRef]*allocation.Tally
}

func newAuditing(sku allocation.SKU) *auditing {
	return &auditing{allocation.Audit{SKU: sku}, map[allocation.BatchRef]*allocation.Tally{}}
}

func (a *auditing) add(row auditRow) {
	switch {
	case row.kind == 0:
		a.Version, a.LastEvent = row.first, max(a.LastEvent, row.second)
		return
	case row.ref == lastPurged:
		a.LastEvent = max(a.LastEvent, row.first)
		return
	case a.byRef[row.ref] == nil:
		a.byRef[row.ref] = &allocation.Tally{Batch: row.ref}
	}
	account(a.byRef[row.ref], row.kind, allocation.Quantity(row.first), allocation.Quantity(row.second))
}

// result returns the audit with the tallies by batch.
func (a *auditing) result() allocation.Audit {
	for _, t := range a.byRef {
		a.Tallies = append(a.Tallies, *t)
	}
	slices.SortFunc(a.Tallies, func(a, b allocation.Tally) int { return cmp.Compare(a.Batch, b.Batch) })
	return a.Audit
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
