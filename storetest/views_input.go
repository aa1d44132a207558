package storetest

import (
	"context"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// everything opens a small shop in which each query has a result.
func everything(b *bench) shopData {
	b.Helper()
	orders := history(b, "apple")
	return shopData{skus: []allocation.SKU{"apple"}, orders: orders[:1], refs: []allocation.BatchRef{"a2"}}
}

func viewsContexts(b *bench) {
	viewQueries := b.viewQueries(noon, everything(b))
	for _, q := range viewQueries {
		for want, ctx := range b.endedContexts() {
			result, err := q.query(ctx)
			b.wantError(err, want, "%s with an ended context", q.name)
			b.wantNothing(result, q.name)
		}
		var none context.Context
		_, err := q.query(none)
		b.wantInvalid(err, "%s with a nil context", q.name)
		result, err := q.query(b.Context())
		b.must(err, "%s after calls with ended contexts", q.name)
		if len(result) == 0 {
			b.errorf("%s = nothing after calls with ended contexts", q.name)
		}
	}
}

// wantNothing checks that a call with an error has no result.
func (b *bench) wantNothing(result []string, name string) {
	b.Helper()
	if len(result) > 0 {
		b.errorf("%s = %q with an error, want nothing", name, result)
	}
}

// impossible are invalid identifiers.
var impossible = []string{
	"", "\x00", "a\x00b", "\xff", "a\xc3", strings.Repeat("x", 256), strings.Repeat("日", 86),
	" apple", "apple ", "\tapple", "apple\u00a0",
}

func viewsInvalid(b *bench) {
	everything(b)
	for _, id := range impossible {
		about := shopData{
			skus: []allocation.SKU{allocation.SKU(id)}, orders: []allocation.OrderID{allocation.OrderID(id)},
			refs: []allocation.BatchRef{allocation.BatchRef(id)},
		}
		for _, q := range b.viewQueries(noon, about) {
			result, err := q.query(b.Context())
			b.wantInvalid(err, "%s", q.name)
			b.wantNothing(result, q.name)
		}
		if r, able := ability[views.StockReader](b); able {
			_, err := r.Stock(b.Context(), noon, "apple", allocation.SKU(id))
			b.wantInvalid(err, "Stock of a known product and of %s", brief(id))
			_, err = r.StockFor(b.Context(), noon, allocation.OrderID(id), "apple")
			b.wantInvalid(err, "StockFor the order %s", brief(id))
			_, err = r.StockFor(b.Context(), noon, "o1", "apple", allocation.SKU(id))
			b.wantInvalid(err, "StockFor an order of a known product and of %s", brief(id))
		}
		if r, able := ability[views.BatchReader](b); able && id != "" {
			_, err := r.Batches(b.Context(), noon, "apple", allocation.BatchRef(id), 1)
			b.wantInvalid(err, "Batches after %s", brief(id))
		}
	}
}
