// Package views has the read models: what a shop shows, without loading an aggregate.
//
// Each question is a small interface that a store may implement; packages memory and sqlstore implement all of
// them ([Reader]), and answer each with one query. What they return was true at one moment and is not checked
// again by any commit, so it is for showing. Whoever decides on stock lets the Service decide:
//
//	stock, err := store.Stock(ctx, time.Now(), "RED-CHAIR")  // "3 left", on the page
//	given, err := service.Allocate(ctx, request)             // whether there is one for you
//
// Contexts are answered as by an [allocation.Store]; invalid identifiers, and limits below 1, are an
// [*allocation.Error] that wraps [allocation.ErrInvalid]. What is unknown is left out of the answer and no error.
package views

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// Reader answers all questions. It must be safe for concurrent use, as each of its parts.
type Reader interface {
	OrderReader
	StockReader
	BatchReader
	LineReader
}

// OrderReader tells what an order got.
type OrderReader interface {
	// Order returns the lines of an order, by SKU. Lapsed holds that nobody has cleared away yet are
	// among them, see [Line.Lapsed].
	Order(ctx context.Context, order allocation.OrderID) ([]Line, error)
}

// Line is what a line of an order was given.
type Line struct {
	allocation.OrderLine           // its quantity, shipped units included
	HeldUntil            time.Time // zero for a firm line
	Sequence             int64     // number of the product's event that first told of the line
	Parts                []Part
}

// Lapsed reports whether the line is a hold whose time has passed: it no longer binds any stock.
func (l Line) Lapsed(now time.Time) bool {
	return allocation.Allocation{HeldUntil: l.HeldUntil}.Lapsed(now)
}

// Part is the share of one batch in a line, and what a customer asks about that batch.
type Part struct {
	allocation.Part
	ETA        time.Time // zero: it is in the warehouse
	Location   allocation.Location
	BestBefore time.Time
}

// StockReader tells what can be promised.
type StockReader interface {
	// Stock returns what can be promised at now, of each product in the order of skus. One that is
	// unknown is left out, one that is named twice comes twice. The units of lapsed holds are free.
	Stock(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]Stock, error)
}

// BatchReader lists the batches of a product.
type BatchReader interface {
	// Batches returns the batches of a product, used-up ones included, by Ref: at most limit of those
	// that are greater than after, "" for the first.
	Batches(ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int) ([]Batch, error)
}

// Batch is a batch, and what can be promised of it.
type Batch struct {
	allocation.Batch
	Free allocation.Quantity // units that can be promised now, those of lapsed holds included; never below 0
}

// LineReader lists who waits for units of a batch.
type LineReader interface {
	// BatchLines returns the lines that have unshipped units of a batch, oldest first: at most limit of
	// those whose Sequence is greater than after, 0 for the first. Shipped lines are history, which
	// the ledger has.
	BatchLines(ctx context.Context, batch allocation.BatchRef, after int64, limit int) ([]BatchLine, error)
}

// BatchLine is the share of one line in a batch.
type BatchLine struct {
	OrderID   allocation.OrderID
	Quantity  allocation.Quantity // units of the batch, shipped ones included
	Shipped   allocation.Quantity
	HeldUntil time.Time // zero for a firm line
	Sequence  int64     // the line's, see [Line]
}
