package allocation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// stepSKUs are the products of the steps; few, so that steps meet.
var stepSKUs = []allocation.SKU{"A", "B", "C", "D"}

// step is one call, to be made on several Services.
type step struct {
	name      string
	elsewhere bool     // for a Service in the part of another process
	names     []string // the orders and batches named
	looksUp   bool     // finds the products by names
	run       func(ctx context.Context, s *allocation.Service) (any, error)
}

// dice throws steps.
type dice struct {
	*rand.Rand
	now time.Time
}

func (d dice) sku() allocation.SKU       { return stepSKUs[d.IntN(len(stepSKUs))] }
func (d dice) order() allocation.OrderID { return numbered("o", d.IntN(12)) }
func (d dice) batch() allocation.BatchRef {
	return allocation.BatchRef(fmt.Sprint("b", d.IntN(10)))
}

func (d dice) request(order allocation.OrderID) allocation.Request {
	r := want(order, d.sku(), allocation.Quantity(1+d.IntN(4)))
	r.Split = d.IntN(3) == 0
	if d.IntN(3) == 0 {
		r.HoldUntil = d.now.Add(time.Duration(d.IntN(5)) * time.Minute)
	}
	if d.IntN(3) == 0 {
		d.queue(&r)
	}
	return r
}

// queue lets the request wait, or take a part of the units, or begin a hold when units are given. Few of the terms
// contradict each other.
func (d dice) queue(r *allocation.Request) {
	r.Wait, r.Priority = d.IntN(4) > 0, d.IntN(4)-2
	r.Partial = r.Split && d.IntN(2) == 0
	if d.IntN(8) > 0 {
		r.HoldUntil = time.Time{}
	}
	if d.IntN(3) == 0 && (!r.Partial || d.IntN(8) == 0) {
		r.HoldFor = time.Duration(1+d.IntN(5)) * time.Minute
	}
	if d.IntN(4) == 0 {
		r.NeededBy = d.now.Add(time.Duration(d.IntN(10)) * time.Minute)
	}
}

// requests are mostly of one order.
func (d dice) requests() (requests []allocation.Request) {
	order := d.order()
	for range 1 + d.IntN(3) {
		if d.IntN(5) == 0 {
			order = d.order()
		}
		requests = append(requests, d.request(order))
	}
	return requests
}

func (d dice) announcement() allocation.Batch {
	b := stock(d.batch(), d.sku(), allocation.Quantity(d.IntN(8)))
	if d.IntN(3) == 0 {
		b.ETA = morning.Add(time.Duration(d.IntN(3)) * time.Hour)
	}
	return b
}

func (d dice) count() allocation.Count {
	at := d.now.Add(-time.Duration(d.IntN(4)) * time.Minute)
	return allocation.Count{Batch: d.batch(), Quantity: allocation.Quantity(d.IntN(8)), At: at}
}

// bulk is orders for AllocateEach, bad ones among them.
func (d dice) bulk() (orders [][]allocation.Request) {
	for range 1 + d.IntN(6) {
		orders = append(orders, d.requests())
	}
	if d.IntN(3) == 0 {
		orders = append(orders, nil, []allocation.Request{{}})
	}
	return orders
}

// step is any command but AllocateEach and Sweep.
func (d dice) step() step {
	s := step{elsewhere: d.IntN(5) == 0}
	order, requests, count := d.order(), d.requests(), d.count()
	skus := []allocation.SKU{d.sku(), d.sku()}[:d.IntN(3)]
	line := requests[0].OrderLine
	byOrder := func() { s.names, s.looksUp = []string{string(order)}, len(skus) == 0 }
	byBatch := func() { s.names, s.looksUp = []string{string(count.Batch)}, true }
	for _, r := range requests {
		s.names = append(s.names, string(r.OrderID))
	}
	switch d.IntN(14) {
	case 0, 1:
		batch := d.announcement()
		s.names = []string{string(batch.Ref)}
		s.name, s.run = "AddBatch", func(ctx context.Context, s *allocation.Service) (any, error) {
			return nil, s.AddBatch(ctx, batch)
		}
	case 2:
		byOrder()
		s.name, s.run = "Cancel", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Cancel(ctx, order, skus...)
		}
	case 3:
		byOrder()
		s.name, s.run = "Confirm", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Confirm(ctx, order, skus...)
		}
	case 4:
		byOrder()
		until := d.now.Add(time.Duration(d.IntN(6)) * time.Minute)
		s.name, s.run = "Extend", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Extend(ctx, order, until, skus...)
		}
	case 5:
		byOrder()
		s.name, s.run = "Ship", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Ship(ctx, order, skus...)
		}
	case 6:
		s.name, s.run = "ShipPart", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.ShipPart(ctx, line)
		}
	case 7:
		s.name, s.run = "ChangeLine", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.ChangeLine(ctx, line)
		}
	case 8:
		byBatch()
		s.name, s.run = "ChangeBatchQuantity", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.ChangeBatchQuantity(ctx, count)
		}
	case 9:
		byBatch()
		s.name, s.run = "ReceiveBatch", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.ReceiveBatch(ctx, count)
		}
	case 10:
		s.names = nil
		sku, low := d.sku(), allocation.Quantity(d.IntN(8))
		s.name, s.run = "SetLowStock", func(ctx context.Context, s *allocation.Service) (any, error) {
			return nil, s.SetLowStock(ctx, sku, low)
		}
	default:
		s.name, s.run = "Allocate", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Allocate(ctx, slices.Clone(requests)...)
		}
	}
	return s
}

// each is an AllocateEach.
func (d dice) each() step {
	orders := d.bulk()
	return step{name: "AllocateEach", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		given, errs := s.AllocateEach(ctx, orders)
		return []any{given, fmt.Sprint(errs)}, nil
	}}
}

func releaseLapsed(ctx context.Context, s *allocation.Service) (any, error) {
	return s.Sweep(ctx)
}

// sameProducts demands that two stores have equal products, and that the accounts of every product
// agree.
func sameProducts(t *testing.T, wanted, got *memory.Store, at string) {
	t.Helper()
	for _, sku := range stepSKUs {
		x, known := wanted.Product(sku)
		y, _ := got.Product(sku)
		require.Equal(t, x, y, "%s: product %s", at, sku)
		if !known {
			continue
		}
		audit, err := got.Audit(t.Context(), sku)
		require.NoError(t, err)
		for _, tally := range audit.Tallies {
			require.False(t, tally.Drifted(), "%s: %+v", at, tally)
		}
	}
}
