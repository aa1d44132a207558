package allocation

import (
	"cmp"
	"fmt"
	"time"
)

// SKU names a product: a stock keeping unit. Like every identifier a SKU is 1 to 255 bytes of valid
// UTF-8 without NUL or surrounding white space, and compared as bytes (R12).
type SKU string

// Validate returns an [*Error] that wraps [ErrInvalid] if the text can't name a SKU.
func (s SKU) Validate() error { return checkID("Validate", "sku", s) }

// OrderID names a customer's order.
type OrderID string

// Validate returns an [*Error] that wraps [ErrInvalid] if the text can't name an order.
func (o OrderID) Validate() error { return checkID("Validate", "order", o) }

// BatchRef names a batch. Refs are unique over all products.
type BatchRef string

// Validate returns an [*Error] that wraps [ErrInvalid] if the text can't name a batch.
func (b BatchRef) Validate() error { return checkID("Validate", "batch", b) }

// Location names the place where a batch is stored, or will be. A Location may be empty.
type Location string

// LineID tells apart the lines of an order for the same SKU, such as a component of a bundle beside the
// same item alone. Most orders have one line of a SKU, with the empty LineID. An order has at most
// 1,000 lines of one SKU; one more is [ErrNotAllowed]. Since a cached product knows no lines, the line
// with the empty LineID may be the 1,001st.
type LineID string

// OrderLine is a customer's demand: so many units of one SKU for one order. An OrderLine is a value:
// two lines with equal data are equal. The line's [LineKey] names the line (R3).
type OrderLine struct {
	OrderID  OrderID
	SKU      SKU
	Line     LineID // "" unless the order has several lines of the SKU
	Quantity Quantity
}

// Key returns the name of the line.
func (l OrderLine) Key() LineKey { return LineKey{OrderID: l.OrderID, SKU: l.SKU, Line: l.Line} }

// LineKey names a line (R3). Two keys are equal, by ==, if and only if both name the same line.
type LineKey struct {
	OrderID OrderID
	SKU     SKU
	Line    LineID
}

// Request is an order line and the terms for the line's allocation. The zero terms are: firm, and
// whole from one batch.
type Request struct {
	OrderLine

	// Split allows the line to be spread over several batches (R2).
	Split bool

	// Wait lets the line wait for the units that can't be given now (R15), and again if a cut takes
	// units away later. No line begins to wait after NeededBy has passed. Wait can't be combined with
	// HoldUntil.
	Wait bool

	// Partial lets the line take what there is: with Wait the line waits for the rest, without Wait the
	// rest is forgotten. Partial needs Split, and can't be combined with HoldUntil or HoldFor.
	Partial bool

	// HoldUntil makes the allocation a hold, which lapses at this time unless confirmed before (R7). A
	// repeat with a later HoldUntil, or without, extends or confirms the hold (R3).
	HoldUntil time.Time

	// NeededBy, FreshUntil and Location bind the line to the batches that fit, for as long as the line
	// exists (R14): batches in the warehouse or with an ETA not after NeededBy, batches that keep
	// beyond FreshUntil, batches at the Location. Each zero value accepts every batch. A shipment whose
	// ETA has passed fits no line with NeededBy. NeededBy and FreshUntil of a new line must not have
	// passed.
	NeededBy   time.Time
	FreshUntil time.Time
	Location   Location

	// Priority, from -32,768 to 32,767, decides who loses units at a cut: lines with a lower priority
	// leave first (R6). Of lines that wait, the line with the highest priority is served first (R15).
	Priority int

	// HoldFor makes the allocation a hold of this length, at least a microsecond, which begins when the
	// units are given. HoldFor can't be combined with HoldUntil. A repeat without HoldFor makes the line firm,
	// as Confirm does: if the line still waits, the units will be given firm.
	HoldFor time.Duration
}

