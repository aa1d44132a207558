package allocation

import "time"

// BatchExpired records that a batch with purchased units has reached BestBefore. Nothing of the batch
// is ever sold again. Promised units stay promised until the host ships, cancels or blocks. The event
// is recorded once for each batch: by [Service.Sweep], or with the next change of the product.
type BatchExpired struct {
	SKU        SKU       `json:"sku"`
	At         time.Time `json:"at"`
	Batch      BatchRef  `json:"batch"`
	BestBefore time.Time `json:"best_before"`
}

// LineLate records that a line became late, or is in time again. Late is true if the units of a batch
// will arrive after NeededBy, have not arrived by NeededBy, or will have expired on arrival; only a
// line of an expired batch may have no NeededBy. Units that have not arrived by NeededBy are recorded by
// the sweep, or by the command that brings the units or moves the line, whichever comes first. While a
// line is late nothing further is recorded about the delay, so the event alternates between true and
// false.
type LineLate struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Line     LineID    `json:"line,omitzero"`
	NeededBy time.Time `json:"needed_by,omitzero"`
	Late     bool      `json:"late"`
}

func (BatchExpired) Kind() string { return "BatchExpired" }
func (LineLate) Kind() string     { return "LineLate" }

func (e BatchExpired) Time() time.Time { return e.At }
func (e LineLate) Time() time.Time     { return e.At }

func (BatchExpired) Movement() (BatchRef, Quantity, Quantity) { return "", 0, 0 }
func (LineLate) Movement() (BatchRef, Quantity, Quantity)     { return "", 0, 0 }
