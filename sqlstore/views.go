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

var _ views.Reader = (*Store)(nil)

// Order returns the lines of an order, see [views.OrderReader].
func (s *Store) Order(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
	const op = "Order"
	if err := s.check(ctx, op, order.Validate()); err != nil {
		return nil, err
	}
	var lines []views.Line
	values := map[string]any{"order": string(order)}
	err := s.view(ctx, op, s.statements.views.order, values, func(rows scanner) error {
		line, part, waiting, err := scanPart(rows)
		line.OrderID = order
		if len(lines) == 0 || lines[len(lines)-1].Key() != line.Key() {
			lines = append(lines, line)
		}
		last := &lines[len(lines)-1]
		if waiting > 0 {
			last.Waiting = waiting
			return err
		}
		last.Quantity += part.Quantity
		last.Parts = append(last.Parts, part)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lines, nil
}

// scanPart reads a part, and the columns of its line; or no part, and how many units the line waits for.
func scanPart(rows scanner) (line views.Line, part views.Part, waiting allocation.Quantity, err error) {
	var heldUntil, neededBy, freshUntil, eta, bestBefore sql.NullInt64
	var late int64
	var number int
	err = rows.Scan(
		&line.SKU, &line.Line, &heldUntil, &line.Sequence, &neededBy, &freshUntil, &line.Location,
		&line.Priority, &late, &part.Batch, &part.Quantity, &part.Shipped, &eta,
		&part.Location, &bestBefore, &waiting, &number,
	)
	line.Late = late != 0
	line.NeededBy, line.FreshUntil = moment(neededBy), moment(freshUntil)
	line.HeldUntil, part.ETA, part.BestBefore = moment(heldUntil), moment(eta), moment(bestBefore)
	return line, part, waiting, err
}

// BatchLines returns a page of a batch's open lines, see [views.LineReader].
func (s *Store) BatchLines(
	ctx context.Context, batch allocation.BatchRef, after allocation.Rank, limit int,
) ([]views.BatchLine, error) {
	const op = "BatchLines"
	if err := s.check(ctx, op, batch.Validate(), atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	var lines []views.BatchLine
	values := map[string]any{
		"batch": string(batch), "page": limit,
		"held": zeroOrOne(after.Held), "priority": after.Priority, "sequence": after.Sequence,
	}
	if after == (allocation.Rank{}) {
		values["held"] = 2 // every line has less
	}
	err := s.view(ctx, op, s.statements.views.lines, values, func(rows scanner) error {
		var line views.BatchLine
		var heldUntil sql.NullInt64
		err := rows.Scan(
			&line.OrderID, &line.Line, &line.Quantity, &line.Shipped, &heldUntil, &line.Priority, &line.Sequence,
		)
		line.HeldUntil = moment(heldUntil)
		lines = append(lines, line)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lines, nil
}

// view runs one query outside any transaction.
func (s *Store) view(
	ctx context.Context, op string, q *query, values map[string]any, row func(scanner) error,
) error {
	args := q.args(func(name string) any { return values[name] })
	return s.explain(ctx, op, s.db.each(ctx, q, args, row))
}

// Stock returns the available stock of products, see [views.StockReader].
func (s *Store) Stock(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
	return s.stock(ctx, "Stock", now, "", skus)
}

// StockFor returns the stock that is available to an order, see [views.StockReader].
func (s *Store) StockFor(
	ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
) ([]views.Stock, error) {
	return s.stock(ctx, "StockFor", now, order, skus, order.Validate())
}

// stock returns the stock that is available to an order; "" stands for an order without lines.
func (s *Store) stock(
	ctx context.Context, op string, now time.Time, order allocation.OrderID, skus []allocation.SKU, invalid ...error,
) ([]views.Stock, error) {
	for _, sku := range skus {
		invalid = append(invalid, sku.Validate())
	}
	if err := s.check(ctx, op, invalid...); err != nil || len(skus) == 0 {
		return nil, err
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(skus)))
	found := map[allocation.SKU]*views.Stock{}
	row := func(rows scanner) error {
		var (
			sku     allocation.SKU
			version int64
			eta     sql.NullInt64
			free    allocation.Quantity
		)
		err := rows.Scan(&sku, &version, &eta, &free)
		if found[sku] == nil {
			found[sku] = &views.Stock{SKU: sku}
		}
		found[sku].Version += version // only one row has the version
		found[sku].Add(moment(eta), free)
		return err
	}
	parts := cutIDs(s.engine, distinct)
	err := s.atOneMoment(ctx, len(parts), func(r runner) error {
		for _, some := range parts {
			q := s.statements.views.stock.of(len(some))
			if err := r.each(ctx, q, q.args(s.stockArgs(some, now, order)), row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	return inOrder(skus, found), nil
}

func (s *Store) stockArgs(
	skus []allocation.SKU, now time.Time, order allocation.OrderID,
) func(name string) any {
	values := map[string]any{"skus": idList(skus), "now": now.UnixMicro(), "order": string(order)}
	for i, sku := range skus[:min(len(skus), s.engine.unionArms)] {
		values["sku"+strconv.Itoa(i)] = string(sku)
	}
	return func(name string) any { return values[name] }
}

// inOrder returns the stock of each product in the order of skus, with repetitions.
func inOrder(skus []allocation.SKU, found map[allocation.SKU]*views.Stock) []views.Stock {
	var stocks []views.Stock
	for _, sku := range skus {
		if known := found[sku]; known != nil {
			stock := *known
			stock.Arriving = slices.Clone(known.Arriving)
			stocks = append(stocks, stock)
		}
	}
	return stocks
}

// Batches returns a page of the batches of a product, see [views.BatchReader].
func (s *Store) Batches(
	ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
) ([]views.Batch, error) {
	const op = "Batches"
	var invalid error
	if after != "" {
		invalid = after.Validate()
	}
	if err := s.check(ctx, op, sku.Validate(), invalid, atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	var batches []views.Batch
	lapsed := map[allocation.BatchRef]allocation.Quantity{}
	var units allocation.Quantity // of lapsed holds; 0 for the row of a batch
	fields := newFields(viewWidth, (*int64)(&units))
	values := map[string]any{"sku": string(sku), "now": now.UnixMicro(), "after": string(after), "page": limit}
	err := s.view(ctx, op, s.statements.views.batches, values, func(rows scanner) error {
		if err := fields.scan(rows); err != nil {
			return err
		}
		b := allocation.Batch{SKU: sku}
		loadedBatch.read(fields, &b)
		if units > 0 {
			lapsed[b.Ref] = units
			return nil
		}
		batches = append(batches, views.Batch{Batch: b})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(batches, func(a, b views.Batch) int { return cmp.Compare(a.Ref, b.Ref) })
	for i := range batches {
		b := &batches[i]
		if b.Saleable(now) {
			b.Free = max(0, b.Purchased-b.Allocated+lapsed[b.Ref])
		}
	}
	return batches, nil
}
