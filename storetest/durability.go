package storetest

import "github.com/cosmic-go/allocation"

var durabilityRows = []row{
	{"all committed data are there after the data are opened again",
		"a promise to a customer outlives the process that made the promise", durableAll},
	{"a refusal's number and a used-up batch are there after the data are opened again",
		"every refusal after a restart would be written again (R10), and a repeated announcement would count " +
			"the stock twice (R8)", durableRefusal},
	{"removed lines and failed commits are not there after the data are opened again",
		"a cancelled line must not come back with the next start", durableGone},
	{"versions and keys are checked after the data are opened again",
		"a unit of work may have begun before the restart, and a delivery note may be repeated after the " +
			"restart", durableChecked},
}

func durableAll(b *bench) {
	done := b.busyShop(3, 120)
	orders := append(history(b, "quince"), done.orders...)
	observer := func() (text []string) {
		for _, sku := range append(done.skus, "quince") {
			text = append(text, describe(b.load(of(sku, orders...))...)...)
			text = append(text, b.recorded(sku)...)
		}
		for _, ref := range done.refs {
			text = append(text, describe(b.load(ofBatch(ref))...)...)
		}
		return append(text, describe(b.load(ofLapsed(minute(500)))...)...)
	}
	before := observer()
	for range 2 {
		b.reopen()
		if d := difference(observer(), before); d != "" {
			b.errorf("the data opened again differ:%s", d)
		}
	}
}

func durableRefusal(b *bench) {
	b.announce("apple", stock("a1", 2))
	b.allocate("apple", firm("o1", 2))
	b.ship("apple", "o1", 2)
	c := b.decide(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(4, noon) })
	c.Events = append(c.Events, allocation.LineRefused{SKU: "apple", At: noon, OrderID: "o2", Quantity: 9})
	c.Version++
	c.Refused = c.Version
	b.commit(c)
	q := ofBatch("a1")
	before := b.load(q)
	b.wantBatches(b.state(q), q, "a1")
	b.reopen()
	b.wantStates(b.load(q), before, "the product of a used-up batch, opened again")
	if s := b.state(of("apple")); s.Refused != c.Refused {
		b.errorf("Refused after the data are opened again = %d, want %d", s.Refused, c.Refused)
	}
}

func durableGone(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.allocate("apple", held("o1", 1, minute(1)), firm("o2", 2))
	b.commit(b.cancellation("apple", "o1"))
	stale := b.allocation("apple", firm("o3", 1))
	stale.Read, stale.Version = stale.Read-1, stale.Version-1
	b.refused(allocation.ErrConflict, b.product("aaa", stock("new", 1)).Changes(), stale)
	b.reopen()
	q := at(minute(2), of("apple", "o1", "o2", "o3"))
	b.wantLines(b.state(q), q, "o2")
	q = ofSKUs("aaa", "apple")
	b.wantSKUs(b.load(q), q, "apple")
	b.announce("pear", stock("new", 1))
}

func durableChecked(b *bench) {
	b.announce("apple", stock("a1", 10))
	stale := b.allocation("apple", firm("o1", 1))
	b.allocate("apple", firm("o2", 2))
	b.reopen()
	b.refused(allocation.ErrConflict, stale)
	b.refused(allocation.ErrConflict, b.product("apple", stock("a2", 1)).Changes())
	b.refused(allocation.ErrDuplicate, b.product("pear", stock("a1", 1)).Changes())
	again := b.allocation("apple", firm("o3", 1))
	b.lineIn(again.NewLines, 0).OrderID = "o2"
	b.refused(allocation.ErrDuplicate, again)
	b.allocate("apple", firm("o3", 1))
}
