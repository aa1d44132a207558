package views

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// LotReader traces a lot: the batches of the lot, and the lines with units of the lot.
//
// A batch belongs to the lot that [allocation.Batch].Lot names, or to the lot of its own Ref if Lot is empty. Parts
// split off a batch, and returns announced with the lot, belong to the lot, too. Both lists are
// complete whatever events have been purged, because the lists come from batches and lines.
type LotReader interface {
	// LotBatches returns a page of the batches of a lot, under whatever SKU, used-up batches included, sorted by Ref:
	// at most limit batches with a Ref greater than after. The first page has after == "". Free is computed for the
	// time now. Split parts have SplitFrom. An unknown lot has no batches.
	LotBatches(
		ctx context.Context, now time.Time, lot, after allocation.BatchRef, limit int,
	) ([]Batch, error)

	// LotLines returns a page of the lines with units of a lot, shipped lines included: at most limit lines with a
	// [LotLine.Key] behind after. Lines are sorted by Batch, and by the line's [allocation.Rank], which is the order in
	// which lines leave a batch at a cut. A line that has units of several batches of the lot comes once for each
	// batch.
	//
	// Shipping changes no Rank, so a line that ships between two pages comes once. A line that becomes firm between two
	// pages may come twice, and a line that gets units of the lot between two pages may be left out; to recall a lot,
	// block the lot's batches first. An unknown lot has no lines.
	LotLines(ctx context.Context, lot allocation.BatchRef, after Key, limit int) ([]LotLine, error)
}

// LotLine is a line's part of a single batch of a lot.
type LotLine struct {
	SKU   allocation.SKU
	Batch allocation.BatchRef
	BatchLine
}

// Key returns the line's place in the list: Batch and Rank.
func (l LotLine) Key() Key { return Key{Batch: l.Batch, Rank: l.Rank()} }
