package allocation

import (
	"context"
	"time"
)

// Repository gives a use case products as if all products were in memory. Within one unit of work
// there is one copy of each product, whether asked for by SKU, batch or order.
//
// A product comes with the batches for sale and with the lines of the given orders; the product's history
// stays in the store. Products are changed through their methods, and changes last only if the unit
// of work commits.
//
// Errors: [ErrNotFound], wrapped in an [*Error]; [ErrInvalid] for a bad identifier; [ErrConflict] if
// a product changed in the store between two calls; any error of the store. A Repository is not safe
// for concurrent use and refuses every call once the unit of work has ended.
type Repository interface {
	// Now is the present time of the unit of work, for reads and decisions, in UTC and whole
	// microseconds. Now stays the same until the unit of work ends or begins again.
	Now() time.Time

	// Get returns a product, with the lines of the given orders.
	Get(ctx context.Context, sku SKU, orders ...OrderID) (*Product, error)

	// GetMany is Get for many products in one read, in the order of skus, which must not repeat. If
	// any product is missing, GetMany returns no product and joins an error for each missing SKU.
	GetMany(ctx context.Context, skus []SKU, orders ...OrderID) ([]*Product, error)

	// GetByBatch returns the product that owns a batch, with the batch, used up or not, and the
	// batch's open lines that leave first at a cut.
	GetByBatch(ctx context.Context, ref BatchRef) (*Product, error)

	// GetByOrder returns the products for which an order has lines, by SKU, with the lines of the
	// order and of the given further orders.
	GetByOrder(ctx context.Context, order OrderID, orders ...OrderID) ([]*Product, error)

	// GetDue returns products for which something is due behind a turn, the earliest first, see
	// [Query].Due: at most a page of products, and at least one if anything is due; none and no error
	// if nothing is due. With skus, which must not repeat, GetDue returns these products, as far as
	// they exist, whether or not something is due. The products come with the batches that are due.
	GetDue(ctx context.Context, after Turn, skus ...SKU) ([]*Product, error)

	// Add makes a new product part of the unit of work. Add returns [ErrDuplicate] if the unit of
	// work has a product with the SKU already; if only the store has a product with the SKU, the
	// commit is a lost race.
	Add(p *Product) error
}
