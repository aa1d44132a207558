package allocation

import (
	"context"
	"slices"
	"time"
)

// Store is the interface that an adapter implements; the unit of work does everything that is the
// same for every store. A Store must be safe for concurrent use. A Store stores plain values and
// decides nothing: the product holds the rules. Package storetest checks the promises of a store.
//
// A store inside a transaction of the host has a method Joined(): a unit of work on the store never
// tries again, since only the host can begin the transaction again.
//
// A nil context is an [*Error] that wraps [ErrInvalid]. If the context has ended, the error wraps
// [context.Canceled] or [context.DeadlineExceeded] (the context's Err, with or without its Cause), and
// nothing has been written. If the context ends during a Commit, the Commit either writes all changes
// and returns nil, or writes nothing and returns such an error; if the store can't tell, the error
// wraps [ErrUnknownOutcome], too.
type Store interface {
	// Load reads the products selected by the query, each with the fields listed at [State], all as
	// of one moment: never half of a commit. Missing products are left out; the order is free. The
	// states share no memory with the store or with each other.
	Load(ctx context.Context, q Query) ([]State, error)

	// Commit writes all changes, or returns an error and writes none:
	//
	//   - ErrConflict if any product has another version than Read, whether or not there are events;
	//     a product that does not exist counts as version 0. Any failure that a fresh attempt may
	//     cure is an ErrConflict too.
	//   - ErrDuplicate if a batch of NewBatches, under any SKU, or a line of NewLines exists, or if a line
	//     of NewWaiting waits already.
	//   - ErrUnknownOutcome if the store can't tell whether the changes were written.
	//
	// A conflict is found before a duplicate. After Commit has returned nil, every Load sees the
	// changes. The changes are sorted by SKU, each SKU once; the list may be empty. Commit must
	// neither retain nor change the list.
	Commit(ctx context.Context, changes []Changes) error
}

// Locker is an optional ability of a [Store]: to lock products while a unit of work decides.
// [UnitOfWork.Do] locks after a lost race, or from the first attempt if [UnitOfWorkOptions].LockFirst
// is set.
type Locker interface {
	// Locked begins a transaction and runs fn with a Store inside the transaction. Load on that store
	// locks the selected products, in the order of their SKUs, before reading; a Load by Order may also
	// lock the products of Orders, since a hand-over reads the products of two orders one after the
	// other. Commit writes into the transaction, under the usual version check. Until the end nobody
	// else changes a locked product: another Locked or Commit waits, or returns an ErrConflict.
	//
	// Locked commits if fn returns nil, and rolls back if fn returns an error, panics or ends the
	// goroutine. An error of fn is returned unchanged. A Commit that failed inside leaves nothing,
	// even if fn returns nil; Locked may then return an error. Other errors are as for Load and
	// Commit; a deadlock is an ErrConflict.
	Locked(ctx context.Context, fn func(Store) error) error
}

// Query selects the products of one Load in exactly one of four ways: by SKUs, Order, Batch or
// Due. Due may also come with SKUs.
type Query struct {
	SKUs  []SKU    // these products
	Order OrderID  // the products for which this order has lines, lines that wait included
	Batch BatchRef // the product that owns this batch

	// Due selects the products for which something is due at or before Now, and behind After: a hold
	// whose HeldUntil is due, a batch whose Due is, a line that waits whose NeededBy is before Now, due a
	// microsecond after NeededBy, or Serving, due at the zero time. The earliest comes first, by the product's first
	// such time and the SKU; see Limit. Each selected product comes with all batches that are due at
	// or before Now. With SKUs, Due only adds these batches.
	Due   bool
	After Turn

	// Orders are further orders. Their lines are loaded with each selected product.
	Orders []OrderID

	// Now decides which holds have lapsed: all with a HeldUntil at or before Now.
	Now time.Time

	// Waiting asks for a page of the lines that wait, in the order of serving, from the place From on; with
	// Due for a page of those whose NeededBy is before Now, by NeededBy, OrderID and Line. A query with
	// Waiting names one product by SKUs, and neither Order, Batch nor Orders.
	Waiting bool
	From    Rank

	// Limit, at least 1, bounds the lapsed holds loaded with a product, the lines loaded for Batch, the
	// page of Waiting, and the products selected by Due. A store may select fewer products by Due, so that a product
	// with a million lapsed holds isn't searched for the next: at least one, if anything is due, and
	// none before an earlier one.
	Limit int
}

