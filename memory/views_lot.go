package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// OpenBatches returns the batches with units that can be promised, see [views.BatchReader].
func (s *Store) OpenBatches(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Batch, error) {
	err := s.check(ctx, "OpenBatches")
	for _, sku := range skus {
		err = cmp.Or(err, sku.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []views.Batch
	for _, sku := range skus {
		if p := s.products[sku]; p != nil {
			open = append(open, p.openBatches(now)...)
		}
	}
	return open, nil
}

// openBatches returns the batches of a product with free units, sorted by Ref.
func (p *product) openBatches(now time.Time) []views.Batch {
	var open []views.Batch
	for b, free := range p.free(now, "") {
		if free > 0 {
			open = append(open, views.Batch{Batch: b.Batch, Free: free})
		}
	}
	slices.SortFunc(open, func(a, b views.Batch) int { return cmp.Compare(a.Ref, b.Ref) })
	return open
}

// LotBatches returns a page of the batches of a lot, see [views.LotReader].
func (s *Store) LotBatches(
	ctx context.Context, now time.Time, lot, after allocation.BatchRef, limit int,
) ([]views.Batch, error) {
	const op = "LotBatches"
	err := cmp.Or(s.check(ctx, op), lot.Validate(), checkAtLeastOne(op, "limit", limit))
	if after != "" {
		err = cmp.Or(err, after.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var batches []views.Batch
	free := map[*product]map[*batch]allocation.Quantity{}
	for _, b := range s.ofLot(lot) {
		if b.Ref <= after || len(batches) == limit {
			continue
		}
		p := s.owners[b.Ref]
		if free[p] == nil {
			free[p] = p.free(now, "")
		}
		batches = append(batches, views.Batch{Batch: b.Batch, Free: free[p][b]})
	}
	return batches, nil
}

// ofLot returns the batches of a lot, sorted by Ref.
func (s *Store) ofLot(lot allocation.BatchRef) (batches []*batch) {
	for ref, p := range s.owners {
		if b := p.batches[ref]; cmp.Or(b.Lot, b.Ref) == lot {
			batches = append(batches, b)
		}
	}
	slices.SortFunc(batches, func(a, b *batch) int { return cmp.Compare(a.Ref, b.Ref) })
	return batches
}

// LotLines returns a page of the lines with units of a lot, see [views.LotReader].
func (s *Store) LotLines(
	ctx context.Context, lot allocation.BatchRef, after views.Key, limit int,
) ([]views.LotLine, error) {
	const op = "LotLines"
	if err := cmp.Or(s.check(ctx, op), lot.Validate(), checkAtLeastOne(op, "limit", limit)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []views.LotLine
	for _, b := range s.ofLot(lot) {
		if b.Ref < after.Batch || len(lines) >= limit {
			continue
		}
		for _, l := range s.owners[b.Ref].linesOf(b.Ref) {
			if b.Ref > after.Batch || l.Rank().Compare(after.Rank) > 0 {
				lines = append(lines, l)
			}
		}
	}
	return lines[:min(len(lines), limit)], nil
}

// linesOf returns all lines with units of a batch, shipped lines included, in the order of leaving.
func (p *product) linesOf(ref allocation.BatchRef) (lines []views.LotLine) {
	for _, first := range p.lines {
		for l := first; l != nil; l = l.next {
			if slices.ContainsFunc(l.Parts, func(part allocation.Part) bool { return part.Batch == ref }) {
				lines = append(lines, views.LotLine{SKU: p.sku, Batch: ref, BatchLine: viewShare(&l.Allocation, ref)})
			}
		}
	}
	slices.SortFunc(lines, func(a, b views.LotLine) int { return a.Rank().Compare(b.Rank()) })
	return lines
}
