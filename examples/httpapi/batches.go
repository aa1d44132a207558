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
	Lot        allocation.BatchRef `json:"lot,omitzero"`     // left out: the batch's own ref
	Blocked    string              `json:"blocked,omitzero"` // why the batch must not be sold
}

// announced returns the batch for the library.
func (in batch) announced() (b allocation.Batch, err error) {
	b = allocation.Batch{
		Ref: in.Ref, SKU: in.SKU, Purchased: in.Quantity, Location: in.Location, Lot: in.Lot, Blocked: in.Blocked,
	}
	if b.ETA, err = parseTime("eta", in.ETA); err != nil {
		return b, err
	}
	b.BestBefore, err = parseTime("best_before", in.BestBefore)
	return b, err
}

func addBatch(_ *http.Request, body []byte) (change, error) {
	in, err := decode[batch](body)
	if err != nil {
		return nil, err
	}
	b, err := in.announced()
	if err != nil {
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

// released is a line that lost units because the batch can't serve the line any more, and no other batch can.
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
		return withReleased(http.StatusOK, ref, lost, err)
	}, nil
}

// splitBatch takes units out of a batch and makes them a batch of their own: elsewhere, arrived or blocked.
func splitBatch(r *http.Request, body []byte) (change, error) {
	in, err := decode[batch](body)
	if err != nil {
		return nil, err
	}
	part, err := in.announced()
	if err != nil {
		return nil, err
	}
	from := allocation.BatchRef(r.PathValue("ref"))
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		lost, err := service.SplitBatch(ctx, from, part)
		return withReleased(http.StatusCreated, part.Ref, lost, err)
	}, nil
}

// blockBatch takes a batch out of sale, for a reason. Lines move to other batches.
func blockBatch(r *http.Request, body []byte) (change, error) {
	in, err := decode[struct {
		Reason string `json:"reason"`
	}](body)
	if err != nil {
		return nil, err
	}
	ref := allocation.BatchRef(r.PathValue("ref"))
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		lost, err := service.BlockBatch(ctx, ref, in.Reason)
		return withReleased(http.StatusOK, ref, lost, err)
	}, nil
}

// unblockBatch puts a batch back on sale.
func unblockBatch(r *http.Request, _ []byte) (change, error) {
	ref := allocation.BatchRef(r.PathValue("ref"))
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		return asJSON(http.StatusOK, map[string]any{"ref": ref}, service.UnblockBatch(ctx, ref))
	}, nil
}

// withReleased answers with a batch and the lines that lost their units.
func withReleased(status int, ref allocation.BatchRef, lost []allocation.OrderLine, err error) (reply, error) {
	lines := make([]released, len(lost))
	for i, line := range lost {
		lines[i] = released(line)
	}
	return asJSON(status, map[string]any{"ref": ref, "released": lines}, err)
}
