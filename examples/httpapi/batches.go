package main

import (
	"context"
	"net/http"

	"github.com/cosmic-go/allocation"
)

// batch is one as it is announced, and the answer to that.
type batch struct {
	Ref        allocation.BatchRef `json:"ref"`
	SKU        allocation.SKU      `json:"sku"`
	Quantity   allocation.Quantity `json:"quantity"`
	ETA        string              `json:"eta,omitzero"` // left out: it is in the warehouse
	Location   allocation.Location `json:"location,omitzero"`
	BestBefore string              `json:"best_before,omitzero"`
}

func addBatch(_ *http.Request, body []byte) (change, error) {
	in, err := decode[batch](body)
	if err != nil {
		return nil, err
	}
	eta, err := parseTime("eta", in.ETA)
	if err != nil {
		return nil, err
	}
	bestBefore, err := parseTime("best_before", in.BestBefore)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		err := service.AddBatch(ctx, allocation.Batch{
			Ref: in.Ref, SKU: in.SKU, Purchased: in.Quantity, ETA: eta, Location: in.Location, BestBefore: bestBefore,
		})
		if err != nil {
			return reply{}, err
		}
		return asJSON(http.StatusCreated, in)
	}, nil
}

// count is what was counted of a batch. Without a quantity it is none, rather than one of 0.
type count struct {
	Quantity  *allocation.Quantity `json:"quantity"`
	CountedAt string               `json:"counted_at"`
}

// counted tells whose units are gone since there are fewer than were promised.
type counted struct {
	Ref      allocation.BatchRef `json:"ref"`
	Released []released          `json:"released"`
}

type released struct {
	OrderID  allocation.OrderID  `json:"order_id"`
	SKU      allocation.SKU      `json:"sku"`
	Quantity allocation.Quantity `json:"quantity"`
}

func countBatch(r *http.Request, body []byte) (change, error) {
	in, err := decode[count](body)
	if err != nil {
		return nil, err
	}
	if in.Quantity == nil {
		return nil, badField("quantity", nil, "must be given")
	}
	at, err := parseTime("counted_at", in.CountedAt)
	if err != nil {
		return nil, err
	}
	ref := allocation.BatchRef(r.PathValue("ref"))
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		lost, err := service.ChangeBatchQuantity(ctx, allocation.Count{Batch: ref, Quantity: *in.Quantity, At: at})
		if err != nil {
			return reply{}, err
		}
		out := counted{Ref: ref, Released: []released{}}
		for _, line := range lost {
			out.Released = append(out.Released, released(line))
		}
		return asJSON(http.StatusOK, out)
	}, nil
}
