// Package wire has the JSON of orders, batches and counts for the front doors httpapi and broker. A text is refused
// unless every key is understood, so that no term of a customer is dropped without a word.
package wire

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// Line is a line of an order with its terms. Times have the form of RFC 3339. LineID tells apart two lines of an order
// for the same SKU.
type Line struct {
	SKU        allocation.SKU      `json:"sku"`
	LineID     allocation.LineID   `json:"line,omitzero"`
	Quantity   allocation.Quantity `json:"quantity"`
	Split      bool                `json:"split,omitzero"`
	Partial    bool                `json:"partial,omitzero"`
	Wait       bool                `json:"wait,omitzero"`
	HoldUntil  string              `json:"hold_until,omitzero"`
	HoldFor    string              `json:"hold_for,omitzero"` // such as 15m
	NeededBy   string              `json:"needed_by,omitzero"`
	FreshUntil string              `json:"fresh_until,omitzero"`
	Location   allocation.Location `json:"location,omitzero"`
	Priority   int                 `json:"priority,omitzero"`
}

// Requests returns lines as lines of an order.
func Requests(id allocation.OrderID, lines []Line) ([]allocation.Request, error) {
	requests := make([]allocation.Request, len(lines))
	for i, l := range lines {
		var err error
		if requests[i], err = l.request(id); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

func (l Line) request(id allocation.OrderID) (r allocation.Request, err error) {
	r = allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: id, SKU: l.SKU, Line: l.LineID, Quantity: l.Quantity},
		Split:     l.Split, Partial: l.Partial, Wait: l.Wait, Location: l.Location, Priority: l.Priority,
	}
	if r.HoldUntil, err = Time("hold_until", l.HoldUntil); err != nil {
		return r, err
	}
	if r.NeededBy, err = Time("needed_by", l.NeededBy); err != nil {
		return r, err
	}
	if r.FreshUntil, err = Time("fresh_until", l.FreshUntil); err != nil || l.HoldFor == "" {
		return r, err
	}
	if r.HoldFor, err = time.ParseDuration(l.HoldFor); err != nil || r.HoldFor <= 0 {
		return r, BadField("hold_for", l.HoldFor, "no duration such as 15m")
	}
	return r, nil
}

// Batch is the announcement of a batch, or of a part that is split off a batch.
type Batch struct {
	Ref        allocation.BatchRef `json:"ref"`
	SKU        allocation.SKU      `json:"sku"`
	Quantity   allocation.Quantity `json:"quantity"`
	ETA        string              `json:"eta,omitzero"` // left out: in the warehouse
	Location   allocation.Location `json:"location,omitzero"`
	BestBefore string              `json:"best_before,omitzero"`
	Lot        allocation.BatchRef `json:"lot,omitzero"`     // left out: the batch's own ref
	Blocked    string              `json:"blocked,omitzero"` // why the batch must not be sold
}

// Announced returns the batch for the library.
func (in Batch) Announced() (b allocation.Batch, err error) {
	b = allocation.Batch{
		Ref: in.Ref, SKU: in.SKU, Purchased: in.Quantity, Location: in.Location, Lot: in.Lot, Blocked: in.Blocked,
	}
	if b.ETA, err = Time("eta", in.ETA); err != nil {
		return b, err
	}
	b.BestBefore, err = Time("best_before", in.BestBefore)
	return b, err
}

// Count is the result of a count. The quantity must be given, so that a forgotten field doesn't empty the batch.
type Count struct {
	Quantity  *allocation.Quantity `json:"quantity"`
	CountedAt string               `json:"counted_at"`
}

// Of returns the count of a batch for the library.
func (c Count) Of(ref allocation.BatchRef) (allocation.Count, error) {
	if c.Quantity == nil {
		return allocation.Count{}, BadField("quantity", nil, "must be given")
	}
	at, err := Time("counted_at", c.CountedAt)
	return allocation.Count{Batch: ref, Quantity: *c.Quantity, At: at}, err
}

// Time reads a moment in the form of RFC 3339; an empty text is the zero time.
func Time(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, BadField(field, text, "no time such as 2027-01-31T12:00:00Z")
	}
	return at, nil
}
