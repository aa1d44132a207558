package storetest

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var stockViewRows = []row{
	{"Stock: the result agrees with the model after every command and at any time",
		"a page that says \"3 left\" and a refused sale contradict each other", stockViewModel},
	{"Stock: products come in the requested order, repeated SKUs twice, unknown SKUs not at all",
		"the page puts each number beside the product of the request", stockViewAsked},
	{"Stock: a product that is sold out, or never had a batch, comes with 0 units",
		"a product that is left out would be taken for unknown", stockViewNothing},
	{"Stock: arriving units come by ETA, each ETA once, past ETAs included, apart from the warehouse",
		"units that have not arrived can't be shipped, even if the delivery is late", stockViewArriving},
	{"Stock: the units of a hold are free from exactly HeldUntil on",
		"the page would offer units that nobody gets, or hide free units (R7)", stockViewHolds},
	{"Stock: each lapsed line of an order frees its own units once, and other lines free nothing",
		"a live line beside a lapsed hold of the same order keeps its units", stockViewLineIDs},
	{"Stock: similar and unusual identifiers are told apart",
		"a product must not show the stock of another product (R12)", stockViewAlike},
	{"Stock: all units count, however many products, batches and lapsed holds there are",
		"the result has no pages, so nobody would ask for the rest", stockViewMany},
	{"Stock: a sum beyond the largest number is the largest number",
		"a delivery note with an absurd quantity must not break the page, or show negative stock", stockViewSum},
}

func (b *bench) wantStock(now time.Time, skus []allocation.SKU, want ...views.Stock) {
	b.Helper()
	wantResult(b, b.viewStock(now, skus...), want, describeStock, "Stock(%s, %q)", moment(now), skus)
}

// agreeStock checks that Stock agrees with the model.
func (b *bench) agreeStock(now time.Time, skus ...allocation.SKU) {
	b.Helper()
	want := make([]views.Stock, len(skus))
	for i, sku := range skus {
		want[i] = b.promised(now, sku)
	}
	b.wantStock(now, skus, want...)
}

// promised computes the stock by the model, after the model has cancelled the orders: the units of an ETA are the
// difference of AvailableBy to the ETA before.
func (b *bench) promised(now time.Time, sku allocation.SKU, without ...allocation.OrderID) views.Stock {
	b.Helper()
	q := at(now, of(sku, without...))
	p, err := b.state(q).Product(q)
	b.must(err, "Product of Load(%s)", shown(q))
	s := views.Stock{SKU: sku, Version: p.Version()}
	for _, order := range without {
		if _, err := p.Cancel(order, now); !errors.Is(err, allocation.ErrNotFound) {
			b.must(err, "Cancel(%s)", brief(string(order)))
		}
	}
	s.InWarehouse, err = p.Available(now)
	b.must(err, "Available(%s)", moment(now))
	var etas []time.Time
	for batch := range p.Batches() {
		if !batch.ETA.IsZero() {
			etas = append(etas, batch.ETA)
		}
	}
	slices.SortFunc(etas, time.Time.Compare)
	before := s.InWarehouse
	for _, eta := range slices.Compact(etas) {
		sum, err := p.AvailableBy(eta, now)
		b.must(err, "AvailableBy(%s, %s)", moment(eta), moment(now))
		if sum > before {
			s.Arriving = append(s.Arriving, views.Arrival{ETA: eta, Quantity: sum - before})
		}
		before = sum
	}
	return s
}

func stockViewModel(b *bench) {
	b.watchedShop(func(now time.Time, t shopData) {
		for _, later := range []time.Duration{0, 5 * time.Minute, time.Hour} {
			b.agreeStock(now.Add(later), t.skus...)
		}
	})
}

