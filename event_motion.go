package allocation

import "time"

// BatchSplit records that units left a batch to become a batch of their own, named by Part. The
// [BatchAdded] of the part follows in the same commit.
type BatchSplit struct {
	SKU      SKU       `json:"sku"`
	At       time.Time `json:"at"`
	Batch    BatchRef  `json:"batch"`
	Part     BatchRef  `json:"part"`
	Quantity Quantity  `json:"quantity"`
}

// BatchBlocked records that a batch must not be sold any more, and why. A further BatchBlocked of the
// batch replaces the reason.
type BatchBlocked struct {
	SKU    SKU       `json:"sku"`
	At     time.Time `json:"at"`
	Batch  BatchRef  `json:"batch"`
	Reason string    `json:"reason"`
}

// BatchUnblocked records that a blocked batch may be sold again.
type BatchUnblocked struct {
	SKU   SKU       `json:"sku"`
	At    time.Time `json:"at"`
	Batch BatchRef  `json:"batch"`
}

func (BatchSplit) Kind() string     { return "BatchSplit" }
func (BatchBlocked) Kind() string   { return "BatchBlocked" }
func (BatchUnblocked) Kind() string { return "BatchUnblocked" }

func (e BatchSplit) Time() time.Time     { return e.At }
func (e BatchBlocked) Time() time.Time   { return e.At }
func (e BatchUnblocked) Time() time.Time { return e.At }

func (e BatchSplit) Movement() (BatchRef, Quantity, Quantity)   { return e.Batch, -e.Quantity, 0 }
func (BatchBlocked) Movement() (BatchRef, Quantity, Quantity)   { return "", 0, 0 }
func (BatchUnblocked) Movement() (BatchRef, Quantity, Quantity) { return "", 0, 0 }