// Batch is stock from a single purchase: a quantity of one SKU, in the warehouse or expected at the
// ETA. The Ref identifies a batch. To announce a batch, fill in Ref, SKU and Purchased, and ETA,
// Location, BestBefore, Lot and Blocked where they apply; the product sets the other fields.
type Batch struct {
	Ref        BatchRef
	SKU        SKU
	Purchased  Quantity  // units bought and not yet shipped
	Allocated  Quantity  // units promised and not yet shipped; never more than Purchased
	ETA        time.Time // time of arrival; zero: in the warehouse
	Location   Location  // "" for none
	BestBefore time.Time // zero: not perishable
	Lot        BatchRef  // the lot that the units come from; "" stands for the batch's own Ref
	Blocked    string    // why the batch must not be sold; "" for a batch that may be sold

	// AnnouncedQuantity, AnnouncedETA and AnnouncedBlocked are Purchased, ETA and Blocked as announced,
	// by which a repeated announcement is recognised (R8).
	AnnouncedQuantity Quantity
	AnnouncedETA      time.Time
	AnnouncedBlocked  string

	// SplitFrom is the batch from which this batch was split off; "" for a batch announced by itself.
	SplitFrom BatchRef

	// ArrivedAt is when the batch arrived in the warehouse: the earlier of two batches in the warehouse
	// is allocated first (R1). Zero stands for a batch that has not arrived, or that arrived before the
	// store recorded arrivals.
	ArrivedAt time.Time

	// Expired says that a BatchExpired was recorded: nothing of the batch is ever sold again.
	Expired bool

	// Due is when [Service.Sweep] has to look at the batch: at BestBefore, or earlier for lines that
	// are needed by then. Zero stands for never. Due is never too late, and too early if such a line has
	// left the batch. Dated says that a batch on the way may have lines with NeededBy, or lines that are late.
	Due   time.Time
	Dated bool

	// CountedAt and CountedQuantity are the moment and the result of the last count, by which a
	// repeated or belated count is recognised (R8). CountedAt is zero for a batch that was never
	// counted; CountedQuantity is -1 if the result is not known, which makes any result a repeat.
	// ShippedAt is the moment when units last left the batch, by a shipment or a split; zero for never.
	CountedAt       time.Time
	CountedQuantity Quantity
	ShippedAt       time.Time
}

// Available returns the units of the batch that are promised to nobody, never less than 0.
func (b Batch) Available() Quantity { return max(0, b.Purchased-b.Allocated) }

// Allocation is a line and the stock promised to the line.
type Allocation struct {
	OrderLine

	// Split is the Split of the line's Request, and counts again when the line has to move (R6). MayWait
	// is Wait of the Request: if a cut takes units away, the line waits for these units at the line's
	// old place, unless NeededBy has passed. Partial is that of the Request.
	Split   bool
	MayWait bool
	Partial bool

	// Late says that units of the line come after NeededBy: the last LineLate about the line said so.
	Late bool

	// HeldUntil is when the allocation lapses; zero for a firm line.
	HeldUntil time.Time

	// NeededBy, FreshUntil, Location and Priority are those of the line's Request.
	NeededBy   time.Time
	FreshUntil time.Time
	Location   Location
	Priority   int

	// Waiting is how many units the line waits for, 0 for none; a line that has nothing yet has the
	// Quantity 0 and no Parts. Wanted is how many units were asked for, if the line has fewer; 0 if the
	// line has all of them. A repeated request is compared with Wanted (R3).
	Waiting Quantity
	Wanted  Quantity

	// HoldFor is the length of the hold that begins when units are given; zero after Confirm, and for a
	// line that is firm or held until a given time.
	HoldFor time.Duration

	// HandedFrom is the order from which the line was handed over; "" for none.
	HandedFrom OrderID

	// Sequence is the number of the first event about the line: the higher, the newer the line.
	Sequence int64

	// Parts are the line's batches, each batch once. The quantities add up to the line's quantity.
	Parts []Part
}

// Part is the share of one batch in an allocation.
type Part struct {
	Batch    BatchRef
	Quantity Quantity // units from this batch, shipped units included; at least 1
	Shipped  Quantity // units of Quantity that have left the warehouse
}

// open returns the part's promised units without the shipped units.
func (p Part) open() Quantity { return p.Quantity - p.Shipped }

