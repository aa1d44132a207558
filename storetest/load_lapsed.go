package storetest

import (
	"time"

	"github.com/cosmic-go/allocation"
)

var lapsedRows = []row{
	{"a hold lapses at its very HeldUntil",
		"a store that sees the end of a hold otherwise than the model sells a unit too early or too late (R7)", lapsedBoundary},
	{"lapsed holds come with every selector, and with their batches",
		"a lapsed hold must never block a sale (R7), even where it occupies a batch's last units", lapsedEverywhere},
	{"a lapsed hold of an order that is asked for as well is there once",
		"whoever comes back after a hold has lapsed would find its units free twice", lapsedOnce},
	{"of the lapsed holds the first come, by HeldUntil and then by OrderID",
		"what was promised first is given up first, and the next page must not bring another order", lapsedOrder},
	{"MoreLapsed says that there are more than Limit, and not that there are as many",
		"without it stock of lapsed holds is taken for sold; with it always, every load grows", lapsedMore},
	{"a used-up batch of a hold beyond the page stays where it is",
		"a product must not grow with what is not asked for", lapsedBeyond},
	{"the limit counts lapsed holds per product",
		"a product must not hide the lapsed holds of another one", lapsedPerProduct},
	{"by Lapsed it is the products whose holds lapsed first, at most Limit of them",
		"clearing away works in pages, and must begin with the oldest", lapsedProducts},
	{"firm lines, live holds, and holds that were confirmed or taken back select nothing by Lapsed",
		"clearing away would never end", lapsedOnly},
	{"NextExpiry is the earliest end of a live hold, loaded or not",
		"a copy of the product may be used until then, not longer (R7)", lapsedNext},
}

func lapsedBoundary(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.allocate("apple", held("o1", 2, minute(1)))
	q := at(minute(1).Add(-time.Microsecond), of("apple"))
	s := b.state(q)
	b.wantLines(s, q)
	if !s.NextExpiry.Equal(minute(1)) {
		b.errorf("NextExpiry after Load(%s) = %s, want %s", shown(q), moment(s.NextExpiry), moment(minute(1)))
	}
	q = at(minute(1).Add(-time.Microsecond), ofLapsed(noon))
	b.wantSKUs(b.load(q), q)
	for _, now := range []int{1, 2} {
		q = at(minute(now), of("apple"))
		b.wantLines(b.state(q), q, "o1")
		q = ofLapsed(minute(now))
		b.wantSKUs(b.load(q), q, "apple")
	}
}

func lapsedEverywhere(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 10))
	b.allocate("apple", held("o1", 2, minute(1)), firm("o2", 3))
	for _, q := range []allocation.Query{of("apple"), ofOrder("o2"), ofBatch("a2"), ofLapsed(noon)} {
		q = at(minute(2), q)
		s := b.state(q)
		b.lineOf(s, "o1")
		b.wantBatches(s, q, "a1", "a2")
	}
}

func lapsedOnce(b *bench) {
	skus := []allocation.SKU{"apple", "pear", "plum"}
	for i, sku := range skus {
		b.announce(sku, stock(allocation.BatchRef(skus[i]), 10))
		b.allocate(sku, held("o1", 2, minute(1)))
	}
	for n := range skus {
		q := at(minute(2), ofSKUs(skus[:n+1]...))
		q.Orders = []allocation.OrderID{"o1"}
		for _, s := range b.load(q) {
			b.wantLines(s, q, "o1")
			if l := b.lineOf(s, "o1"); len(l.Parts) != 1 {
				b.errorf("the line of product %q has %d parts, want 1", s.SKU, len(l.Parts))
			}
		}
	}
}

func lapsedOrder(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.allocate("apple", held("late", 1, minute(3)), held("a", 1, minute(2)), held("Z", 1, minute(2)),
		held("é", 1, minute(2)), held("early", 1, minute(1)), held("live", 1, minute(9)), firm("firm", 1))
	for i, want := range [][]allocation.OrderID{
		{"early"}, {"early", "Z"}, {"early", "Z", "a"}, {"early", "Z", "a", "é"}, {"early", "Z", "a", "é", "late"},
	} {
		q := first(i+1, at(minute(5), of("apple")))
		b.wantLines(b.state(q), q, want...)
	}
}

