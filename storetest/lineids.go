package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

var lineIDRows = []row{
	{"lines of an order for one SKU are told apart by the LineID",
		"a component of a bundle beside the same item alone is a line with other terms and another quantity",
		lineIDsApart},
	{"LineIDs that differ by a byte are different, and may contain everything that the model accepts",
		"two lines of an order that become one have one promise for both", lineIDsBytes},
	{"a state with one line of an order has all of the order's lines of the product",
		"whether an order is at the limit of its lines would depend on the query", lineIDsTogether},
	{"MoreLapsed and MoreLines count lines, not orders",
		"lapsed units would count as sold, or lines that were never loaded would stay at a cut (R6, R7)",
		lineIDsCounted},
	{"a replaced or removed line leaves the order's other lines as before",
		"the units of the other line are still promised", lineIDsReplaced},
	{"an order has the product until its last line of the product is removed",
		"cancelling or shipping an order must reach all of its lines", lineIDsRemoved},
}

func lineIDsApart(b *bench) {
	p := b.product("apple", stock("a1", 4), stock("a2", 9))
	splitHeld := split("o1", 5)
	splitHeld.HoldUntil = minute(9)
	_, err := p.Allocate(noon, nil, line("apple", firm("o1", 2)), line("apple", as("kit", splitHeld)),
		line("apple", as("spare", firm("o1", 2))), line("apple", as("kit", firm("o2", 1))))
	b.must(err, "Allocate")
	b.roundTrip(p, "o1", "o2")
	want := describe(b.state(of("apple", "o1")))
	for _, q := range []allocation.Query{ofOrder("o1"), ofOrder("o1", "o1")} {
		if d := difference(describe(b.load(q)...), want); d != "" {
			b.errorf("Load(%s) differs from a load by SKU:%s", shown(q), d)
		}
	}
}

func lineIDsBytes(b *bench) {
	p := b.product("apple", stock("a1", 1_000_000))
	for i, id := range slices.Concat([]string{""}, alike, odd) {
		_, err := p.Allocate(noon, nil, line("apple", as(allocation.LineID(id), firm("o1", allocation.Quantity(1+i)))))
		b.must(err, "Allocate of line %q", id)
	}
	b.roundTrip(p, "o1")
}

func lineIDsTogether(b *bench) {
	b.announce("apple", stock("a1", 9), stock("a2", 9))
	b.announce("pear", stock("p1", 9))
	b.allocate("apple", as("live", firm("o1", 9)), as("lapsed", held("o1", 2, minute(1))), firm("o1", 1))
	b.allocate("apple", firm("o2", 1), as("z", held("o2", 1, minute(2))))
	b.allocate("pear", as("other product", firm("o1", 1)))
	for _, q := range []allocation.Query{
		first(1, at(minute(1), of("apple"))), first(1, at(minute(5), of("apple"))), first(1, ofLapsed(minute(5))),
		first(1, ofBatch("a1")), of("apple", "o1"), ofOrder("o1"), ofBatch("p1", "o1"),
	} {
		for _, s := range b.load(q) {
			if s.SKU == "apple" {
				b.wantLineIDs(s, q, "o1", "", "lapsed", "live")
				b.wantBatches(s, q, "a1", "a2")
			}
		}
	}
	q := first(1, at(minute(5), of("apple")))
	b.wantLineIDs(b.state(q), q, "o2")
}

func lineIDsCounted(b *bench) {
	b.announce("apple", stock("a1", 100))
	b.allocate("apple", as("1", held("o1", 1, minute(1))), as("2", held("o1", 1, minute(1))),
		as("3", held("o1", 1, minute(2))), firm("o2", 1))
	for limit, want := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
		q := first(limit, at(minute(5), of("apple")))
		if got := b.state(q).MoreLapsed; got != want {
			b.errorf("MoreLapsed after Load(%s) = %t, want %t for 3 lapsed holds of one order", shown(q), got, want)
		}
	}
	for limit, all := range map[int]bool{1: false, 3: false, 4: true} {
		q := first(limit, ofBatch("a1"))
		if got := b.state(q).MoreLines; got == all {
			b.errorf("MoreLines after Load(%s) = %t, want %t for 4 lines of two orders", shown(q), got, !all)
		}
	}
}

func lineIDsReplaced(b *bench) {
	b.announce("apple", stock("a1", 9), stock("a2", 9))
	b.allocate("apple", firm("o1", 2), as("kit", split("o1", 12)), as("hold", held("o1", 1, minute(1))))
	q := of("apple", "o1")
	change := func(id allocation.LineID, units allocation.Quantity) func(p *allocation.Product) error {
		return func(p *allocation.Product) error {
			_, err := p.ChangeLine(line("apple", as(id, firm("o1", units))).OrderLine, noon, nil)
			return err
		}
	}
	ship := func(id allocation.LineID, units allocation.Quantity) func(p *allocation.Product) error {
		return func(p *allocation.Product) error {
			_, err := p.ShipPart(line("apple", as(id, firm("o1", units))).OrderLine, noon)
			return err
		}
	}
	for _, verb := range []func(p *allocation.Product) error{
		change("", 3), change("kit", 4), ship("kit", 1), change("kit", 10), change("hold", 2), ship("", 2),
	} {
		b.evolve(q, verb)
	}
	b.evolve(at(minute(1), q), func(p *allocation.Product) error {
		p.Sweep(minute(1))
		return nil
	})
	b.wantLineIDs(b.state(q), q, "o1", "", "kit")
}

func lineIDsRemoved(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.allocate("apple", as("z", held("o1", 1, minute(3))), held("o1", 2, minute(1)), as("a", held("o1", 3, minute(2))))
	q := ofOrder("o1")
	for i, want := range [][]allocation.LineID{{"a", "z"}, {"z"}} {
		b.releaseAt(minute(i + 1))
		b.wantLineIDs(b.state(q), q, "o1", want...)
	}
	b.releaseAt(minute(3))
	b.wantSKUs(b.load(q), q)
	if got := b.batchOf(b.state(of("apple")), "a1").Allocated; got != 0 {
		b.errorf("allocated units after the end of all lines = %d, want 0", got)
	}
}

// releaseAt commits the end of the lapsed holds of product apple.
func (b *bench) releaseAt(now time.Time) {
	b.Helper()
	b.change(at(now, of("apple")), func(p *allocation.Product) error {
		p.Sweep(now)
		return nil
	})
}
