package main

import (
	"context"
	"net/http"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
)

func addBatch(_ *http.Request, body []byte) (change, error) {
	in, err := decode[wire.Batch](body)
	if err != nil {
		return nil, err
	}
	b, err := in.Announced()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		return asJSON(http.StatusCreated, in, service.AddBatch(ctx, b))
	}, nil
}

// released is a line that lost units because the batch can't serve the line any more, and no other batch can.
type released struct {
	OrderID  allocation.OrderID  `json:"order_id"`
	SKU      allocation.SKU      `json:"sku"`
	Line     allocation.LineID   `json:"line,omitempty"`
	Quantity allocation.Quantity `json:"quantity"`
}

func countBatch(r *http.Request, body []byte) (change, error) {
	in, err := decode[wire.Count](body)
	if err != nil {
		return nil, err
	}
	counted, err := in.Of(allocation.BatchRef(r.PathValue("ref")))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, service *allocation.Service) (reply, error) {
		lost, err := service.ChangeBatchQuantity(ctx, counted)
		return withReleased(http.StatusOK, counted.Batch, lost, err)
	}, nil
}

// splitBatch takes units out of a batch and makes them a batch of their own: elsewhere, arrived or blocked.
func splitBatch(r *http.Request, body []byte) (change, error) {
	in, err := decode[wire.Batch](body)
	if err != nil {
		return nil, err
	}
	part, err := in.Announced()
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
