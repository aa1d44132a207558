package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// hasViews reports whether the store implements at least one of the interfaces of package views.
func hasViews(store allocation.Store) bool {
	switch store.(type) {
	case views.OrderReader, views.StockReader, views.BatchReader, views.LineReader, views.LotReader, views.DueReader,
		views.ListReader:
		return true
	}
	return false
}

// ability returns the store as one of the interfaces of package views. A store that declares the topic must implement
// all interfaces.
func ability[Reader any](b *bench) (reader Reader, able bool) {
	b.Helper()
	reader, able = b.store.(Reader)
	if !able && b.config.Topics != nil {
		b.fatalf("the store declares topic %q and doesn't implement %s", Views, reflect.TypeFor[Reader]())
	}
	return reader, able
}

// reader is ability for a row about a single interface, and skips the row if the store doesn't implement it.
func reader[Reader any](b *bench) Reader {
	b.Helper()
	r, able := ability[Reader](b)
	if !able {
		b.Skipf("the store doesn't implement %s", reflect.TypeFor[Reader]())
	}
	return r
}

func (b *bench) viewOrder(order allocation.OrderID) []views.Line {
	b.Helper()
	lines, err := reader[views.OrderReader](b).Order(b.Context(), order)
	b.must(err, "Order(%s)", brief(string(order)))
	return lines
}

func (b *bench) viewStock(now time.Time, skus ...allocation.SKU) []views.Stock {
	b.Helper()
	stock, err := reader[views.StockReader](b).Stock(b.Context(), now, skus...)
	b.must(err, "Stock(%s, %d skus)", moment(now), len(skus))
	return stock
}

func (b *bench) viewStockFor(now time.Time, order allocation.OrderID, skus ...allocation.SKU) []views.Stock {
	b.Helper()
	stock, err := reader[views.StockReader](b).StockFor(b.Context(), now, order, skus...)
	b.must(err, "StockFor(%s, %s, %d skus)", moment(now), brief(string(order)), len(skus))
	return stock
}

func (b *bench) viewBatches(now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int) []views.Batch {
	b.Helper()
	batches, err := reader[views.BatchReader](b).Batches(b.Context(), now, sku, after, limit)
	b.must(err, "Batches(%s, %s, after %s, limit %d)", moment(now), brief(string(sku)), brief(string(after)), limit)
	return batches
}

// fromFirst asks for the first page of BatchLines.
var fromFirst allocation.Rank

func (b *bench) viewLines(ref allocation.BatchRef, after allocation.Rank, limit int) []views.BatchLine {
	b.Helper()
	lines, err := reader[views.LineReader](b).BatchLines(b.Context(), ref, after, limit)
	b.must(err, "BatchLines(%s, after %+v, limit %d)", brief(string(ref)), after, limit)
	return lines
}

// wantResult compares the texts of a result with the texts of the wanted result, in order.
func wantResult[A any](b *bench, got, want []A, describe func(A) string, format string, args ...any) {
	b.Helper()
	gotText, wantText := describeAll(got, describe), describeAll(want, describe)
	if slices.Equal(gotText, wantText) {
		return
	}
	d := difference(gotText, wantText)
	if d == "" {
		d = fmt.Sprintf(" in the order only:\n  %s", strings.Join(gotText, "\n  "))
	}
	b.errorf("%s differs:%s", fmt.Sprintf(format, args...), d)
}

func describeAll[A any](result []A, describe func(A) string) []string {
	text := make([]string, len(result))
	for i, a := range result {
		text[i] = describe(a)
	}
	return text
}