// Rank returns the line's place in the order of leaving.
func (a Allocation) Rank() Rank {
	return Rank{Held: !a.HeldUntil.IsZero(), Priority: a.Priority, Sequence: a.Sequence}
}

// Rank is a line's place in the order in which lines leave a batch at a cut (R6): holds leave before
// firm lines, of these the lines with the lowest priority, and of these the newest. Lines that wait are
// served in the opposite order (R15); they are never held.
type Rank struct {
	Held     bool
	Priority int
	Sequence int64
}

// Compare is negative if r leaves before other, positive if r leaves after other, and 0 for the same
// place.
func (r Rank) Compare(other Rank) int {
	if r.Held != other.Held {
		if r.Held {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(r.Priority, other.Priority), cmp.Compare(other.Sequence, r.Sequence))
}

// Shipped returns how many units of the line have left the warehouse.
func (a Allocation) Shipped() Quantity {
	var sum Quantity
	for _, part := range a.Parts {
		sum += part.Shipped
	}
	return sum
}

// open returns the line's promised units without the shipped units.
func (a Allocation) open() Quantity { return a.Quantity - a.Shipped() }

// Lapsed reports whether the allocation is a hold whose time has passed. A lapsed hold binds no stock
// (R7).
func (a Allocation) Lapsed(now time.Time) bool {
	return !a.HeldUntil.IsZero() && !now.Before(a.HeldUntil)
}

// text names the line in an error about the line's order.
func (k LineKey) text() string {
	if k.Line == "" {
		return fmt.Sprintf("line of sku %q", k.SKU)
	}
	return fmt.Sprintf("line %q of sku %q", k.Line, k.SKU)
}

// check refuses a line with a bad identifier or quantity (R12).
func (l OrderLine) check(op string) error {
	if err := checkID(op, "order", l.OrderID); err != nil {
		return err
	}
	if err := checkID(op, "sku", l.SKU); err != nil {
		return err
	}
	if l.Line != "" {
		if err := checkID(op, "line", l.Line); err != nil {
			return err
		}
	}
	return checkQuantity(op, "quantity", l.Quantity, 1)
}

// check refuses an announcement with bad data (R12), or with promised units.
func (b Batch) check(op string) error {
	if err := checkID(op, "batch", b.Ref); err != nil {
		return err
	}
	if err := checkID(op, "sku", b.SKU); err != nil {
		return err
	}
	return b.checkAnnounced(op)
}

// checkAnnounced checks all fields of an announcement but Ref and SKU.
func (b Batch) checkAnnounced(op string) error {
	if b.Location != "" {
		if err := checkID(op, "location", b.Location); err != nil {
			return err
		}
	}
	if err := checkTimeIfAny(op, "eta", b.ETA); err != nil {
		return err
	}
	if err := checkTimeIfAny(op, "best before", b.BestBefore); err != nil {
		return err
	}
	if b.Allocated != 0 {
		return invalid(op, "allocated", b.Allocated, "must be 0 in an announcement")
	}
	if b.Lot != "" {
		if err := checkID(op, "lot", b.Lot); err != nil {
			return err
		}
	}
	if b.Blocked != "" {
		if err := checkID(op, "blocked", b.Blocked); err != nil {
			return err
		}
	}
	return checkQuantity(op, "quantity", b.Purchased, 1)
}

// clean returns a new batch with only the fields of an announcement.
func (b Batch) clean() Batch {
	eta := clean(b.ETA)
	c := Batch{
		Ref: b.Ref, SKU: b.SKU, Purchased: b.Purchased, ETA: eta,
		Location: b.Location, BestBefore: clean(b.BestBefore), Lot: b.Lot, Blocked: b.Blocked,
		AnnouncedQuantity: b.Purchased, AnnouncedETA: eta, AnnouncedBlocked: b.Blocked,
	}
	if c.Lot == c.Ref {
		c.Lot = ""
	}
	return c
}

// lot returns the lot that the units come from.
func (b Batch) lot() BatchRef { return cmp.Or(b.Lot, b.Ref) }