// Turn is the place of a product among all products for which something is due: by the time, then by
// the SKU. The zero Turn is before every other.
type Turn struct {
	At  time.Time
	SKU SKU
}

// State is a product in a store, as far as a [Query] asks for the product. Times are UTC.
type State struct {
	SKU      SKU
	Version  int64    // the number of the last event, at least 1
	Refused  int64    // Changes.Refused of the last commit
	LowStock Quantity // Changes.LowStock of the last commit
	Low      bool     // Changes.Low of the last commit

	// Batches are the batches for sale, the batch of Query.Batch, the batches that are due if Query.Due
	// is set, and the batches of Lines; each once.
	// A batch is for sale while units are available and the batch is neither Blocked nor Expired,
	// whatever the BestBefore.
	Batches []Batch

	// Lines are, each line once and with all parts in their order:
	//
	//   - the lines of Query.Order and Query.Orders,
	//   - the lines with units of the orders of the page of Query.Waiting,
	//   - the lapsed holds, at most the first Query.Limit by HeldUntil, OrderID and Line,
	//   - the lines with unshipped units of Query.Batch, at most the first Query.Limit by Rank.
	//
	// A state with one line of an order has all of the order's lines of the product, in Lines and in
	// Waiting.
	Lines []Allocation

	// Waiting are the lines that wait of the orders of the query, of the orders of Lines, and of the page
	// if Query.Waiting is set: each line once, in any order, with the units that the line waits for. A line
	// that also has units is one of Lines, too. The entries here have no Quantity, HeldUntil, Late and
	// Parts; the entries of Lines have no Waiting. In the order of serving the highest Priority comes
	// first, then the lowest Sequence; Held of a Rank has no meaning.
	Waiting []Allocation

	// AnyWaiting says that lines of the product wait, loaded or not. Serving is Changes.Serving of the last
	// commit.
	AnyWaiting bool
	Serving    Rank

	// FirstNeeded is the earliest NeededBy of the lines that wait, of those that are due behind Query.After
	// if Query.Due is set; zero for none, and without Query.Due.
	FirstNeeded time.Time

	// MoreWaiting says that more than Query.Limit lines wait at Query.From or behind. Then WaitingTo is
	// the place of the last of the first Query.Limit lines. With Query.Due as well, MoreWaiting says that
	// NeededBy of more than Query.Limit lines is before Now. Otherwise both are zero.
	MoreWaiting bool
	WaitingTo   Rank

	// MoreLapsed says that more than Query.Limit holds have lapsed.
	MoreLapsed bool

	// MoreLines says that Query.Batch has more than Query.Limit lines with unshipped units. Then
	// LinesFrom is the Rank of the last of the first Query.Limit lines. For other queries MoreLines is
	// false. LinesFrom has no meaning unless MoreLines is set.
	MoreLines bool
	LinesFrom Rank

	// NextExpiry is the earliest HeldUntil after Query.Now, zero for none. Until then no unit becomes
	// free by the passing of time, and the state may be cached.
	NextExpiry time.Time
}

// Changes are the differences that one unit of work made to one product. Changes with Version equal to
// Read only demand that the product still has the version Read.
type Changes struct {
	SKU  SKU
	Read int64 // the version that was read; 0 if the product is new, and then there are events

	// Version is the version to write: Read plus the number of events. After [Service.Mend] Version
	// may be greater, with events or without any: the numbers between belong to events that the store
	// has already.
	Version int64

	Refused  int64    // the number of the last refusal's event
	LowStock Quantity // the low-stock threshold
	Low      bool     // whether the last LowStockCrossed said that the stock is low

	NewBatches []Batch       // as they are at the end of the unit of work
	Batches    []BatchChange // of existing batches

	// NewLines must not exist in the store, Lines replace the whole line with the same key, and
	// Removed names lines to delete. All lines have the SKU above, and no line is in more than one of
	// the three lists.
	NewLines []Allocation
	Lines    []Allocation
	Removed  []LineKey

	// NewWaiting are lines that begin to wait and must not wait in the store, Waiting replace the waiting
	// line with the same key, and EndedWaiting names lines that wait no longer, all as in State.Waiting.
	// No line is in more than one of these three lists, but a line may have units and wait for others, and
	// so be in one of these lists and in one of the three above.
	NewWaiting   []Allocation
	Waiting      []Allocation
	EndedWaiting []LineKey

	// Serving is the place in the queue of those who wait where serving goes on, without Held; zero if
	// everybody was offered all that is free. A store only keeps Serving, and need not write it unless
	// NewServing says that Serving differs from the stored value.
	Serving    Rank
	NewServing bool

	// Events have successive numbers; the last event has the number Version. TraceParents is nil, or
	// has one entry for each event, "" for an event without a trace parent. A store with an outbox
	// stores each event's trace parent beside the event.
	Events       []Event
	TraceParents []string
}

