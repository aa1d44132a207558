package allocation

import "time"

// SKU names a product: a stock keeping unit. Like every identifier it is 1 to 255 bytes of valid UTF-8
// without NUL or surrounding white space, and compared as bytes.
type SKU string

// Validate returns an [*Error] that wraps [ErrInvalid] if it can't be the identifier of anything.
func (s SKU) Validate() error { return checkID("Validate", "sku", s) }

// OrderID names a customer's order.
type OrderID string

// Validate returns an [*Error] that wraps [ErrInvalid] if it can't be the identifier of anything.
func (o OrderID) Validate() error { return checkID("Validate", "order", o) }

// BatchRef names a batch. It is unique over all products.
type BatchRef string

// Validate returns an [*Error] that wraps [ErrInvalid] if it can't be the identifier of anything.
func (b BatchRef) Validate() error { return checkID("Validate", "batch", b) }

// Location names where a batch is kept, or will be. It may be empty.
type Location string

// OrderLine is what a customer wants: so many units of one SKU for one order. It is a value: two lines
// with the same data are equal. Its [LineKey] names the line (R3).
type OrderLine struct {
	OrderID  OrderID
	SKU      SKU
	Quantity Quantity
}

// Key returns the name of the line.
func (l OrderLine) Key() LineKey { return LineKey{OrderID: l.OrderID, SKU: l.SKU} }

// LineKey names a line: an order has at most one line of a SKU (R3). Two keys are equal, by ==, if and only if they
// name the same line.
type LineKey struct {
	OrderID OrderID
	SKU     SKU
}

// Request is an order line and the terms on which it is to be allocated. Left at zero the terms are:
// firm, and whole from one batch.
type Request struct {
	OrderLine

	// Split allows the line to be spread over several batches (R2).
	Split bool

	// HoldUntil makes the allocation a hold, which lapses at this time unless confirmed before.
	HoldUntil time.Time
}

// Batch is stock that was bought together: a quantity of one SKU which is in the warehouse, or will
// arrive at its ETA. Batches are told apart by Ref. To announce one, fill in Ref, SKU, Purchased and
// whichever of ETA, Location and BestBefore apply; the other fields are the product's.
type Batch struct {
	Ref        BatchRef
	SKU        SKU
	Purchased  Quantity  // units bought and not yet shipped
	Allocated  Quantity  // units promised and not yet shipped; never more than Purchased
	ETA        time.Time // when it arrives; zero: it is in the warehouse
	Location   Location  // "" if that doesn't matter
	BestBefore time.Time // zero: it keeps

	// AnnouncedQuantity and AnnouncedETA are what Purchased and ETA were when the batch was announced;
	// they tell a repeated announcement from another one (R8).
	AnnouncedQuantity Quantity
	AnnouncedETA      time.Time

	// CountedAt and ShippedAt are the moments of the last count and of the last shipment, zero if
	// there was none; they tell a repeated or belated count from a new one.
	CountedAt time.Time
	ShippedAt time.Time
}

// Available is how many units of the batch are not promised to anybody, never less than 0.
func (b Batch) Available() Quantity { return max(0, b.Purchased-b.Allocated) }

// Allocation is what a line was given.
type Allocation struct {
	OrderLine

	// Split is the line's own choice; it counts again when the line has to be moved (R6).
	Split bool

	// HeldUntil is when the allocation lapses; zero for a firm one.
	HeldUntil time.Time

	// Sequence is the number of the event that first told of the line: the higher, the newer.
	Sequence int64

	// Parts are the batches it comes from, each batch once. Their quantities add up to the line's.
	Parts []Part
}

// Part is the share of one batch in an allocation.
type Part struct {
	Batch    BatchRef
	Quantity Quantity // units from this batch, shipped ones included; at least 1
	Shipped  Quantity // units of Quantity that have left the warehouse
}

// open is how many units of the part are promised and not yet shipped.
func (p Part) open() Quantity { return p.Quantity - p.Shipped }

// Shipped is how many units of the line have left the warehouse.
func (a Allocation) Shipped() Quantity {
	var sum Quantity
	for _, part := range a.Parts {
		sum += part.Shipped
	}
	return sum
}

// open is how many units of the line are promised and not yet shipped.
func (a Allocation) open() Quantity { return a.Quantity - a.Shipped() }

// Lapsed reports whether the allocation is a hold whose time has passed: it no longer binds any stock.
func (a Allocation) Lapsed(now time.Time) bool {
	return !a.HeldUntil.IsZero() && !now.Before(a.HeldUntil)
}

// check refuses a line with a bad identifier or quantity.
func (l OrderLine) check(op string) error {
	if err := checkID(op, "order", l.OrderID); err != nil {
		return err
	}
	if err := checkID(op, "sku", l.SKU); err != nil {
		return err
	}
	return checkQuantity(op, "quantity", l.Quantity, 1)
}

// check refuses an announcement with bad data.
func (b Batch) check(op string) error {
	if err := checkID(op, "batch", b.Ref); err != nil {
		return err
	}
	if err := checkID(op, "sku", b.SKU); err != nil {
		return err
	}
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
	return checkQuantity(op, "quantity", b.Purchased, 1)
}

// clean returns a new batch with the fields that an announcement sets.
func (b Batch) clean() Batch {
	eta := clean(b.ETA)
	return Batch{
		Ref: b.Ref, SKU: b.SKU, Purchased: b.Purchased, ETA: eta,
		Location: b.Location, BestBefore: clean(b.BestBefore),
		AnnouncedQuantity: b.Purchased, AnnouncedETA: eta,
	}
}