func describeViewLine(l views.Line) string {
	var parts strings.Builder
	for _, p := range l.Parts {
		fmt.Fprintf(&parts, " [%d from %q, %d shipped, ETA %s, location %q, best before %s]",
			p.Quantity, p.Batch, p.Shipped, moment(p.ETA), p.Location, moment(p.BestBefore))
	}
	return fmt.Sprintf("line %q of order %q: sku %q, %d units, held until %s, sequence %d, needed by %s, "+
		"fresh until %s, location %q, priority %d, late %v, waiting %d, parts%s",
		l.OrderLine.Line, l.OrderID, l.SKU, l.Quantity, moment(l.HeldUntil), l.Sequence, moment(l.NeededBy),
		moment(l.FreshUntil), l.Location, l.Priority, l.Late, l.Waiting, &parts)
}

func describeStock(s views.Stock) string {
	var arriving strings.Builder
	for _, a := range s.Arriving {
		fmt.Fprintf(&arriving, ", %d at %s", a.Quantity, moment(a.ETA))
	}
	return fmt.Sprintf("stock of %q: version %d, %d in the warehouse%s", s.SKU, s.Version, s.InWarehouse, &arriving)
}

func describeViewBatch(batch views.Batch) string {
	return fmt.Sprintf("batch %s, free %d", describeBatch(batch.Batch), batch.Free)
}

func describeBatchLine(l views.BatchLine) string {
	return fmt.Sprintf("line %q of order %q: %d units, %d shipped, held until %s, priority %d, sequence %d",
		l.Line, l.OrderID, l.Quantity, l.Shipped, moment(l.HeldUntil), l.Priority, l.Sequence)
}

// viewQuery is a query of package views, with the result as text.
type viewQuery struct {
	name  string
	query func(ctx context.Context) (result []string, err error)
}

// viewQueries returns all queries about products, orders and batches that the store implements.
func (b *bench) viewQueries(now time.Time, about shopData) []viewQuery {
	b.Helper()
	var all []viewQuery
	if r, able := ability[views.OrderReader](b); able {
		for _, order := range about.orders {
			all = append(all, newViewQuery(fmt.Sprintf("Order(%s)", brief(string(order))), describeViewLine,
				func(ctx context.Context) ([]views.Line, error) { return r.Order(ctx, order) }))
		}
	}
	if r, able := ability[views.StockReader](b); able && len(about.skus) > 0 {
		all = append(all, newViewQuery(fmt.Sprintf("Stock of %d skus", len(about.skus)), describeStock,
			func(ctx context.Context) ([]views.Stock, error) { return r.Stock(ctx, now, about.skus...) }))
		for _, order := range about.orders {
			all = append(all, newViewQuery(fmt.Sprintf("StockFor(%s)", brief(string(order))), describeStock,
				func(ctx context.Context) ([]views.Stock, error) { return r.StockFor(ctx, now, order, about.skus...) }))
		}
	}
	if r, able := ability[views.BatchReader](b); able {
		for _, sku := range about.skus {
			all = append(all, newViewQuery(fmt.Sprintf("Batches(%s)", brief(string(sku))), describeViewBatch,
				func(ctx context.Context) ([]views.Batch, error) { return r.Batches(ctx, now, sku, "", plenty) }))
		}
	}
	if r, able := ability[views.LineReader](b); able {
		for _, ref := range about.refs {
			all = append(all, newViewQuery(fmt.Sprintf("BatchLines(%s)", brief(string(ref))), describeBatchLine,
				func(ctx context.Context) ([]views.BatchLine, error) {
					return r.BatchLines(ctx, ref, fromFirst, plenty)
				}))
		}
	}
	return all
}

func newViewQuery[A any](name string, describe func(A) string, query func(ctx context.Context) ([]A, error)) viewQuery {
	return viewQuery{name, func(ctx context.Context) ([]string, error) {
		result, err := query(ctx)
		return describeAll(result, describe), err
	}}
}

// results runs all queries and returns the texts of the results.
func (b *bench) results(now time.Time, about shopData) []string {
	b.Helper()
	var text []string
	for _, q := range b.viewQueries(now, about) {
		result, err := q.query(b.Context())
		b.must(err, "%s", q.name)
		for i, a := range result {
			text = append(text, fmt.Sprintf("%s, %d: %s", q.name, i+1, a))
		}
	}
	return text
}
