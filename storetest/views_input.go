package storetest

import (
	"context"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// everything is a small shop in which each question has an answer.
func everything(b *bench) trade {
	b.Helper()
	orders := history(b, "apple")
	return trade{skus: []allocation.SKU{"apple"}, orders: orders[:1], refs: []allocation.BatchRef{"a2"}}
}

func viewsContexts(b *bench) {
	questions := b.questions(noon, everything(b))
	for _, q := range questions {
		for want, ctx := range b.ended() {
			answer, err := q.ask(ctx)
			b.wantError(err, want, "%s under a context that has ended", q.name)
			b.wantNothing(answer, q.name)
		}
		var none context.Context
		_, err := q.ask(none)
		b.wantInvalid(err, "%s under a nil context", q.name)
		answer, err := q.ask(b.Context())
		b.must(err, "%s after contexts that had ended", q.name)
		if len(answer) == 0 {
			b.errorf("%s = nothing after contexts that had ended", q.name)
		}
	}
}

// wantNothing demands that nothing is answered besides an error.
func (b *bench) wantNothing(answer []string, name string) {
	b.Helper()
	if len(answer) > 0 {
		b.errorf("%s = %q beside an error", name, answer)
	}
}

// impossible can't be the identifier of anything.
var impossible = []string{
	"", "\x00", "a\x00b", "\xff", "a\xc3", strings.Repeat("x", 256), strings.Repeat("日", 86),
	" apple", "apple ", "\tapple", "apple\u00a0",
}

func viewsInvalid(b *bench) {
	everything(b)
	for _, id := range impossible {
		about := trade{
			skus: []allocation.SKU{allocation.SKU(id)}, orders: []allocation.OrderID{allocation.OrderID(id)},
			refs: []allocation.BatchRef{allocation.BatchRef(id)},
		}
		for _, q := range b.questions(noon, about) {
			answer, err := q.ask(b.Context())
			b.wantInvalid(err, "%s", q.name)
			b.wantNothing(answer, q.name)
		}
		if r, able := ability[views.StockReader](b); able {
			_, err := r.Stock(b.Context(), noon, "apple", allocation.SKU(id))
			b.wantInvalid(err, "Stock of a product that is there, and of %s", brief(id))
		}
		if r, able := ability[views.BatchReader](b); able && id != "" {
			_, err := r.Batches(b.Context(), noon, "apple", allocation.BatchRef(id), 1)
			b.wantInvalid(err, "Batches after %s", brief(id))
		}
	}
}
