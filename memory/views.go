package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// Order returns the lines and parts of an order, see [views.OrderReader].
func (s *Store) Order(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
	if err := cmp.Or(s.check(ctx, "Order"), order.Validate()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []views.Line
	for _, p := range s.orders[order] {
		for l := p.lines[order]; l != nil; l = l.next {
			lines = append(lines, p.viewLine(&l.Allocation))
		}
		for _, id := range p.byOrder[order] {
			key := allocation.LineKey{OrderID: order, SKU: p.sku, Line: id}
			if a := p.waiting[key]; p.line(key) == nil {
				lines = append(lines, p.viewLine(&a))
			}
		}
	}
	slices.SortFunc(lines, func(a, b views.Line) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.OrderLine.Line, b.OrderLine.Line))
	})
	return lines, nil
}

// viewLine adds the ETA, location and best-before date of each part's batch to a line.
func (p *product) viewLine(a *allocation.Allocation) views.Line {
	line := views.Line{
		OrderLine: a.OrderLine, HeldUntil: a.HeldUntil, Sequence: a.Sequence,
		NeededBy: a.NeededBy, FreshUntil: a.FreshUntil, Location: a.Location, Priority: a.Priority, Late: a.Late,
		Waiting: p.waiting[a.Key()].Waiting,
	}
	for _, part := range a.Parts {
		b := p.batches[part.Batch]
		line.Parts = append(line.Parts, views.Part{
			Part: part, ETA: b.ETA, Location: b.Location, BestBefore: b.BestBefore,
		})
	}
	return line
}

// Stock returns the free units of products, see [views.StockReader].
func (s *Store) Stock(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
	return s.stock(now, "", skus, s.check(ctx, "Stock"))
}

// StockFor returns the units that are free for an order, see [views.StockReader].
func (s *Store) StockFor(
	ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
) ([]views.Stock, error) {
	return s.stock(now, order, skus, cmp.Or(s.check(ctx, "StockFor"), order.Validate()))
}

// stock returns the units that are free for an order; "" stands for an order without lines.
func (s *Store) stock(
	now time.Time, order allocation.OrderID, skus []allocation.SKU, err error,
) ([]views.Stock, error) {
	for _, sku := range skus {
		err = cmp.Or(err, sku.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var stock []views.Stock
	for _, sku := range skus {
		if p := s.products[sku]; p != nil {
			stock = append(stock, p.viewStock(now, order))
		}
	}
	return stock, nil
}

func (p *product) viewStock(now time.Time, order allocation.OrderID) views.Stock {
	stock := views.Stock{SKU: p.sku, Version: p.version}
	for b, units := range p.free(now, order) {
		stock.Add(b.ETA, units)
	}
	return stock
}

// free returns the units of batches that can be promised to an order at the time now: available units, units of holds
// that have lapsed and are still stored, and units of the order itself. A batch that is not in the map has no free
// units, or is not saleable.
func (p *product) free(now time.Time, order allocation.OrderID) map[*batch]allocation.Quantity {
	free := make(map[*batch]allocation.Quantity, len(p.forSale))
	for _, b := range p.forSale {
		free[b] = b.Available()
	}
	p.sumLapsed(now)
	for ref, units := range p.lapsed.units {
		free[p.batches[ref]] += units
	}
	for l := p.lines[order]; l != nil; l = l.next {
		if !l.Lapsed(now) {
			p.addOpen(free, &l.Allocation)
		}
	}
	maps.DeleteFunc(free, func(b *batch, _ allocation.Quantity) bool { return !b.Saleable(now) })
	return free
}

// addOpen adds the unshipped units of a line to the units of the batches.
func (p *product) addOpen(units map[*batch]allocation.Quantity, a *allocation.Allocation) {
	for _, part := range a.Parts {
		units[p.batches[part.Batch]] += part.Quantity - part.Shipped
	}
}

// Batches returns a page of the batches of a product, see [views.BatchReader].
func (s *Store) Batches(
	ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
) ([]views.Batch, error) {
	const op = "Batches"
	err := cmp.Or(s.check(ctx, op), sku.Validate(), checkAtLeastOne(op, "limit", limit))
	if after != "" {
		err = cmp.Or(err, after.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[sku]
	if p == nil {
		return nil, nil
	}
	return p.viewBatches(now, after, limit), nil
}

func (p *product) viewBatches(now time.Time, after allocation.BatchRef, limit int) []views.Batch {
	refs := slices.Sorted(maps.Keys(p.batches))
	refs = slices.DeleteFunc(refs, func(ref allocation.BatchRef) bool { return ref <= after })
	free := p.free(now, "")
	var batches []views.Batch
	for _, ref := range refs[:min(len(refs), limit)] {
		b := p.batches[ref]
		batches = append(batches, views.Batch{Batch: b.Batch, Free: free[b]})
	}
	return batches
}

// BatchLines returns a page of the lines with unshipped units of a batch, see [views.LineReader].
func (s *Store) BatchLines(
	ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
) ([]views.BatchLine, error) {
	const op = "BatchLines"
	if err := cmp.Or(s.check(ctx, op), ref.Validate(), checkAtLeastOne(op, "limit", limit)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.owners[ref]
	if p == nil {
		return nil, nil
	}
	var lines []views.BatchLine
	behind := func(l leavingLine) bool { return after == (allocation.Rank{}) || l.rank.Compare(after) > 0 }
	for l := range p.batches[ref].leaving.from(behind) {
		if len(lines) == limit {
			break
		}
		lines = append(lines, viewShare(&p.line(l.line).Allocation, ref))
	}
	return lines, nil
}

// viewShare returns a line's part of the given batch. The line must have a part of the batch.
func viewShare(a *allocation.Allocation, ref allocation.BatchRef) views.BatchLine {
	at := slices.IndexFunc(a.Parts, func(part allocation.Part) bool { return part.Batch == ref })
	return views.BatchLine{
		OrderID: a.OrderID, Line: a.Line, Quantity: a.Parts[at].Quantity, Shipped: a.Parts[at].Shipped,
		HeldUntil: a.HeldUntil, Priority: a.Priority, Sequence: a.Sequence,
	}
}
