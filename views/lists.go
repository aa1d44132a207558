package views

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// ListReader finds products, orders and events for whoever operates a shop. [DueReader] lists holds.
type ListReader interface {
	// Products returns a page of the products behind the filter, sorted by SKU: at most limit products with a SKU
	// greater than after. The first page has after == "". Free units are those of [StockReader] at the time now.
	Products(
		ctx context.Context, now time.Time, filter ProductFilter, after allocation.SKU, limit int,
	) ([]Product, error)

	// Orders returns a page of the orders with lines, waiting and shipped lines included, for which the
	// OrderID begins with the prefix, sorted as bytes: at most limit orders greater than after. The first page has
	// after == "".
	Orders(ctx context.Context, prefix string, after allocation.OrderID, limit int) ([]allocation.OrderID, error)

	// Entries returns a page of the ledger since a time, of one product, or of all products for the SKU "": the events
	// behind each product's last event from before that time, sorted by SKU and Sequence, at most limit with an
	// [Entry.Key] behind after. The zero time stands for all events. Purged events are missing.
	//
	// No index leads from a time to the events, because each sale would pay for the index. Over all products Entries
	// looks at the last event of each product; without a recent event a product costs one look.
	Entries(
		ctx context.Context, since time.Time, sku allocation.SKU, after Key, limit int,
	) ([]Entry, error)
}

// ProductFilter chooses products. The zero ProductFilter chooses all.
type ProductFilter struct {
	Prefix string // what the SKU begins with
	Low    bool   // only products of which the last LowStockCrossed said that the stock is low

	// Waiting chooses only products that lines wait for. Products then also reads up to three index entries for each
	// waiting line of the chosen products.
	Waiting bool
}

// Product is a product with its free units.
type Product struct {
	Stock
	LowStock allocation.Quantity // threshold in units; 0 for none
	Low      bool                // the last LowStockCrossed said that the stock is low
	Waiting  bool                // lines wait for units
}

// Entry is an event of the ledger.
type Entry struct {
	SKU      allocation.SKU
	Sequence int64 // number of the event, among the events of the product
	Event    allocation.Event
}

// Key returns the event's place in the list: SKU and Sequence.
func (e Entry) Key() Key { return Key{SKU: e.SKU, Sequence: e.Sequence} }
