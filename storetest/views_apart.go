package storetest

import (
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

func viewsApart(b *bench) {
	orders := history(b, "apple")
	now := minute(8)
	before := describe(b.load(of("apple", orders...))...)
	if r, able := ability[views.OrderReader](b); able {
		apart(b, describeViewLine, func() ([]views.Line, error) { return r.Order(b.Context(), "o1") },
			func(l *views.Line) { clear(l.Parts[:cap(l.Parts)]) })
	}
	if r, able := ability[views.StockReader](b); able {
		apart(b, describeStock, func() ([]views.Stock, error) { return r.Stock(b.Context(), now, "apple") },
			func(s *views.Stock) { clear(s.Arriving[:cap(s.Arriving)]) })
		twice := b.viewStock(now, "apple", "apple")
		clear(twice[0].Arriving)
		b.wantStock(now, []allocation.SKU{"apple"}, twice[1])
	}
	if r, able := ability[views.BatchReader](b); able {
		apart(b, describeViewBatch, func() ([]views.Batch, error) { return r.Batches(b.Context(), now, "apple", "", plenty) },
			func(*views.Batch) {})
	}
	if r, able := ability[views.LineReader](b); able {
		apart(b, describeBatchLine, func() ([]views.BatchLine, error) { return r.BatchLines(b.Context(), "a2", 0, plenty) },
			func(*views.BatchLine) {})
	}
	if d := difference(describe(b.load(of("apple", orders...))...), before); d != "" {
		b.errorf("the store changed when the caller wrote into its answers:%s", d)
	}
}

// apart asks twice, writes into all that the first answer leads to, and asks again.
func apart[A any](b *bench, describe func(A) string, ask func() ([]A, error), scribble func(*A)) {
	b.Helper()
	one, err := ask()
	b.must(err, "the first answer")
	two, err := ask()
	b.must(err, "the second answer")
	before := written(two, describe)
	if len(before) == 0 {
		b.fatalf("the answer is empty")
	}
	for i := range one {
		scribble(&one[i])
	}
	clear(one[:cap(one)])
	three, err := ask()
	b.must(err, "the third answer")
	if !slices.Equal(written(two, describe), before) || !slices.Equal(written(three, describe), before) {
		b.errorf("after the caller wrote into one answer, another and the next differ:%s%s",
			difference(written(two, describe), before), difference(written(three, describe), before))
	}
}
