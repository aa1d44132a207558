package main

import (
	"context"
	"net/http"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
)

// order shows the lines of an order and where each comes from.
type order struct {
	ID    allocation.OrderID `json:"order_id"`
	Lines []line             `json:"lines"`
}

type line struct {
	SKU       allocation.SKU      `json:"sku"`
	Line      allocation.LineID   `json:"line,omitzero"`
	Quantity  allocation.Quantity `json:"quantity"`
	Waiting   allocation.Quantity `json:"waiting,omitzero"`    // units that the line waits for
	HeldUntil time.Time           `json:"held_until,omitzero"` // left out: the line is firm
	terms
	Late  bool   `json:"late,omitzero"` // units come after NeededBy
	Parts []part `json:"parts"`
}

// terms are what the request for the line asked for.
type terms struct {
	NeededBy   time.Time           `json:"needed_by,omitzero"`
	FreshUntil time.Time           `json:"fresh_until,omitzero"`
	Location   allocation.Location `json:"location,omitzero"`
	Priority   int                 `json:"priority,omitzero"`
}

// part is the share of one batch.
type part struct {
	Batch    allocation.BatchRef `json:"batch"`
	Quantity allocation.Quantity `json:"quantity"`
	Shipped  allocation.Quantity `json:"shipped"`

	// Only GET shows these fields. Left out there: in the warehouse, at no named location, without an expiry.
	ETA        time.Time           `json:"eta,omitzero"`
	Location   allocation.Location `json:"location,omitzero"`
	BestBefore time.Time           `json:"best_before,omitzero"`
}

// wanted is the body of a request for an order.
type wanted struct {
	Lines []wire.Line `json:"lines"`
}

// allocate promises stock to all lines of an order, or to none. A repeat gets the same answer.
func allocate(r *http.Request, body []byte) (change, error) {
	in, err := decode[wanted](body)
	if err != nil {
		return nil, err
	}
	id := orderID(r)
	requests, err := wire.Requests(id, in.Lines)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		given, err := service.Allocate(ctx, requests...)
		return asJSON(http.StatusOK, orderOf(id, given), err)
	}, nil
}

// requireSKUs refuses a request without SKUs. A request that names all SKUs of the order notices a line that no longer
// exists.
func requireSKUs(skus []allocation.SKU) error {
	if len(skus) == 0 {
		return wire.BadField("skus", nil, "must not be empty")
	}
	return nil
}

// confirm makes holds firm, after a payment for example.
func confirm(r *http.Request, body []byte) (change, error) {
	in, err := decode[struct {
		SKUs []allocation.SKU `json:"skus"`
	}](body)
	if err != nil {
		return nil, err
	}
	if err := requireSKUs(in.SKUs); err != nil {
		return nil, err
	}
	id := orderID(r)
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		firm, err := service.Confirm(ctx, id, in.SKUs...)
		return asJSON(http.StatusOK, orderOf(id, firm), err)
	}, nil
}

// handOver makes the lines of a cart the lines of an order.
func handOver(r *http.Request, body []byte) (change, error) {
	in, err := decode[struct {
		To   allocation.OrderID `json:"to"`
		SKUs []allocation.SKU   `json:"skus"`
	}](body)
	if err != nil {
		return nil, err
	}
	if err := requireSKUs(in.SKUs); err != nil {
		return nil, err
	}
	cart := orderID(r)
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		lines, err := service.HandOver(ctx, cart, in.To, in.SKUs...)
		return asJSON(http.StatusOK, orderOf(in.To, lines), err)
	}, nil
}

// cancel answers with the lines that stay because some of their units have been shipped.
func cancel(r *http.Request, _ []byte) (change, error) {
	id := orderID(r)
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		shipped, err := service.Cancel(ctx, id)
		return asJSON(http.StatusOK, orderOf(id, shipped), err)
	}, nil
}

func orderID(r *http.Request) allocation.OrderID { return allocation.OrderID(r.PathValue("id")) }

func termsOf(l allocation.Allocation) terms {
	return terms{l.NeededBy, l.FreshUntil, l.Location, l.Priority}
}

func orderOf(id allocation.OrderID, lines []allocation.Allocation) order {
	out := order{ID: id, Lines: make([]line, len(lines))}
	for i, l := range lines {
		out.Lines[i] = line{
			SKU: l.SKU, Line: l.Line, Quantity: l.Quantity, Waiting: l.Waiting, HeldUntil: l.HeldUntil,
			terms: termsOf(l), Late: l.Late, Parts: []part{},
		}
		for _, p := range l.Parts {
			shown := part{Batch: p.Batch, Quantity: p.Quantity, Shipped: p.Shipped}
			out.Lines[i].Parts = append(out.Lines[i].Parts, shown)
		}
	}
	return out
}
