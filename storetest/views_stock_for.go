package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var stockForRows = []row{
	{"StockFor: the result agrees with the model without the order's lines, after every command and at any time",
		"the customer would read another number than the Service decides by", stockForModel},
	{"StockFor: the unshipped units of every part of the order's lines are free, and no other order's",
		"a customer with units in the cart would be told that too few, or too many, can be had", stockForOwn},
	{"StockFor: a lapsed line of the order frees its units once",
		"the page would offer units that nobody gets (R7)", stockForLapsed},
	{"StockFor: the order's units of a batch that is not saleable add nothing",
		"the page would offer units that the model refuses to sell (R13)", stockForSaleable},
	{"StockFor: products come as from Stock, for an order without lines, too",
		"a cart is empty at first, and the page puts each number beside the product of the request", stockForAsked},
}

func (b *bench) wantStockFor(now time.Time, order allocation.OrderID, skus []allocation.SKU, want ...views.Stock) {
	b.Helper()
	wantResult(b, b.viewStockFor(now, order, skus...), want, describeStock,
		"StockFor(%s, %s, %q)", moment(now), brief(string(order)), skus)
}

func stockForModel(b *bench) {
	b.watchedShop(func(now time.Time, t shopData) {
		for _, order := range t.orders[:6] {
			for _, later := range []time.Duration{0, 5 * time.Minute} {
				b.agreeStockFor(now.Add(later), order, t.skus...)
			}
		}
	})
}

// agreeStockFor checks that StockFor agrees with the model after the model has cancelled the order.
func (b *bench) agreeStockFor(now time.Time, order allocation.OrderID, skus ...allocation.SKU) {
	b.Helper()
	want := make([]views.Stock, len(skus))
	for i, sku := range skus {
		want[i] = b.promised(now, sku, order)
	}
	b.wantStockFor(now, order, skus, want...)
}

func stockForOwn(b *bench) {
	b.announce("apple", stock("a1", 9), stock("a2", 4), shipment("a3", 8, minute(60)))
	b.announce("pear", stock("p1", 5))
	b.allocate("apple", held("o1", 2, minute(5)), as("2", firm("o1", 3)), held("o2", 4, minute(5)),
		as("3", split("o1", 6)), firm("O1", 1))
	b.allocate("pear", firm("o1", 4))
	b.ship("pear", "o1", 1)
	apple := views.Stock{SKU: "apple", Version: 9, Arriving: []views.Arrival{{ETA: minute(60), Quantity: 5}}}
	b.wantStock(noon, []allocation.SKU{"apple"}, apple)
	apple.InWarehouse, apple.Arriving[0].Quantity = 9, 7
	pear := views.Stock{SKU: "pear", Version: 3, InWarehouse: 4}
	b.wantStockFor(noon, "o1", []allocation.SKU{"pear", "apple"}, pear, apple)
	b.ship("pear", "o1", 4)
	pear.Version, pear.InWarehouse = 4, 1
	b.wantStockFor(noon, "o1", []allocation.SKU{"pear"}, pear)
}

func stockForLapsed(b *bench) {
	b.announce("apple", stock("a1", 20))
	b.allocate("apple", held("o1", 2, minute(5)), as("2", firm("o1", 3)), as("3", held("o1", 4, minute(9))),
		held("o2", 5, minute(5)))
	for now, free := range map[int]allocation.Quantity{4: 15, 5: 20, 9: 20} {
		want := views.Stock{SKU: "apple", Version: 5, InWarehouse: free}
		b.wantStockFor(minute(now), "o1", []allocation.SKU{"apple"}, want)
	}
}

func stockForSaleable(b *bench) {
	b.closedShop()
	for order, free := range map[allocation.OrderID]allocation.Quantity{
		"good": 8, "soon": 8, "blocked": 6, "expired": 6, "late": 6,
	} {
		b.wantStockFor(noon, order, []allocation.SKU{"apple"},
			views.Stock{SKU: "apple", Version: b.state(of("apple")).Version, InWarehouse: free})
	}
}

func stockForAsked(b *bench) {
	b.announce("b", stock("b1", 1))
	b.announce("a", stock("a1", 2))
	b.allocate("a", firm("o1", 2))
	skus := []allocation.SKU{"b", "unknown", "a", "b", "a"}
	given := slices.Clone(skus)
	one, sold := views.Stock{SKU: "b", Version: 1, InWarehouse: 1}, views.Stock{SKU: "a", Version: 2}
	b.wantStockFor(noon, "empty", given, one, sold, one, sold)
	sold.InWarehouse = 2
	b.wantStockFor(noon, "o1", given, one, sold, one, sold)
	if !slices.Equal(given, skus) {
		b.errorf("StockFor changed its argument to %q, want %q", given, skus)
	}
	b.wantStockFor(noon, "o1", []allocation.SKU{"unknown"})
	b.wantStockFor(noon, "o1", nil)
}
