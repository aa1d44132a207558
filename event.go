package allocation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is something that happened to a product. Every change of a product is told by at least one
// (R9); an event concerns at most one line and at most one batch, so that a split line is told by
// as many as it has parts. The concrete types of this package are the only implementations.
//
// A product's events are numbered from 1 without gaps; the product's version is the number of its
// last. Their JSON form is stable: fields are added, never renamed or removed.
type Event interface {
	// Kind is the name of the type, such as "LineAllocated". It identifies the type in storage and
	// never changes.
	Kind() string

	// Time is when it happened.
	Time() time.Time

	// Movement is the event's entry in the ledger: by how many units it moved the purchased and
	// the allocated counter of a batch. Summed over all events of a product they are the counters.
	// The batch is "" when nothing moved.
	Movement() (batch BatchRef, purchased, allocated Quantity)
}

// BatchAdded tells that a batch was announced: bought and under way, or in the warehouse already.
type BatchAdded struct {
	SKU        SKU       `json:"sku"`
	At         time.Time `json:"at"`
	Batch      BatchRef  `json:"batch"`
	Quantity   Quantity  `json:"quantity"`
	ETA        time.Time `json:"eta,omitzero"`
	Location   Location  `json:"location,omitzero"`
	BestBefore time.Time `json:"best_before,omitzero"`
}

// BatchETAChanged tells that a batch will arrive at another time than was said before.
type BatchETAChanged struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// BatchReceived tells that a batch arrived in the warehouse. From and To are its purchased units
// before and after they were counted.
type BatchReceived struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
	From  Quantity  `json:"from"`
	To    Quantity  `json:"to"`
}

// BatchQuantityChanged tells that a batch was counted, and what it has now.
type BatchQuantityChanged struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
	From  Quantity  `json:"from"`
	To    Quantity  `json:"to"`
}

// BatchCorrected tells that the ledger disagreed with the batch and its lines, and by how much it is
// put right, see [Service.Mend].
type BatchCorrected struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	Batch     BatchRef  `json:"batch"`
	Purchased Quantity  `json:"purchased"`
	Allocated Quantity  `json:"allocated"`
}

// LineAllocated tells that units of a batch were promised to a line: a new one, one that grew, or one
// that was moved away from another batch. HeldUntil is zero for a firm line.
type LineAllocated struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	OrderID   OrderID   `json:"order_id"`
	Batch     BatchRef  `json:"batch"`
	Quantity  Quantity  `json:"quantity"`
	HeldUntil time.Time `json:"held_until,omitzero"`
}

// LineDeallocated tells that units of a batch are no longer promised to a line: it was cancelled, it
// shrank, or it is being moved to another batch, which a LineAllocated tells next.
type LineDeallocated struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Batch    BatchRef  `json:"batch"`
	Quantity Quantity  `json:"quantity"`
}

// LineReleased tells that a line lost units because its batch was cut and no other batch could take
// them (R6). Somebody has to tell the customer.
type LineReleased struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Batch    BatchRef  `json:"batch"`
	Quantity Quantity  `json:"quantity"`
}

// LineShipped tells that units of a line left the warehouse, and with them its batch.
type LineShipped struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Batch    BatchRef  `json:"batch"`
	Quantity Quantity  `json:"quantity"`
}

// LineRefused tells that a line could not be met. It is told once until something else happens to
// the product (R10), however many lines are refused meanwhile.
type LineRefused struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	OrderID   OrderID   `json:"order_id"`
	Quantity  Quantity  `json:"quantity"`
	Available Quantity  `json:"available"`
}

// HoldConfirmed tells that a held line became firm.
type HoldConfirmed struct {
	SKU     SKU       `json:"sku"`
	At      time.Time `json:"at"`
	OrderID OrderID   `json:"order_id"`
}

// HoldExtended tells that a line is held for longer.
type HoldExtended struct {
	SKU     SKU       `json:"sku"`
	At      time.Time `json:"at"`
	OrderID OrderID   `json:"order_id"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
}

// HoldLapsed tells that a hold passed its time and that its units of a batch are free. It is told when
// the product is next changed, or by [Service.ReleaseLapsed]; the units were free from the moment
// the hold passed.
type HoldLapsed struct {
	SKU       SKU       `json:"sku"`
	At        time.Time `json:"at"`
	OrderID   OrderID   `json:"order_id"`
	Batch     BatchRef  `json:"batch"`
	Quantity  Quantity  `json:"quantity"`
	HeldUntil time.Time `json:"held_until"`
}

// LowStockSet tells that the product's low-stock threshold was changed; 0 means none.
type LowStockSet struct {
	SKU  SKU       `json:"sku"`
	At   time.Time `json:"at"`
	From Quantity  `json:"from"`
	To   Quantity  `json:"to"`
}

// LowStockCrossed tells that the available units of a product fell below its threshold (Low), or that
// they reached it again.
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
func (LineRefused) Movement() (BatchRef, Quantity, Quantity)   { return "", 0, 0 }
func (HoldConfirmed) Movement() (BatchRef, Quantity, Quantity) { return "", 0, 0 }
func (HoldExtended) Movement() (BatchRef, Quantity, Quantity)  { return "", 0, 0 }
func (e HoldLapsed) Movement() (BatchRef, Quantity, Quantity)  { return e.Batch, 0, -e.Quantity }
func (LowStockSet) Movement() (BatchRef, Quantity, Quantity)   { return "", 0, 0 }
func (LowStockCrossed) Movement() (BatchRef, Quantity, Quantity) {
	return "", 0, 0
}

// DecodeEvent is the way back from [Event.Kind] and the event's JSON, for stores that keep events as
// text. Fields that this version doesn't know are ignored; a kind that it doesn't know is an
// [*Error] that wraps [ErrInvalid].
func DecodeEvent(kind string, data []byte) (Event, error) {
	decode, known := decoders[kind]
	if !known {
		return nil, invalid("DecodeEvent", "kind", kind, "unknown kind of event")
	}
	event, err := decode(data)
	if err == nil && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		err = errors.New("it must be an object")
	}
	if err != nil {
		return nil, &Error{Op: "DecodeEvent", Field: "data", Value: string(data), Err: fmt.Errorf("%w: %w", ErrInvalid, err)}
	}
	return event, nil
}

var decoders = map[string]func([]byte) (Event, error){
	"BatchAdded":           decode[BatchAdded],
	"BatchETAChanged":      decode[BatchETAChanged],
	"BatchReceived":        decode[BatchReceived],
	"BatchQuantityChanged": decode[BatchQuantityChanged],
	"BatchCorrected":       decode[BatchCorrected],
	"LineAllocated":        decode[LineAllocated],
	"LineDeallocated":      decode[LineDeallocated],
	"LineReleased":         decode[LineReleased],
	"LineShipped":          decode[LineShipped],
	"LineRefused":          decode[LineRefused],
	"HoldConfirmed":        decode[HoldConfirmed],
	"HoldExtended":         decode[HoldExtended],
	"HoldLapsed":           decode[HoldLapsed],
	"LowStockSet":          decode[LowStockSet],
	"LowStockCrossed":      decode[LowStockCrossed],
}

func decode[E Event](data []byte) (Event, error) {
	var event E
	err := json.Unmarshal(data, &event)
	return event, err
}
