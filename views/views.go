// Package views defines the read models of a shop: stock, batches and orders as pages show them, without loading an
// aggregate.
//
// Each kind of query is a small interface that a store may implement. Packages memory and sqlstore implement all of
// them, see [Reader]; in sqlstore most methods send a single query to the database, and every query finds its rows by
// an index. [LotReader], [DueReader] and [ListReader] are for whoever traces goods and operates a shop.
//
// A view is for display only. The result was true at one moment, and no commit checks the result again. To decide on
// stock, call the Service:
//
//	stock, err := store.Stock(ctx, time.Now(), "RED-CHAIR")  // the page says "3 left"
//	given, err := service.Allocate(ctx, request)             // the decision, which may be a refusal
//
// # Replicas
//
// Every view also works on a replica without writes, for example a standby of PostgreSQL: give a store of its own a
// pool of connections to the replica. A view on a replica was true a little earlier on the primary, by the lag of the
// replica, and each view by itself is still of one moment. With lag, Stock may show sold units, or miss units just
// arrived; Order may miss a line just returned by Allocate, and show a cancelled line; Due may name settled rows, and
// Entries may end before the newest event. Show the answer of the command itself, or read from the primary, where a
// customer expects to see the own change. Compare Stock.Version with the version on an
// earlier page to find out whether a replica is behind.
//
// # Errors
//
// A nil or ended context has the errors of an [allocation.Store]. An invalid identifier, prefix or kind, or a limit
// below 1, is an [*allocation.Error] that wraps [allocation.ErrInvalid]. An unknown order, SKU or batch is no error:
// the result leaves out the unknown SKU, or is empty.
package views

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// Reader is a store with all read models. An implementation of Reader, or of any of the interfaces, must be safe
// for concurrent use.
type Reader interface {
	OrderReader
	StockReader
	BatchReader
	LineReader
	QueueReader
	LotReader
	DueReader
	ListReader
}

// OrderReader reads the lines of an order.
type OrderReader interface {
	// Order returns the lines of an order, sorted by SKU and LineID. The result includes lapsed holds that no command
	// has released yet, see [Line.Lapsed], and waiting lines.
	Order(ctx context.Context, order allocation.OrderID) ([]Line, error)
}

// Line is a line of an order, with the batches of the line's units.
type Line struct {
	allocation.OrderLine           // Quantity counts shipped units, too
	HeldUntil            time.Time // zero for a firm line
	Sequence             int64     // number of the event that recorded the line, among the events of the product

	// NeededBy, FreshUntil, Location and Priority are those of the line's [allocation.Request].
	NeededBy   time.Time
	FreshUntil time.Time
	Location   allocation.Location
	Priority   int

	// Waiting is how many units the line waits for; a line without units has the Quantity 0 and no Parts.
	Waiting allocation.Quantity

	Late  bool // units of the line come after NeededBy, and a LineLate has said so
	Parts []Part
}

// Lapsed reports whether the line is a hold that expired at or before now. The units of a lapsed hold are free for
// other orders.
func (l Line) Lapsed(now time.Time) bool {
	return allocation.Allocation{HeldUntil: l.HeldUntil}.Lapsed(now)
}

// Part is a line's part from a single batch, with the batch's data for a customer.
type Part struct {
	allocation.Part
	ETA        time.Time // zero for a batch in the warehouse
	Location   allocation.Location
	BestBefore time.Time
}

// StockReader reads the free units of products.
type StockReader interface {
	// Stock returns the units of each product that can be promised at the time now, in the order of skus. An
	// unknown SKU is left out, and a repeated SKU is repeated in the result. The units of lapsed holds are free, and
	// batches not saleable at now don't count, see [allocation.Batch.Saleable].
	Stock(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]Stock, error)

	// StockFor returns the stock as if the order had no lines: like Stock, but the unshipped units of all lines of the
	// order are free, too. A customer with 2 units in the cart and 3 units left for everybody can have 5 in all. An
	// order without lines is no error; then the result is that of Stock.
	StockFor(
		ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
	) ([]Stock, error)
}

// BatchReader reads the batches of a product.
type BatchReader interface {
	// Batches returns a page of a product's batches, used-up batches included, sorted by Ref: at most limit batches
	// with a Ref greater than after. The first page has after == "". Free is computed for the time now.
	Batches(
		ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
	) ([]Batch, error)

	// OpenBatches returns the batches with units that can be promised at the time now, in the order of skus, and the
	// batches of a product sorted by Ref. An unknown SKU is left out, and a repeated SKU is repeated. The sums of Free
	// are those of [StockReader]. One call answers what is available where, when, and under which terms:
	// [allocation.Batch.Serves] says whether a batch serves a request.
	OpenBatches(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]Batch, error)
}

// Batch is a batch with its free units.
type Batch struct {
	allocation.Batch
	Free allocation.Quantity // units that can be promised, units of lapsed holds included; 0 unless saleable
}

// LineReader reads the lines with unshipped units of a batch.
type LineReader interface {
	// BatchLines returns a page of the lines with unshipped units of a batch, in the order in which the lines leave
	// the batch at a cut: at most limit lines with a Rank behind after. The first page has the zero Rank. A line
	// that becomes firm, or gets a higher priority, between two pages may come twice, and is never left out.
	// A line without unshipped units of the batch is left out; [allocation.Ledger] still has the events of
	// shipped lines.
	BatchLines(
		ctx context.Context, batch allocation.BatchRef, after allocation.Rank, limit int,
	) ([]BatchLine, error)
}

// BatchLine is a line's part of a batch.
type BatchLine struct {
	OrderID   allocation.OrderID
	Line      allocation.LineID   // "" unless the order has several lines of the SKU
	Quantity  allocation.Quantity // units of the batch, shipped units included
	Shipped   allocation.Quantity
	HeldUntil time.Time // zero for a firm line
	Priority  int
	Sequence  int64 // see [Line]
}

// Rank returns the line's place in the order in which lines leave a batch at a cut.
func (l BatchLine) Rank() allocation.Rank {
	return allocation.Allocation{HeldUntil: l.HeldUntil, Priority: l.Priority, Sequence: l.Sequence}.Rank()
}
