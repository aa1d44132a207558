package main

import (
	"context"
	"net/http"

	"github.com/cosmic-go/allocation"
)

// batch is the announcement of a batch, and the answer to the announcement.
type batch struct {
	Ref        allocation.BatchRef `json:"ref"`
	SKU        allocation.SKU      `json:"sku"`
	Quantity   allocation.Quantity `json:"quantity"`
	ETA        string              `json:"eta,omitzero"` // left out: in the warehouse
	Location   allocation.Location `json:"location,omitzero"`
	BestBefore string              `json:"best_before,omitzero"`
}

func addBatch(_ *http.Request, body []byte) (change, error) {
	in, err := decode[batch](body)
	if err != nil {
		return nil, err
	}
	b := allocation.Batch{Ref: in.Ref, SKU: in.SKU, Purchased: in.Quantity, Location: in.Location}
	if b.ETA, err = parseTime("eta", in.ETA); err != nil {
		return nil, err
	}
	if b.BestBefore, err = parseTime("best_before", in.BestBefore); err != nil {
		return nil, err
	}
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		return asJSON(http.StatusCreated, in, service.AddBatch(ctx, b))
	}, nil
}

// count is a recount of a batch. The quantity must be given, so that a forgotten field doesn't empty the batch.
type count struct {
	Quantity  *allocation.Quantity `json:"quantity"`
	CountedAt string               `json:"counted_at"`
}

// released is a line that lost its units because fewer were found than promised.
type released struct {
	OrderID  allocation.OrderID  `json:"order_id"`
	SKU      allocation.SKU      `json:"sku"`
	Line     allocation.LineID   `json:"line,omitempty"`
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
		lines := make([]released, len(lost))
		for i, line := range lost {
			lines[i] = released(line)
		}
		return asJSON(http.StatusOK, map[string]any{"ref": ref, "released": lines}, err)
	}, nil
}
