package allocation

import "time"

// Event is a change of a product, or a refusal, in the past tense. Every change is recorded by at
// least one event (R9). An event concerns at most one line and at most one batch, so a split line is
// recorded by as many events as the line has parts. The concrete types of this package are the only
// implementations.
//
// A product's events are numbered from 1 without gaps; the product's version is the number of the
// last event. A gap remains only where the store lost events, such as by a partial restore. The JSON
// form of events is stable: fields are added, never renamed or removed.
type Event interface {
	// Kind is the name of the type, such as "LineAllocated". Kind identifies the type in storage and
	// never changes.
	Kind() string

	// Time is when the change happened.
	Time() time.Time

	// Movement is the event's entry in the ledger: the differences that the event made to the
	// purchased and the allocated counter of a batch, in units. The sum over all events of a product
	// gives the counters. The batch is "" when no counter moved.
	Movement() (batch BatchRef, purchased, allocated Quantity)
}

// BatchAdded records the announcement of a batch: bought and under way, in the warehouse already, or
// split off another batch.
type BatchAdded struct {
	SKU        SKU       `json:"sku"`
	At         time.Time `json:"at"`
	Batch      BatchRef  `json:"batch"`
	Quantity   Quantity  `json:"quantity"`
	ETA        time.Time `json:"eta,omitzero"`
	Location   Location  `json:"location,omitzero"`
	BestBefore time.Time `json:"best_before,omitzero"`
	Lot        BatchRef  `json:"lot,omitzero"`
	SplitFrom  BatchRef  `json:"split_from,omitzero"`
	Blocked    string    `json:"blocked,omitzero"`
}

// BatchETAChanged records a new time of arrival.
type BatchETAChanged struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// BatchReceived records the arrival of a batch in the warehouse. From and To are the purchased units
// before and after the count.
type BatchReceived struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
	From  Quantity  `json:"from"`
	To    Quantity  `json:"to"`
}

// BatchQuantityChanged records a count of a batch. From and To are the purchased units before and
// after.
type BatchQuantityChanged struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
	From  Quantity  `json:"from"`
	To    Quantity  `json:"to"`
}

// BatchCorrected records a correction of the ledger and of a batch's allocated counter, see
// [Service.Mend]. Purchased and Allocated are the differences by which the sums of the events were
// wrong. AllocatedFrom and AllocatedTo are the counter before and after the correction, both in units.
type BatchCorrected struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	Batch     BatchRef  `json:"batch"`
	Purchased Quantity  `json:"purchased"`
	Allocated Quantity  `json:"allocated"`

	AllocatedFrom Quantity `json:"allocated_from"`
	AllocatedTo   Quantity `json:"allocated_to"`
}

// LineAllocated records a promise of units of a batch to a line: to a new line, to a line that grew, to
// a line that moved from another batch, or to a line that had waited for the units (Waited). HeldUntil
// is zero for a firm line.
type LineAllocated struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	OrderID   OrderID   `json:"order_id"`
	Line      LineID    `json:"line,omitzero"`
	Batch     BatchRef  `json:"batch"`
	Quantity  Quantity  `json:"quantity"`
	HeldUntil time.Time `json:"held_until,omitzero"`
	Waited    bool      `json:"waited,omitzero"`
}

// LineDeallocated records the end of a promise: the line was cancelled, shrank, or is moving to
// another batch. A LineAllocated follows for each batch that the line moves to.
type LineDeallocated struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Line     LineID    `json:"line,omitzero"`
	Batch    BatchRef  `json:"batch"`
	Quantity Quantity  `json:"quantity"`
}

// LineReleased records a broken promise: the batch was cut and no other batch had room for the units
// (R6). The host has to inform the customer.
type LineReleased struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Line     LineID    `json:"line,omitzero"`
	Batch    BatchRef  `json:"batch"`
	Quantity Quantity  `json:"quantity"`
}

// LineHandedOver records that a line of the order From became a line of the order OrderID, with all of
// the line's units, see [Service.HandOver].
type LineHandedOver struct {
	SKU     SKU       `json:"sku"`
	At      time.Time `json:"at"`
	OrderID OrderID   `json:"order_id"`
	Line    LineID    `json:"line,omitzero"`
	From    OrderID   `json:"from"`
}

// LineShipped records a shipment: units of a line have left the batch and the warehouse.
type LineShipped struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Line     LineID    `json:"line,omitzero"`
	Batch    BatchRef  `json:"batch"`
	Quantity Quantity  `json:"quantity"`
}

// LineRefused records a refusal. Until something else happens to the product no further refusal is
// recorded, however many lines are refused meanwhile (R10). Only the commands of a [Service] record
// refusals: a function of the host that returns the error of a [Product] to [UnitOfWork.Do] commits
// nothing.
type LineRefused struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	OrderID   OrderID   `json:"order_id"`
	Line      LineID    `json:"line,omitzero"`
	Quantity  Quantity  `json:"quantity"`
	Available Quantity  `json:"available"`
}

// HoldConfirmed records that a held line became firm.
type HoldConfirmed struct {
	SKU     SKU       `json:"sku"`
	At      time.Time `json:"at"`
	OrderID OrderID   `json:"order_id"`
	Line    LineID    `json:"line,omitzero"`
}

