package allocation

import (
	"context"
	"time"
)

// Repository is what a use case sees: products as if all of them were in memory. Within one unit of
// work there is one copy of a product, whichever way it was asked for.
//
// A product comes with its open batches and with the lines that were asked for; its history stays where
// it is. Products are changed through their own methods, and only kept if the unit of work commits.
//
// Errors: [ErrNotFound], wrapped in an [*Error]; [ErrInvalid] for a bad identifier; [ErrConflict] if a
// product changed in the store between two calls; whatever the store returned. A Repository is not
// safe for concurrent use and refuses everything once its unit of work has ended.
type Repository interface {
	// Now is the moment that the unit of work reads and decides for, in UTC and whole microseconds.
	// It stays the same until the unit of work ends or begins again.
	Now() time.Time

	// Get returns a product, with its lines of the given orders.
	Get(ctx context.Context, sku SKU, orders ...OrderID) (*Product, error)

	// GetMany is Get for many products in one read, in the order of skus, which must not repeat. If
	// any is missing it returns none, and an error for each that is missing, joined.
	GetMany(ctx context.Context, skus []SKU, orders ...OrderID) ([]*Product, error)

	// GetByBatch returns the product that owns a batch, with that batch, used up or not, and the
	// newest of its open lines.
	GetByBatch(ctx context.Context, ref BatchRef) (*Product, error)

	// GetByOrder returns the products that an order has lines of, by SKU, with these lines.
	GetByOrder(ctx context.Context, order OrderID) ([]*Product, error)

	// GetLapsed returns products that have lapsed holds, those that lapsed first, up to a page of
	// them; none if there are none.
	GetLapsed(ctx context.Context) ([]*Product, error)

	// Add makes a new product known. It answers [ErrDuplicate] if this unit of work has one of the
	// same SKU; if only the store has one, the commit is a lost race.
	Add(p *Product) error
}

// Store is what an adapter implements; everything that is the same for every store is done by the unit
// of work on top of it. A Store must be safe for concurrent use. It keeps plain values and decides
// nothing: the rules are the product's. Package storetest tells whether one keeps its promises.
//
// A store inside a transaction of the host's own has a method Joined(): a unit of work on it never tries
// again, since only the host can begin that transaction again.
//
// A context that is nil is an [*Error] that wraps [ErrInvalid]. One that has ended is answered with an
// error that wraps its cause's [context.Canceled] or [context.DeadlineExceeded], and nothing has
// been written then.
type Store interface {
	// Load reads the products that the query selects, each with what [State] lists, all as of one
	// moment: never half of a commit. Missing ones are left out; the order doesn't matter. The
	// states share no memory with the store or with each other.
	Load(ctx context.Context, q Query) ([]State, error)

	// Commit writes all changes, or none and returns an error:
	//
	//   - ErrConflict if any product has another version than Read, or doesn't exist (or, with Read
	//     0, does), whether or not it has events. Anything that a fresh attempt may cure is an
	//     ErrConflict too.
	//   - ErrDuplicate if a batch of NewBatches, under any SKU, or a line of NewLines exists.
	//   - ErrUnknownOutcome if it can't be told whether the changes were written.
	//
	// A conflict is found before a duplicate. Once it returns nil, every later Load sees the
	// changes. The changes are sorted by SKU, each SKU once; there may be none. Commit must not keep or change them.
	Commit(ctx context.Context, changes []Changes) error
}

// Locker is an optional ability of a [Store]: to keep others away from products that a unit of work has read.
// [UnitOfWork.Do] uses it after a lost race, or from the start if [UnitOfWorkOptions].LockFirst is set.
type Locker interface {
	// Locked begins a transaction and runs fn with a Store inside it. That store's Load locks the
	// products which it selects, in the order of their SKUs, before it reads them; its Commit writes
	// into the transaction, under the same version check as ever. Locked commits if fn returns nil, and
	// takes everything back if it returns an error, panics or ends its goroutine. Errors are those of
	// Load and Commit; a deadlock is ErrConflict.
	Locked(ctx context.Context, fn func(Store) error) error
}