// BatchChange is the difference made to an existing batch. Counters come as differences, so that the
// store's own check of the sum holds even where somebody changed a row by hand.
type BatchChange struct {
	Ref       BatchRef
	Purchased Quantity  // difference
	Allocated Quantity  // difference
	ETA       time.Time // new value, like all below
	ArrivedAt time.Time
	Blocked   string
	Expired   bool
	Due       time.Time
	Dated     bool

	CountedAt       time.Time
	CountedQuantity Quantity
	ShippedAt       time.Time

	// CountersOnly says that no field but Purchased and Allocated differs from the stored batch, so that
	// the store need not write the others, which have the stored values here. A store may ignore
	// CountersOnly.
	CountersOnly bool
}

// Ledger is an optional ability of a [Store], and of a [UnitOfWork] over a store: to account for the
// stock. Contexts are answered as by a Store.
//
// A Ledger may have a further method, for [Service.ReconcileAll]:
//
//	Audits(ctx context.Context, after SKU, limit int) ([]Audit, error)
//
// Audits adds up a page of products, each as Audit does and all as of one moment: at most limit products
// with a SKU greater than after, sorted by SKU. A limit below 1 is an [*Error] that wraps [ErrInvalid].
type Ledger interface {
	// Audit adds up a product as of one moment. Every batch that is known by counters, by a line or by
	// an event has a tally; the order is free. An unknown SKU is an [*Error] that wraps [ErrNotFound].
	Audit(ctx context.Context, sku SKU) (Audit, error)

	// Events returns a product's events in the order of their numbers: at most limit events, all with
	// a number greater than after, 0 for the first event. An unknown SKU has no events.
	Events(ctx context.Context, sku SKU, after int64, limit int) ([]Event, error)
}

// auditor is the further method of a [Ledger].
type auditor interface {
	Audits(ctx context.Context, after SKU, limit int) ([]Audit, error)
}

// Audit is the result of adding up a product. Version and LastEvent agree unless somebody changed the
// storage by hand, or restored only a part of the storage.
type Audit struct {
	SKU     SKU
	Version int64 // in the product's own row

	// LastEvent is the number of the product's last event, whether the event is still stored or was
	// deleted as old; 0 for none.
	LastEvent int64

	Tallies []Tally // one for each batch; in the answers of a [Service] only batches that drifted
}

// Drifted reports whether the version differs from the last event, or any tally drifted.
func (a Audit) Drifted() bool {
	return a.Version != a.LastEvent || slices.ContainsFunc(a.Tallies, Tally.Drifted)
}

// Tally is one batch in three accounts: counters, lines and events. All three agree unless somebody
// changed the storage by hand, or the storage lost something.
type Tally struct {
	Batch BatchRef

	// Purchased and Allocated are the batch's counters.
	Purchased Quantity
	Allocated Quantity

	// Promised is the sum of the lines' units from the batch, without the shipped units.
	Promised Quantity

	// RecordedPurchased and RecordedAllocated are the sums of the movements of the events.
	RecordedPurchased Quantity
	RecordedAllocated Quantity
}

// Drifted reports whether the three accounts disagree.
func (t Tally) Drifted() bool {
	return t.Allocated != t.Promised || t.Purchased != t.RecordedPurchased || t.Allocated != t.RecordedAllocated
}
