package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// OpenBatches returns the batches with units that can be promised, see [views.BatchReader].
func (s *Store) OpenBatches(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Batch, error) {
	const op = "OpenBatches"
	var invalid []error
	for _, sku := range skus {
		invalid = append(invalid, sku.Validate())
	}
	if err := s.check(ctx, op, invalid...); err != nil || len(skus) == 0 {
		return nil, err
	}
	found := newFreeBatches()
	parts := cutIDs(s.engine, slices.Compact(slices.Sorted(slices.Values(skus))))
	err := s.atOneMoment(ctx, len(parts), func(r runner) error {
		for _, some := range parts {
			q := s.statements.views.open.of(len(some))
			if err := r.each(ctx, q, q.args(s.stockArgs(some, now, "")), found.row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	bySKU := map[allocation.SKU][]views.Batch{}
	for _, b := range found.sorted(now) {
		if b.Free > 0 {
			bySKU[b.SKU] = append(bySKU[b.SKU], b)
		}
	}
	var open []views.Batch
	for _, sku := range skus {
		open = append(open, bySKU[sku]...)
	}
	return open, nil
}

// freeBatches collects batches from rows with all columns of a batch, and the units of lapsed holds from further rows,
// which may come without the batch.
type freeBatches struct {
	batches map[allocation.BatchRef]allocation.Batch
	lapsed  map[allocation.BatchRef]allocation.Quantity
	units   allocation.Quantity // of the current row; 0 for the row of a batch
	fields  *fields
}

func newFreeBatches() *freeBatches {
	f := &freeBatches{
		batches: map[allocation.BatchRef]allocation.Batch{}, lapsed: map[allocation.BatchRef]allocation.Quantity{},
	}
	f.fields = newFields(freeWidth, (*int64)(&f.units))
	return f
}

func (f *freeBatches) row(rows scanner) error {
	if err := f.fields.scan(rows); err != nil {
		return err
	}
	var b allocation.Batch
	batchColumns.read(f.fields, &b)
	f.lapsed[b.Ref] += f.units
	if b.SKU != "" {
		f.batches[b.Ref] = b
	}
	return nil
}

// sorted returns the batches by Ref, with the units that are free at the time now.
func (f *freeBatches) sorted(now time.Time) (batches []views.Batch) {
	for ref, b := range f.batches {
		free := views.Batch{Batch: b}
		if b.Saleable(now) {
			free.Free = max(0, b.Purchased-b.Allocated+f.lapsed[ref])
		}
		batches = append(batches, free)
	}
	slices.SortFunc(batches, func(a, b views.Batch) int { return cmp.Compare(a.Ref, b.Ref) })
	return batches
}

// LotBatches returns a page of the batches of a lot, see [views.LotReader].
func (s *Store) LotBatches(
	ctx context.Context, now time.Time, lot, after allocation.BatchRef, limit int,
) ([]views.Batch, error) {
	const op = "LotBatches"
	var invalid error
	if after != "" {
		invalid = after.Validate()
	}
	if err := s.check(ctx, op, lot.Validate(), invalid, atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	found := newFreeBatches()
	values := map[string]any{"lot": string(lot), "now": now.UnixMicro(), "after": string(after), "page": limit}
	if err := s.view(ctx, op, s.statements.views.lot, values, found.row); err != nil {
		return nil, err
	}
	return found.sorted(now), nil
}

// LotLines returns a page of the lines with units of a lot, see [views.LotReader]. The page is read from the batch of
// the key, and from the batches behind, a few batches at a time.
func (s *Store) LotLines(
	ctx context.Context, lot allocation.BatchRef, after views.Key, limit int,
) ([]views.LotLine, error) {
	const op = "LotLines"
	var invalid error
	if after.Batch != "" {
		invalid = after.Batch.Validate()
	}
	if err := s.check(ctx, op, lot.Validate(), invalid, atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	page := lotPage{limit: limit}
	if after.Batch != "" {
		values := map[string]any{
			"lot": string(lot), "batch": string(after.Batch), "page": limit,
			"held": zeroOrOne(after.Rank.Held), "priority": after.Rank.Priority, "sequence": after.Rank.Sequence,
		}
		if err := s.view(ctx, op, s.statements.views.lotBehind, values, page.row); err != nil {
			return nil, err
		}
	}
	for last := after.Batch; len(page.lines) < limit; {
		some, err := s.lotBatches(ctx, op, lot, last)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			break
		}
		if err := s.view(ctx, op, s.statements.views.lotLines.of(len(some)), page.values(some), page.row); err != nil {
			return nil, err
		}
		if len(some) < mostLotBatches {
			break
		}
		last = some[len(some)-1].ref
	}
	return page.lines, nil
}

// lotBatch is a batch of a lot with lines.
type lotBatch struct {
	ref allocation.BatchRef
	sku allocation.SKU
}

// lotBatches returns the first mostLotBatches batches of a lot that have lines, behind another batch.
func (s *Store) lotBatches(
	ctx context.Context, op string, lot, after allocation.BatchRef,
) (some []lotBatch, err error) {
	values := map[string]any{"lot": string(lot), "after": string(after), "page": mostLotBatches}
	err = s.view(ctx, op, s.statements.views.lotBatches, values, func(rows scanner) error {
		var b lotBatch
		err := rows.Scan(&b.ref, &b.sku)
		some = append(some, b)
		return err
	})
	return some, err
}

// lotPage collects the lines of a page.
type lotPage struct {
	lines []views.LotLine
	limit int
}

// values are the parameters for the lines of some batches that are left on the page.
func (p *lotPage) values(some []lotBatch) map[string]any {
	values := map[string]any{"page": p.limit - len(p.lines)}
	for i, b := range some {
		values["batch"+strconv.Itoa(i)], values["sku"+strconv.Itoa(i)] = string(b.ref), string(b.sku)
	}
	return values
}

func (p *lotPage) row(rows scanner) error {
	var line views.LotLine
	var heldUntil sql.NullInt64
	err := rows.Scan(
		&line.SKU, &line.Batch, &line.OrderID, &line.Line, &line.Quantity, &line.Shipped, &heldUntil, &line.Priority,
		&line.Sequence,
	)
	line.HeldUntil = moment(heldUntil)
	p.lines = append(p.lines, line)
	return err
}
