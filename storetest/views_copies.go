package storetest

import (
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

func viewsCopies(b *bench) {
	orders := history(b, "apple")
	now := minute(8)
	before := describe(b.load(of("apple", orders...))...)
	if r, able := ability[views.OrderReader](b); able {
		checkApart(b, describeViewLine, func() ([]views.Line, error) { return r.Order(b.Context(), "o1") },
			func(l *views.Line) { clear(l.Parts[:cap(l.Parts)]) })
	}
	if r, able := ability[views.StockReader](b); able {
		checkApart(b, describeStock, func() ([]views.Stock, error) { return r.Stock(b.Context(), now, "apple") },
			func(s *views.Stock) { clear(s.Arriving[:cap(s.Arriving)]) })
		checkApart(b, describeStock,
			func() ([]views.Stock, error) { return r.StockFor(b.Context(), now, "o1", "apple") },
			func(s *views.Stock) { clear(s.Arriving[:cap(s.Arriving)]) })
		twice := b.viewStock(now, "apple", "apple")
		if len(twice) != 2 {
			b.fatalf("Stock of a repeated SKU = %d products, want 2", len(twice))
		}
		clear(twice[0].Arriving)
		b.wantStock(now, []allocation.SKU{"apple"}, twice[1])
	}
	if r, able := ability[views.BatchReader](b); able {
		checkApart(b, describeViewBatch,
			func() ([]views.Batch, error) { return r.Batches(b.Context(), now, "apple", "", plenty) },
			func(*views.Batch) {})
	}
	if r, able := ability[views.LineReader](b); able {
		checkApart(b, describeBatchLine,
			func() ([]views.BatchLine, error) { return r.BatchLines(b.Context(), "a2", fromFirst, plenty) },
			func(*views.BatchLine) {})
	}
	if d := difference(describe(b.load(of("apple", orders...))...), before); d != "" {
		b.errorf("the store changed when the caller overwrote results:%s", d)
	}
}

// checkApart queries twice, overwrites the memory of the first result, and queries again.
func checkApart[A any](b *bench, describe func(A) string, query func() ([]A, error), write func(*A)) {
	b.Helper()
	one, err := query()
	b.must(err, "the first query")
	two, err := query()
	b.must(err, "the second query")
	before := describeAll(two, describe)
	if len(before) == 0 {
		b.fatalf("the result is empty")
	}
	for i := range one {
		write(&one[i])
	}
	clear(one[:cap(one)])
	three, err := query()
	b.must(err, "the third query")
	if !slices.Equal(describeAll(two, describe), before) || !slices.Equal(describeAll(three, describe), before) {
		b.errorf("after the caller overwrote a result, an earlier and a later result differ:%s%s",
			difference(describeAll(two, describe), before), difference(describeAll(three, describe), before))
	}
}