func stockViewAsked(b *bench) {
	for i, sku := range []allocation.SKU{"b", "a", "c"} {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), allocation.Quantity(i+1)))
	}
	skus := []allocation.SKU{"c", "unknown", "a", "c", "b", "a"}
	given := slices.Clone(skus)
	a, c := views.Stock{SKU: "a", Version: 1, InWarehouse: 2}, views.Stock{SKU: "c", Version: 1, InWarehouse: 3}
	b.wantStock(noon, given, c, a, c, views.Stock{SKU: "b", Version: 1, InWarehouse: 1}, a)
	if !slices.Equal(given, skus) {
		b.errorf("Stock changed its argument to %q, want %q", given, skus)
	}
	b.wantStock(noon, []allocation.SKU{"unknown"})
	b.wantStock(noon, nil)
}

func stockViewNothing(b *bench) {
	empty := b.product("empty")
	b.must(empty.SetLowStock(4, noon), "SetLowStock")
	b.commit(empty.Changes())
	b.announce("sold", stock("s1", 3), shipment("s2", 4, minute(60)))
	b.allocate("sold", firm("o1", 3), firm("o2", 4))
	b.announce("gone", stock("g1", 3))
	b.allocate("gone", firm("o1", 3))
	b.ship("gone", "o1", 3)
	b.wantStock(noon, []allocation.SKU{"sold", "empty", "gone"},
		views.Stock{SKU: "sold", Version: 4}, views.Stock{SKU: "empty", Version: 2},
		views.Stock{SKU: "gone", Version: 3})
}

func stockViewArriving(b *bench) {
	after := minute(60).Add(time.Microsecond)
	elsewhere := shipment("s2", 4, minute(60))
	elsewhere.Location, elsewhere.BestBefore = "south", minute(900)
	b.announce("apple", shipment("s3", 9, after), shipment("s1", 7, minute(60)), stock("a1", 5),
		shipment("s5", 3, minute(5)), shipment("s4", 6, minute(10)), elsewhere)
	b.change(of("apple", "o1"), func(p *allocation.Product) error {
		_, err := p.Allocate(noon, prefer("s5"), line("apple", firm("o1", 3)))
		return err
	})
	now := minute(30)
	b.wantStock(now, []allocation.SKU{"apple"}, views.Stock{SKU: "apple", Version: 7, InWarehouse: 5,
		Arriving: []views.Arrival{{ETA: minute(10), Quantity: 6}, {ETA: minute(60), Quantity: 11},
			{ETA: after, Quantity: 9}}})
	b.change(ofBatch("s4"), func(p *allocation.Product) error {
		_, err := p.ReceiveBatch(allocation.Count{Batch: "s4", Quantity: 8, At: noon}, noon, nil)
		return err
	})
	b.change(ofBatch("s1"), func(p *allocation.Product) error { return changeETA(p, "s1", after, noon) })
	b.wantStock(now, []allocation.SKU{"apple"}, views.Stock{SKU: "apple", Version: 9, InWarehouse: 13,
		Arriving: []views.Arrival{{ETA: minute(60), Quantity: 4}, {ETA: after, Quantity: 16}}})
}

// prefer returns a policy with the given batch first.
func prefer(ref allocation.BatchRef) allocation.Policy {
	return func(x, y allocation.Batch) int {
		switch {
		case x.Ref == ref:
			return -1
		case y.Ref == ref:
			return 1
		}
		return 0
	}
}

func stockViewHolds(b *bench) {
	b.announce("apple", stock("a1", 5), shipment("a2", 4, minute(60)))
	both := split("o2", 5)
	both.HoldUntil = minute(9)
	b.allocate("apple", held("o1", 2, minute(5)), both, firm("o3", 1))
	stockAt := func(now time.Time, here, coming allocation.Quantity) {
		b.Helper()
		want := views.Stock{SKU: "apple", Version: b.state(of("apple")).Version, InWarehouse: here}
		if coming > 0 {
			want.Arriving = []views.Arrival{{ETA: minute(60), Quantity: coming}}
		}
		b.wantStock(now, []allocation.SKU{"apple"}, want)
	}
	stockAt(noon, 0, 1)
	stockAt(minute(5).Add(-time.Microsecond), 0, 1)
	stockAt(minute(5).Add(-time.Nanosecond), 0, 1)
	stockAt(minute(5), 2, 1)
	stockAt(minute(5).In(time.FixedZone("east", 9*60*60)), 2, 1)
	stockAt(minute(9).Add(-time.Microsecond), 2, 1)
	stockAt(minute(9), 5, 3)
	b.change(of("apple", "o1", "o2"), func(p *allocation.Product) error {
		if _, err := p.Confirm("o1", noon); err != nil {
			return err
		}
		_, err := p.Extend("o2", minute(20), noon)
		return err
	})
	stockAt(minute(9), 0, 1)
	stockAt(minute(20), 3, 3)
	b.change(at(minute(20), of("apple")), func(p *allocation.Product) error {
		p.Sweep(minute(20))
		return nil
	})
	stockAt(minute(20), 3, 3)
	stockAt(noon, 3, 3)
}

