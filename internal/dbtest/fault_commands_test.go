package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// command is a use case of the service, as it finds the stock of [prepareStock].
type command struct {
	name   string
	states int // that others can see: before, after, and what is between them; 2 if not set
	run    func(ctx context.Context, s *allocation.Service) (any, error)
}

// When the commands run, and for how long holds last.
var (
	running = start.Add(5 * time.Minute)
	counted = start.Add(2 * time.Minute)
	lapse   = start.Add(time.Hour)
)

// prepareStock leaves chairs in three batches, tables in two, and a lamp whose counter somebody changed by hand.
func prepareStock(t testing.TB, s *allocation.Service, byHand func(statement string)) {
	t.Helper()
	ctx := context.Background()
	for _, b := range []allocation.Batch{
		{Ref: "c1", SKU: "chair", Purchased: 10},
		{Ref: "c2", SKU: "chair", Purchased: 6},
		{Ref: "c3", SKU: "chair", Purchased: 5, ETA: start.Add(24 * time.Hour)},
		{Ref: "t1", SKU: "table", Purchased: 10},
		{Ref: "t2", SKU: "table", Purchased: 4},
		{Ref: "l1", SKU: "lamp", Purchased: 2},
	} {
		require.NoError(t, s.AddBatch(ctx, b))
	}
	require.NoError(t, s.SetLowStock(ctx, "chair", 3))
	for _, requests := range [][]allocation.Request{
		{firm("old", "chair", 3), firm("old", "table", 2)},
		{firm("new", "chair", 4)},
		{held("basket", "chair", 2), held("basket", "table", 1)},
	} {
		_, err := s.Allocate(ctx, requests...)
		require.NoError(t, err)
	}
	byHand(`UPDATE allocation_batches SET allocated = 1 WHERE ref = 'l1'`)
}

func held(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.Request {
	r := firm(order, sku, units)
	r.HoldUntil = lapse
	return r
}

func split(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.Request {
	r := firm(order, sku, units)
	r.Split = true
	return r
}

// commands are all that a Service can do to its products.
var commands = []command{
	{name: "AddBatch", run: adding(allocation.Batch{Ref: "c4", SKU: "chair", Purchased: 7})},
	{name: "AddBatch of a new product", run: adding(allocation.Batch{Ref: "s1", SKU: "sofa", Purchased: 7})},
	{name: "ReceiveBatch", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.ReceiveBatch(ctx, allocation.Count{Batch: "c3", Quantity: 4, At: counted})
	}},
	{name: "ChangeBatchQuantity that moves lines", run: recounting("c1", 4)},
	{name: "ChangeBatchQuantity that releases lines", run: recounting("t1", 0)},
	{name: "ChangeBatchETA", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.ChangeBatchETA(ctx, "c3", start.Add(48*time.Hour))
	}},
	{name: "SetLowStock", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return nil, s.SetLowStock(ctx, "chair", 20)
	}},
	{name: "Allocate", run: allocating(firm("o", "chair", 1))},
	{name: "Allocate a hold", run: allocating(held("o", "chair", 1))},
	{name: "Allocate over batches", run: allocating(split("o", "chair", 11))},
	{name: "Allocate an order", run: allocating(firm("o", "chair", 2), held("o", "table", 3), split("p", "table", 7))},
	{name: "Allocate what is short", run: allocating(firm("o", "chair", 50))},
	{name: "Allocate an order of which a line is short",
		run: allocating(firm("o", "chair", 1), firm("o", "table", 50))},
	{name: "ChangeLine to more", run: changing("old", 6)},
	{name: "ChangeLine to less", run: changing("old", 1)},
	{name: "ChangeLine to what is short", run: changing("old", 60)},
	{name: "Cancel", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.Cancel(ctx, "old")
	}},
	{name: "Confirm", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.Confirm(ctx, "basket")
	}},
	{name: "Extend", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.Extend(ctx, "basket", lapse.Add(time.Hour), "table", "chair")
	}},
	{name: "Ship", run: func(ctx context.Context, s *allocation.Service) (any, error) { return s.Ship(ctx, "old") }},
	{name: "ShipPart", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.ShipPart(ctx, firm("old", "chair", 1).OrderLine)
	}},
	{name: "Allocate a line that waits", run: allocating(patient("o", "chair", 20))},
	{name: "HandOver", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.HandOver(ctx, "basket", "o")
	}},
	{name: "SplitBatch", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.SplitBatch(ctx, "c1", allocation.Batch{Ref: "c4", Purchased: 6, ETA: start.Add(24 * time.Hour)})
	}},
	{name: "BlockBatch", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.BlockBatch(ctx, "c1", "recall")
	}},
	{name: "Sweep", states: 3, run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.Sweep(ctx)
	}},
	{name: "Mend", run: func(ctx context.Context, s *allocation.Service) (any, error) { return s.Mend(ctx, "lamp") }},
}

func adding(b allocation.Batch) func(context.Context, *allocation.Service) (any, error) {
	return func(ctx context.Context, s *allocation.Service) (any, error) { return nil, s.AddBatch(ctx, b) }
}

func recounting(
	ref allocation.BatchRef, units allocation.Quantity,
) func(context.Context, *allocation.Service) (any, error) {
	return func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.ChangeBatchQuantity(ctx, allocation.Count{Batch: ref, Quantity: units, At: counted})
	}
}

func allocating(requests ...allocation.Request) func(context.Context, *allocation.Service) (any, error) {
	return func(ctx context.Context, s *allocation.Service) (any, error) { return s.Allocate(ctx, requests...) }
}

func changing(
	order allocation.OrderID, units allocation.Quantity,
) func(context.Context, *allocation.Service) (any, error) {
	return func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.ChangeLine(ctx, firm(order, "chair", units).OrderLine)
	}
}

// clock is the time at which a command runs.
func (c command) clock() time.Time {
	if c.states > 2 { // the holds have to have lapsed
		return lapse.Add(time.Minute)
	}
	return running
}
