package allocation

import "time"

// LineWaiting records how many units a line waits for from now on (R15): the line began to wait, was
// changed, or lost units by a cut. With Quantity 0 the line no longer waits, because the line was
// cancelled or changed, the hold has lapsed, or NeededBy has passed. For units given to a line that waited
// there is a [LineAllocated] with Waited. Wanted is how many units the line is to have in all.
type LineWaiting struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	OrderID  OrderID   `json:"order_id"`
	Line     LineID    `json:"line,omitzero"`
	Quantity Quantity  `json:"quantity"`
	Wanted   Quantity  `json:"wanted"`
	NeededBy time.Time `json:"needed_by,omitzero"`
}

func (LineWaiting) Kind() string { return "LineWaiting" }

func (e LineWaiting) Time() time.Time { return e.At }

func (LineWaiting) Movement() (BatchRef, Quantity, Quantity) { return "", 0, 0 }
