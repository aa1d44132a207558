package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Audit adds up a product, see [allocation.Ledger].
func (s *Store) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	if err := s.check(ctx, "Audit"); err != nil {
		return allocation.Audit{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[sku]
	if p == nil {
		return allocation.Audit{}, unknown(sku)
	}
	return p.audit(), nil
}

// Audits adds up a page of products, see [allocation.Ledger].
func (s *Store) Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error) {
	const op = "Audits"
	if err := cmp.Or(s.check(ctx, op), checkAtLeastOne(op, "limit", limit)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	skus := behindID(maps.Keys(s.products), "", after)
	var audits []allocation.Audit
	for _, sku := range skus[:min(len(skus), limit)] {
		audits = append(audits, s.products[sku].audit())
	}
	return audits, nil
}

func unknown(sku allocation.SKU) error {
	return &allocation.Error{Op: "Audit", Field: "sku", Value: sku, Err: allocation.ErrNotFound}
}

// audit adds up the product.
func (p *product) audit() allocation.Audit {
	byRef := map[allocation.BatchRef]*allocation.Tally{}
	tally := func(ref allocation.BatchRef) *allocation.Tally {
		if byRef[ref] == nil {
			byRef[ref] = &allocation.Tally{Batch: ref}
		}
		return byRef[ref]
	}
	for ref, b := range p.batches {
		t := tally(ref)
		t.Purchased, t.Allocated = b.Purchased, b.Allocated
	}
	for _, first := range p.lines {
		for a := first; a != nil; a = a.next {
			for _, part := range a.Parts {
				tally(part.Batch).Promised += part.Quantity - part.Shipped
			}
		}
	}
	recorded := func(ref allocation.BatchRef, m movement) {
		t := tally(ref)
		t.RecordedPurchased += m.purchased
		t.RecordedAllocated += m.allocated
	}
	for ref, m := range p.moved {
		recorded(ref, m)
	}
	for _, r := range p.events {
		if ref, purchased, allocated := r.Event.Movement(); ref != "" {
			recorded(ref, movement{purchased, allocated})
		}
	}
	a := allocation.Audit{SKU: p.sku, Version: p.version, LastEvent: p.lastSequence()}
	for _, t := range byRef {
		a.Tallies = append(a.Tallies, *t)
	}
	slices.SortFunc(a.Tallies, func(a, b allocation.Tally) int { return cmp.Compare(a.Batch, b.Batch) })
	return a
}

// Events returns a page of a product's events, see [allocation.Ledger]. Purged events are missing.
func (s *Store) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	if err := s.check(ctx, "Events"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.products[sku].eventsOf(after, limit), nil
}

// eventsOf returns a page of the product's events, none for no product.
func (p *product) eventsOf(after int64, limit int) []allocation.Event {
	if p == nil || after >= p.lastSequence() {
		return nil
	}
	rest := p.eventsAfter(after)
	events := make([]allocation.Event, min(len(rest), max(limit, 0)))
	for i := range events {
		events[i] = rest[i].Event
	}
	return events
}