func lapsedBeyond(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 3), stock("a3", 9))
	b.allocate("apple", held("o1", 2, minute(1)), held("o2", 3, minute(2)))
	q := first(1, at(minute(5), of("apple")))
	s := b.state(q)
	b.wantLines(s, q, "o1")
	b.wantBatches(s, q, "a1", "a3")
}

func lapsedMore(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.allocate("apple", held("o1", 1, minute(1)), held("o2", 1, minute(2)), held("o3", 1, minute(3)))
	for _, of := range []allocation.Query{of("apple"), ofBatch("a1"), ofLapsed(noon)} {
		for limit, want := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
			q := first(limit, at(minute(5), of))
			if got := b.state(q).MoreLapsed; got != want {
				b.errorf("MoreLapsed after Load(%s) = %t, want %t: 3 holds have lapsed", shown(q), got, want)
			}
		}
		q := first(2, at(minute(2), of))
		if b.state(q).MoreLapsed {
			b.errorf("MoreLapsed after Load(%s) = true, want false: of 3 holds 2 have lapsed", shown(q))
		}
	}
}

func lapsedPerProduct(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	b.allocate("apple", held("o1", 1, minute(1)), held("o2", 1, minute(2)))
	b.allocate("pear", held("o1", 1, minute(3)), held("o2", 1, minute(4)))
	q := first(2, at(minute(5), ofSKUs("apple", "pear")))
	for _, s := range b.load(q) {
		b.wantLines(s, q, "o1", "o2")
		if s.MoreLapsed {
			b.errorf("MoreLapsed of %q after Load(%s) = true, want false: it has 2", s.SKU, shown(q))
		}
	}
}

func lapsedProducts(b *bench) {
	for i, sku := range []allocation.SKU{"c", "a", "d", "b"} {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), 10))
		b.allocate(sku, held("o1", 1, minute(i+1)), held("o2", 1, minute(10-i)))
	}
	for limit, want := range map[int][]allocation.SKU{1: {"c"}, 2: {"c", "a"}, 3: {"c", "a", "d"}, 4: {"c", "a", "d", "b"}} {
		q := first(limit, ofLapsed(minute(20)))
		b.wantSKUs(b.load(q), q, want...)
	}
	q := ofLapsed(minute(2))
	b.wantSKUs(b.load(q), q, "c", "a")
}

func lapsedOnly(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.allocate("apple", firm("firm", 1), held("live", 1, minute(9)), held("confirmed", 1, minute(1)),
		held("extended", 1, minute(1)), held("cancelled", 1, minute(1)))
	b.change(of("apple", "confirmed", "extended", "cancelled"), func(p *allocation.Product) error {
		if _, err := p.Confirm("confirmed", noon); err != nil {
			return err
		}
		if _, err := p.Extend("extended", minute(8), noon); err != nil {
			return err
		}
		_, err := p.Cancel("cancelled", noon)
		return err
	})
	q := ofLapsed(minute(5))
	b.wantSKUs(b.load(q), q)
	q = at(minute(5), of("apple"))
	b.wantLines(b.state(q), q)
}

func lapsedNext(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	b.allocate("pear", held("o1", 1, minute(1)))
	b.allocate("apple", held("o2", 1, minute(2)), held("o4", 1, minute(4)), held("o3", 1, minute(3)), firm("firm", 1))
	for now, want := range map[int]int{0: 2, 1: 2, 2: 3, 3: 4} {
		q := first(1, at(minute(now), of("apple")))
		if got := b.state(q).NextExpiry; got != minute(want) {
			b.errorf("NextExpiry after Load(%s) = %s, want %s", shown(q), moment(got), moment(minute(want)))
		}
	}
	q := at(minute(4), of("apple"))
	if got := b.state(q).NextExpiry; !got.IsZero() {
		b.errorf("NextExpiry after Load(%s) = %s, want none: all holds have lapsed", shown(q), moment(got))
	}
}
