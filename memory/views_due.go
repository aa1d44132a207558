package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/views"
)

// Due returns a page of what is due, see [views.DueReader].
func (s *Store) Due(
	ctx context.Context, by time.Time, after views.Key, limit int, kinds ...views.DueKind,
) ([]views.Due, error) {
	const op = "Due"
	err := cmp.Or(s.check(ctx, op), checkAtLeastOne(op, "limit", limit))
	for _, kind := range kinds {
		err = cmp.Or(err, checkKind(op, kind))
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []views.Due
	for _, p := range s.products {
		due = append(due, p.viewDue()...)
	}
	due = slices.DeleteFunc(due, func(d views.Due) bool {
		return !by.IsZero() && d.At.After(by) || !d.IsBehind(after) || len(kinds) > 0 && !slices.Contains(kinds, d.Kind)
	})
	slices.SortFunc(due, views.Due.Compare)
	if len(due) == 0 {
		return nil, nil
	}
	return slices.Clip(due[:min(len(due), limit)]), nil
}

// checkKind refuses a kind that doesn't exist.
func checkKind(op string, kind views.DueKind) error {
	switch kind {
	case views.DueArrival, views.DueExpiry, views.DueHold, views.DueLate, views.DueWaiting:
		return nil
	}
	return invalid(op, "kind", kind, "must be a kind of views.DueKind")
}

// viewDue returns everything that is or will be due of a product, in no order.
func (p *product) viewDue() (due []views.Due) {
	for _, b := range p.batches {
		due = append(due, p.dueOfBatch(b)...)
	}
	for h := range p.holds.all() {
		a := &p.line(h.line).Allocation
		due = append(due, views.Due{
			At: h.until, Kind: views.DueHold, SKU: p.sku, OrderID: a.OrderID, Line: a.Line,
			Quantity: a.Quantity - a.Shipped(),
		})
	}
	for n := range p.needed.all() {
		due = append(due, views.Due{
			At: n.due(), Kind: views.DueWaiting, SKU: p.sku, OrderID: n.line.OrderID, Line: n.line.Line,
			Quantity: p.waiting[n.line].Waiting,
		})
	}
	return due
}

// dueOfBatch returns the arrival and the expiry of a batch, and the lines that a batch on the way makes late.
func (p *product) dueOfBatch(b *batch) (due []views.Due) {
	d := views.Due{
		SKU: p.sku, Batch: b.Ref, Quantity: b.Purchased, Promised: b.Allocated, Told: b.Expired,
	}
	if !b.BestBefore.IsZero() && (b.Allocated > 0 || b.Purchased > 0 && !b.Expired) {
		d.At, d.Kind = b.BestBefore, views.DueExpiry
		due = append(due, d)
	}
	if b.ETA.IsZero() {
		return due
	}
	if b.Purchased > 0 {
		d.At, d.Kind, d.Told = b.ETA, views.DueArrival, false
		due = append(due, d)
	}
	for open := range b.leaving.all() {
		a := &p.line(open.line).Allocation
		at := a.NeededBy.Add(time.Microsecond)
		if a.NeededBy.IsZero() || a.Lapsed(at) {
			continue
		}
		share := viewShare(a, b.Ref)
		due = append(due, views.Due{
			At: at, Kind: views.DueLate, SKU: p.sku, Batch: b.Ref, OrderID: a.OrderID, Line: a.Line,
			Quantity: share.Quantity - share.Shipped, Told: a.Late,
		})
	}
	return due
}