func stockViewLineIDs(b *bench) {
	b.announce("apple", stock("a1", 20))
	b.allocate("apple", firm("o1", 1), as("1", held("o1", 2, minute(5))), as("2", held("o1", 4, minute(5))),
		as("3", held("o1", 8, minute(9))))
	for now, free := range map[int]allocation.Quantity{4: 5, 5: 11, 8: 11, 9: 19} {
		want := views.Stock{SKU: "apple", Version: 5, InWarehouse: free}
		b.wantStock(minute(now), []allocation.SKU{"apple"}, want)
		if reader, able := b.store.(views.BatchReader); able {
			batches, err := reader.Batches(b.Context(), minute(now), "apple", "", plenty)
			b.must(err, "Batches")
			if len(batches) != 1 || batches[0].Free != free {
				b.errorf("Batches at %s = %+v, want %d units free", moment(minute(now)), batches, free)
			}
		}
	}
}

func stockViewAlike(b *bench) {
	var skus []allocation.SKU
	var want []views.Stock
	for i, id := range slices.Concat(alike, odd) {
		b.announce(allocation.SKU(id), stock(allocation.BatchRef(id), allocation.Quantity(1+i)))
		skus = append(skus, allocation.SKU(id))
		want = append(want, views.Stock{SKU: skus[i], Version: 1, InWarehouse: allocation.Quantity(1 + i)})
	}
	b.wantStock(noon, skus, want...)
	for i := range skus {
		b.wantStock(noon, skus[i:i+1], want[i])
	}
	b.wantStock(noon, []allocation.SKU{"aBC", "a%", "x_", "É"})
}

func stockViewMany(b *bench) {
	const n = 200
	changes := make([]allocation.Changes, n)
	skus := named[allocation.SKU]("sku", n)
	want := make([]views.Stock, n)
	for i, sku := range skus {
		units := allocation.Quantity(i + 1)
		changes[i] = b.product(sku, stock(allocation.BatchRef("of "+sku), units)).Changes()
		want[n-1-i] = views.Stock{SKU: sku, Version: 1, InWarehouse: units}
	}
	b.commit(bySKU(changes...)...)
	slices.Reverse(skus)
	b.wantStock(noon, skus, want...)
	const m = 120
	batches := make([]allocation.Batch, m)
	requests := make([]allocation.Request, m)
	for i, ref := range named[allocation.BatchRef]("a", m) {
		batches[i] = stock(ref, 2)
		if i%2 == 1 {
			batches[i].ETA = minute(60 + i%3)
		}
		requests[i] = held(allocation.OrderID("of "+ref), 1, minute(1+i%5))
	}
	b.announce("apple", batches...)
	b.allocate("apple", requests...)
	for _, i := range []int{3, 5} {
		b.agreeStock(minute(i), "apple")
	}
}

func stockViewSum(b *bench) {
	const n, most = 1030, 1<<53 - 1
	batches := make([]allocation.Batch, n)
	for i, ref := range named[allocation.BatchRef]("a", n) {
		batches[i] = stock(ref, most)
	}
	b.announce("apple", batches...)
	b.wantStock(noon, []allocation.SKU{"apple"}, views.Stock{SKU: "apple", Version: n, InWarehouse: math.MaxInt64})
}
