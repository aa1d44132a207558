package storetest

import (
	"time"

	"github.com/cosmic-go/allocation"
)

var lapsedRows = []row{
	{"a hold lapses exactly at HeldUntil",
		"if store and model disagree about the end of a hold, a unit is sold too early or too late " +
			"(R7)", lapsedBoundary},
	{"every query brings lapsed holds and their batches",
		"a lapsed hold must never block a sale (R7), even if the hold has the last units of a batch", lapsedEverywhere},
	{"a lapsed hold whose order is asked for as well comes once",
		"a customer who comes back after the hold has lapsed would find the units free twice", lapsedOnce},
	{"the first lapsed holds come, sorted by HeldUntil and OrderID",
		"the earliest promise lapses first, and all pages must have the same order", lapsedOrder},
	{"MoreLapsed is true for more lapsed holds than Limit, and false for exactly Limit",
		"if never true, units of lapsed holds count as sold; if always true, every load gets larger", lapsedMore},
	{"the used-up batch of a hold beyond the page isn't loaded",
		"a load must not grow with data that the query doesn't ask for", lapsedBeyond},
	{"Limit counts the lapsed holds of each product",
		"one product must not hide the lapsed holds of another product", lapsedPerProduct},
	{"a query by Due brings the products whose holds lapsed first, at most Limit",
		"lapsed holds are released in pages, the oldest first", lapsedProducts},
	{"a query by Due brings no product with only firm lines, live, confirmed or cancelled holds",
		"releasing lapsed holds would never end", lapsedOnly},
	{"NextExpiry is the earliest end of all live holds, loaded or not",
		"the cache may use a copy of the product until that time, and no longer (R7)", lapsedNext},
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
	b.announce("pear", stock("p1", 10))
	b.allocate("pear", firm("o2", 1), held("o3", 1, minute(5).Add(400*time.Microsecond)))
	for _, of := range []allocation.Query{of("pear"), ofOrder("o2"), ofBatch("p1")} {
		for after, want := range map[int]int{399: 0, 400: 1, 500: 1} {
			q := at(minute(5).Add(time.Duration(after)*time.Microsecond), of)
			s := b.state(q)
			if got := s.NextExpiry.IsZero(); got != (want == 1) {
				b.errorf("NextExpiry after Load(%s) = %s, of a hold until %s", shown(q), moment(s.NextExpiry),
					moment(minute(5).Add(400*time.Microsecond)))
			}
			if want == 1 {
				b.lineOf(s, "o3")
			}
		}
	}
	q = ofLapsed(minute(5).Add(450 * time.Microsecond))
	b.wantSKUs(b.load(q), q, "apple", "pear")
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
	b.allocate("apple", held("o1", 1, minute(1)), held("o2", 1, minute(2)), held("o3", 1, minute(3)), firm("firm", 1))
	for _, of := range []allocation.Query{of("apple"), ofOrder("firm"), ofBatch("a1"), ofLapsed(noon)} {
		for limit, want := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
			q := first(limit, at(minute(5), of))
			if got := b.state(q).MoreLapsed; got != want {
				b.errorf("MoreLapsed after Load(%s) = %t, want %t for 3 lapsed holds", shown(q), got, want)
			}
		}
		q := first(2, at(minute(2), of))
		if b.state(q).MoreLapsed {
			b.errorf("MoreLapsed after Load(%s) = true, want false for 2 lapsed holds", shown(q))
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
			b.errorf("MoreLapsed of %q after Load(%s) = true, want false for 2 lapsed holds", s.SKU, shown(q))
		}
	}
}

func lapsedProducts(b *bench) {
	for i, sku := range []allocation.SKU{"c", "a", "d", "b"} {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), 10))
		b.allocate(sku, held("o1", 1, minute(i+1)), held("o2", 1, minute(10-i)))
	}
	byExpiry := []allocation.SKU{"c", "a", "d", "b"}
	for limit := 1; limit <= len(byExpiry); limit++ {
		q := first(limit, ofLapsed(minute(20)))
		b.wantSKUs(b.load(q), q, byExpiry[:limit]...)
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
	b.allocate("apple", held("o2", 1, minute(2)), held("o4", 1, minute(4)), held("o3", 1, minute(3)), firm("firm", 1),
		held("o5", 1, minute(5))) // the newest hold is the one line of a page by batch
	for now, want := range map[int]int{0: 2, 1: 2, 2: 3, 3: 4, 4: 5} {
		q := first(1, at(minute(now), of("apple")))
		if got := b.state(q).NextExpiry; got != minute(want) {
			b.errorf("NextExpiry after Load(%s) = %s, want %s", shown(q), moment(got), moment(minute(want)))
		}
	}
	for _, of := range []allocation.Query{ofOrder("firm"), ofBatch("a1"), ofLapsed(noon)} {
		q := first(1, at(minute(2), of))
		for _, s := range b.load(q) {
			if s.SKU == "apple" && s.NextExpiry != minute(3) {
				b.errorf("NextExpiry after Load(%s) = %s, want %s", shown(q), moment(s.NextExpiry), moment(minute(3)))
			}
		}
	}
	q := first(plenty, at(minute(2), ofLapsed(noon)))
	for _, s := range b.load(q) {
		if want := map[allocation.SKU]time.Time{"apple": minute(3)}[s.SKU]; s.NextExpiry != want {
			b.errorf("NextExpiry of %q after Load(%s) = %s, want %s", s.SKU, shown(q), moment(s.NextExpiry),
				moment(want))
		}
	}
	q = at(minute(5), of("apple"))
	if got := b.state(q).NextExpiry; !got.IsZero() {
		b.errorf("NextExpiry after Load(%s) = %s, want none after all holds have lapsed", shown(q), moment(got))
	}
}
