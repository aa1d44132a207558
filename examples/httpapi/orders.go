package main

import (
	"context"
	"net/http"
	"time"

	"github.com/cosmic-go/allocation"
)

// order is what an order was given.
type order struct {
	ID    allocation.OrderID `json:"order_id"`
	Lines []line             `json:"lines"`
}

type line struct {
	SKU       allocation.SKU      `json:"sku"`
	Quantity  allocation.Quantity `json:"quantity"`
	HeldUntil time.Time           `json:"held_until,omitzero"` // left out: it is firm
	Parts     []part              `json:"parts"`
}

// part is the share of one batch.
type part struct {
	Batch    allocation.BatchRef `json:"batch"`
	Quantity allocation.Quantity `json:"quantity"`
	Shipped  allocation.Quantity `json:"shipped"`

	// Only GET tells these. Left out there, the batch is in the warehouse, anywhere, and keeps.
	ETA        time.Time           `json:"eta,omitzero"`
	Location   allocation.Location `json:"location,omitzero"`
	BestBefore time.Time           `json:"best_before,omitzero"`
}

// wanted is what an order asks for.
type wanted struct {
	Lines []struct {
		SKU       allocation.SKU      `json:"sku"`
		Quantity  allocation.Quantity `json:"quantity"`
		Split     bool                `json:"split"`
		HoldUntil string              `json:"hold_until"`
	} `json:"lines"`
}

// allocate promises stock to all lines of an order, or to none. A repeat answers the same.
func allocate(r *http.Request, body []byte) (change, error) {
	in, err := decode[wanted](body)
	if err != nil {
		return nil, err
	}
	id := orderID(r)
	requests := make([]allocation.Request, len(in.Lines))
	for i, l := range in.Lines {
		until, err := parseTime("hold_until", l.HoldUntil)
		if err != nil {
			return nil, err
		}
		requests[i] = allocation.Request{
			OrderLine: allocation.OrderLine{OrderID: id, SKU: l.SKU, Quantity: l.Quantity}, Split: l.Split, HoldUntil: until,
		}
	}
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		given, err := service.Allocate(ctx, requests...)
		return orderReply(id, given, err)
	}, nil
}

// confirm makes holds firm, after a payment for example. It wants to be told all SKUs of the order, so that a line
// that is gone is missed.
func confirm(r *http.Request, body []byte) (change, error) {
	in, err := decode[struct {
		SKUs []allocation.SKU `json:"skus"`
	}](body)
	if err != nil {
		return nil, err
	}
	if len(in.SKUs) == 0 {
		return nil, badField("skus", nil, "must not be empty")
	}
	id := orderID(r)
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		firm, err := service.Confirm(ctx, id, in.SKUs...)
		return orderReply(id, firm, err)
	}, nil
}

// cancel answers with what stays because it has been shipped.
func cancel(r *http.Request, _ []byte) (change, error) {
	id := orderID(r)
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		shipped, err := service.Cancel(ctx, id)
		return orderReply(id, shipped, err)
	}, nil
}

func orderID(r *http.Request) allocation.OrderID { return allocation.OrderID(r.PathValue("id")) }

// orderReply is the answer to a change of an order.
func orderReply(id allocation.OrderID, lines []allocation.Allocation, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	out := order{ID: id, Lines: make([]line, len(lines))}
	for i, l := range lines {
		out.Lines[i] = line{SKU: l.SKU, Quantity: l.Quantity, HeldUntil: l.HeldUntil}
		for _, p := range l.Parts {
			out.Lines[i].Parts = append(out.Lines[i].Parts, part{Batch: p.Batch, Quantity: p.Quantity, Shipped: p.Shipped})
		}
	}
	return asJSON(http.StatusOK, out)
}