// Query selects the products of one Load in exactly one of four ways: SKUs, Order, Batch or Lapsed.
type Query struct {
	SKUs   []SKU    // these products
	Order  OrderID  // products that this order has lines of
	Batch  BatchRef // the product that owns this batch
	Lapsed bool     // products with lapsed holds, those that lapsed first

	// Orders are further orders whose lines are loaded with each selected product.
	Orders []OrderID

	// Now decides which holds have lapsed: those with a HeldUntil that is not after it.
	Now time.Time

	// Limit, at least 1, is how many lapsed holds are loaded at most per product, how many lines of
	// Batch, and how many products by Lapsed.
	Limit int
}

// State is a product as a store keeps it, and as much of it as a [Query] asks for. Times are UTC.
type State struct {
	SKU      SKU
	Version  int64    // number of its last event, at least 1
	Refused  int64    // Changes.Refused of the last commit
	LowStock Quantity // Changes.LowStock of the last commit

	// Batches are all that have units available, the one of Query.Batch, and those of Lines; each once.
	Batches []Batch

	// Lines are, each once and with all its parts in their order:
	//
	//   - those of Query.Order and Query.Orders,
	//   - the lapsed holds, the first Query.Limit of them by HeldUntil and OrderID,
	//   - those with unshipped units of Query.Batch, the Query.Limit newest by Sequence.
	Lines []Allocation

	// MoreLapsed says that more than Query.Limit holds have lapsed.
	MoreLapsed bool

	// LinesFrom is 0 if Query.Batch has no more than Query.Limit lines with unshipped units, else the
	// Sequence of the last of the Query.Limit newest. It has no meaning for other queries.
	LinesFrom int64

	// NextExpiry is the earliest HeldUntil after Query.Now, zero if there is none: until then no more
	// units become free by themselves, and a state may be kept.
	NextExpiry time.Time
}

// Changes is what one unit of work did to one product. Without events it only demands that the product
// still has the version that was read.
type Changes struct {
	SKU      SKU
	Read     int64    // the version that was read; 0 if the product is new, and then there are events
	Version  int64    // the version to write: Read plus the number of events
	Refused  int64    // the number of the last refusal's event
	LowStock Quantity // the low-stock threshold

	NewBatches []Batch       // as they are at the end of the unit of work
	Batches    []BatchChange // of existing batches

	// NewLines must not exist in the store, Lines replace the whole line with the same key, and Removed names
	// lines to delete. All lines are of the SKU above, and no line is in more than one of the three lists.
	NewLines []Allocation
	Lines    []Allocation
	Removed  []LineKey

	// Events have the numbers Read+1 to Version. A store that hands them out, as package outbox has it,
	// keeps the trace parent of each beside it: TraceParents is as long as Events, "" for an event
	// that has none, or it is nil.
	Events       []Event
	TraceParents []string
}

// BatchChange is what changed in an existing batch. Counters come as differences, so that the store's
// own check on their sum holds even where somebody changed a row by hand.
type BatchChange struct {
	Ref       BatchRef
	Purchased Quantity  // difference
	Allocated Quantity  // difference
	ETA       time.Time // value
	CountedAt time.Time // value
	ShippedAt time.Time // value
}

// Ledger is an optional ability of a [Store], and of a [UnitOfWork] over one: to account for what it keeps.
// Contexts are answered as by a Store.
type Ledger interface {
	// Audit adds up a product as of one moment, and returns the product's version then. Every batch
	// that is known by its counters, a line or an event has a tally; the order doesn't matter. An
	// unknown SKU is an [*Error] that wraps [ErrNotFound].
	Audit(ctx context.Context, sku SKU) (version int64, tallies []Tally, err error)

	// Events returns a product's events in the order of their numbers: at most limit of them,
	// beginning with the one after the given number, 0 for the first. An unknown SKU has none.
	Events(ctx context.Context, sku SKU, after int64, limit int) ([]Event, error)
}

// Tally is one batch, accounted for three times. All three agree unless somebody changed the storage by hand,
// or the storage lost something.
type Tally struct {
	Batch BatchRef

	// Purchased and Allocated are the batch's counters.
	Purchased Quantity
	Allocated Quantity

	// Promised is the sum of what the lines have from the batch, without what was shipped.
	Promised Quantity

	// RecordedPurchased and RecordedAllocated are the sums of what the events moved.
	RecordedPurchased Quantity
	RecordedAllocated Quantity
}

// Drifted reports whether the three accounts disagree.
func (t Tally) Drifted() bool {
	return t.Allocated != t.Promised || t.Purchased != t.RecordedPurchased || t.Allocated != t.RecordedAllocated
}
