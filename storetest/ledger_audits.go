package storetest

import (
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
)

var auditsRows = []row{
	{"Audits adds up a page of products by SKU, each as Audit does",
		"an audit of everything must find what an audit of one product finds", auditsAgree},
}

// auditor is the further method of a ledger.
type auditor interface {
	Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error)
}

func auditsAgree(b *bench) {
	ledger, able := b.ledger().(auditor)
	if !able {
		b.Skipf("the store has no method Audits")
	}
	skus := []allocation.SKU{"B", "a", "a b", "b", "é"}
	for i, sku := range skus {
		b.announce(sku, stock("1 of "+allocation.BatchRef(sku), 5), stock("2 of "+allocation.BatchRef(sku), 5))
		b.allocate(sku, split("o1", allocation.Quantity(5+i)), firm("o2", 1))
		b.ship(sku, "o2", 1)
	}
	drifted := b.allocation("a b", firm("o3", 1))
	drifted.NewLines = nil
	b.commit(drifted)
	for _, limit := range []int{1, 2, 5, plenty} {
		var got []allocation.SKU
		for after := allocation.SKU(""); ; {
			page, err := ledger.Audits(b.Context(), after, limit)
			b.must(err, "Audits(after %q, limit %d)", after, limit)
			for _, a := range page {
				after, got = a.SKU, append(got, a.SKU)
				b.wantTallies(a.SKU, a.Tallies...)
				one := b.audit(a.SKU)
				b.wantPlace(a, a.SKU, one.Version, one.LastEvent)
			}
			if len(page) < limit || len(got) > len(skus) {
				break
			}
		}
		if !slices.Equal(got, skus) {
			b.errorf("products of Audits in pages of %d = %q, want %q", limit, got, skus)
		}
	}
	_, err := ledger.Audits(b.Context(), "", 0)
	b.wantInvalid(err, "Audits with limit 0")
}