// HoldExtended records a later end of a hold.
type HoldExtended struct {
	SKU     SKU       `json:"sku"`
	At      time.Time `json:"at"`
	OrderID OrderID   `json:"order_id"`
	Line    LineID    `json:"line,omitzero"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
}

// HoldLapsed records the end of a lapsed hold on one batch. The event is recorded when the product is
// next changed, or by [Service.Sweep]; the units have been free since HeldUntil (R7).
type HoldLapsed struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	OrderID   OrderID   `json:"order_id"`
	Line      LineID    `json:"line,omitzero"`
	Batch     BatchRef  `json:"batch"`
	Quantity  Quantity  `json:"quantity"`
	HeldUntil time.Time `json:"held_until"`
}

// LowStockSet records a new low-stock threshold of the product; 0 means none.
type LowStockSet struct {
	SKU  SKU       `json:"sku"`
	At   time.Time `json:"at"`
	From Quantity  `json:"from"`
	To   Quantity  `json:"to"`
}

// LowStockCrossed records that the available units of a product fell below the threshold (Low), or
// reached the threshold again.
type LowStockCrossed struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	Available Quantity  `json:"available"`
	Threshold Quantity  `json:"threshold"`
	Low       bool      `json:"low"`
}

func (BatchAdded) Kind() string           { return "BatchAdded" }
func (BatchETAChanged) Kind() string      { return "BatchETAChanged" }
func (BatchReceived) Kind() string        { return "BatchReceived" }
func (BatchQuantityChanged) Kind() string { return "BatchQuantityChanged" }
func (BatchCorrected) Kind() string       { return "BatchCorrected" }
func (LineAllocated) Kind() string        { return "LineAllocated" }
func (LineDeallocated) Kind() string      { return "LineDeallocated" }
func (LineReleased) Kind() string         { return "LineReleased" }
func (LineHandedOver) Kind() string       { return "LineHandedOver" }
func (LineShipped) Kind() string          { return "LineShipped" }
func (LineRefused) Kind() string          { return "LineRefused" }
func (HoldConfirmed) Kind() string        { return "HoldConfirmed" }
func (HoldExtended) Kind() string         { return "HoldExtended" }
func (HoldLapsed) Kind() string           { return "HoldLapsed" }
func (LowStockSet) Kind() string          { return "LowStockSet" }
func (LowStockCrossed) Kind() string      { return "LowStockCrossed" }

func (e BatchAdded) Time() time.Time           { return e.At }
func (e BatchETAChanged) Time() time.Time      { return e.At }
func (e BatchReceived) Time() time.Time        { return e.At }
func (e BatchQuantityChanged) Time() time.Time { return e.At }
func (e BatchCorrected) Time() time.Time       { return e.At }
func (e LineAllocated) Time() time.Time        { return e.At }
func (e LineDeallocated) Time() time.Time      { return e.At }
func (e LineReleased) Time() time.Time         { return e.At }
func (e LineHandedOver) Time() time.Time       { return e.At }
func (e LineShipped) Time() time.Time          { return e.At }
func (e LineRefused) Time() time.Time          { return e.At }
func (e HoldConfirmed) Time() time.Time        { return e.At }
func (e HoldExtended) Time() time.Time         { return e.At }
func (e HoldLapsed) Time() time.Time           { return e.At }
func (e LowStockSet) Time() time.Time          { return e.At }
func (e LowStockCrossed) Time() time.Time      { return e.At }

func (e BatchAdded) Movement() (BatchRef, Quantity, Quantity) { return e.Batch, e.Quantity, 0 }
func (BatchETAChanged) Movement() (BatchRef, Quantity, Quantity) {
	return "", 0, 0
}
func (e BatchReceived) Movement() (BatchRef, Quantity, Quantity) { return e.Batch, e.To - e.From, 0 }
func (e BatchQuantityChanged) Movement() (BatchRef, Quantity, Quantity) {
	return e.Batch, e.To - e.From, 0
}
func (e BatchCorrected) Movement() (BatchRef, Quantity, Quantity) {
	return e.Batch, e.Purchased, e.Allocated
}
func (e LineAllocated) Movement() (BatchRef, Quantity, Quantity) { return e.Batch, 0, e.Quantity }
func (e LineDeallocated) Movement() (BatchRef, Quantity, Quantity) {
	return e.Batch, 0, -e.Quantity
}
func (e LineReleased) Movement() (BatchRef, Quantity, Quantity) { return e.Batch, 0, -e.Quantity }
func (e LineShipped) Movement() (BatchRef, Quantity, Quantity) {
	return e.Batch, -e.Quantity, -e.Quantity
}
func (LineHandedOver) Movement() (BatchRef, Quantity, Quantity) { return "", 0, 0 }
func (LineRefused) Movement() (BatchRef, Quantity, Quantity)    { return "", 0, 0 }
func (HoldConfirmed) Movement() (BatchRef, Quantity, Quantity)  { return "", 0, 0 }
func (HoldExtended) Movement() (BatchRef, Quantity, Quantity)   { return "", 0, 0 }
func (e HoldLapsed) Movement() (BatchRef, Quantity, Quantity)   { return e.Batch, 0, -e.Quantity }
func (LowStockSet) Movement() (BatchRef, Quantity, Quantity)    { return "", 0, 0 }
func (LowStockCrossed) Movement() (BatchRef, Quantity, Quantity) {
	return "", 0, 0
}
