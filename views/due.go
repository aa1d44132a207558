package views

import (
	"cmp"
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// DueReader lists what is due, over all products.
type DueReader interface {
	// Due returns a page of what is due at or before the time by, the earliest first: at most limit rows with a
	// [Due.Key] behind after. The zero time by sets no bound. With kinds, only rows of these kinds are returned;
	// without, all of them.
	//
	// Due answers for the time by as if nothing happened until then. [allocation.Service.Sweep] at that time tells
	// exactly the rows not yet Told, with two exceptions. Only [allocation.Service.ReceiveBatch] and
	// [allocation.Service.ChangeBatchETA] end an arrival. Of a late line whose hold has lapsed by then, Sweep tells the
	// end of the hold alone.
	//
	// Finding late lines takes as long as reading the unshipped lines on shipments with dated lines, and finding
	// promises on expired batches as long as reading the batches that expired behind after. All other kinds cost a
	// page, and with it all holds of a product that end at the same moment.
	Due(ctx context.Context, by time.Time, after Key, limit int, kinds ...DueKind) ([]Due, error)
}

// DueKind says what is due. Of rows that are due at one time, kinds come in the order of their texts.
type DueKind string

const (
	// DueArrival is a shipment on the way, At the ETA, with all expected units. A shipment cut to nothing is left out.
	DueArrival DueKind = "arrival"

	// DueExpiry is a batch with BestBefore, At BestBefore: a batch with units, until [allocation.BatchExpired] tells
	// the expiry, and from then on, Told, for as long as units are promised. [LineReader] lists the promises.
	DueExpiry DueKind = "expiry"

	// DueHold is a hold, At HeldUntil. A lapsed hold is listed until the units are released.
	DueHold DueKind = "hold"

	// DueLate is a line with units on the way, At the first moment after NeededBy: once for each batch that has not
	// arrived. Told says that [allocation.LineLate] has told that the line is late. Lines whose hold ends by then are
	// left out.
	DueLate DueKind = "late"

	// DueWaiting is a waiting line, At the first moment after NeededBy, when the waiting ends.
	DueWaiting DueKind = "waiting"
)

// Due is something that is due.
type Due struct {
	At      time.Time
	Kind    DueKind
	SKU     allocation.SKU
	Batch   allocation.BatchRef // of an arrival, an expiry and a late line
	OrderID allocation.OrderID  // of a hold, a late line and a line that waits
	Line    allocation.LineID

	// Quantity is how many units are concerned: the units of the batch, the unshipped units of the hold, the late
	// line's unshipped units of the batch, or the units missing from the line.
	Quantity allocation.Quantity

	Promised allocation.Quantity // units of an arrival or expiry that are promised
	Told     bool                // an event has told the expiry, or that the line is late
}

// Key returns the row's place in the list: At, Kind, SKU, Batch, OrderID and Line.
func (d Due) Key() Key {
	return Key{At: d.At, Kind: d.Kind, SKU: d.SKU, Batch: d.Batch, OrderID: d.OrderID, Line: d.Line}
}

// Compare is negative if d comes before other in the list, positive if d comes behind other, and 0 for the same place.
func (d Due) Compare(other Due) int { return d.Key().compareDue(other.Key()) }

// IsBehind reports whether the row comes behind a place in the list. Every row comes behind the zero Key.
func (d Due) IsBehind(after Key) bool { return after == (Key{}) || d.Key().compareDue(after) > 0 }

func (k Key) compareDue(other Key) int {
	return cmp.Or(
		k.At.Compare(other.At), cmp.Compare(k.Kind, other.Kind), cmp.Compare(k.SKU, other.SKU),
		cmp.Compare(k.Batch, other.Batch), cmp.Compare(k.OrderID, other.OrderID), cmp.Compare(k.Line, other.Line))
}
