package allocation_test

import (
	"context"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// productVerbs lets a story command a Product as the story commands a Service.
type productVerbs struct {
	p      *allocation.Product
	clock  *memory.Clock
	policy allocation.Policy
}

// now is the present time in another zone and not yet cut, since a product takes any time (R11).
func (v *productVerbs) now() time.Time {
	return v.clock.Now().Add(7).In(time.FixedZone("elsewhere", 3600))
}

// beginProduct goes on with a product without a store around: new, until the story loads the product.
func (s *tale) beginProduct(a storyArgs) error {
	p, err := allocation.NewProduct(lamp)
	if err != nil {
		return err
	}
	s.product = &productVerbs{p: p, clock: s.clock, policy: a.policy()}
	s.verbs, s.facts, s.told[lamp] = s.product, nil, 0
	return nil
}

// load commits what the product has changed, and loads the product anew by a query.
func (s *tale) load(a storyArgs) error {
	ctx, store := s.t.Context(), s.store.Store
	if c := s.product.p.Changes(); len(c.Events) > 0 {
		if err := store.Commit(ctx, []allocation.Changes{c}); err != nil {
			return err
		}
	}
	q := allocation.Query{
		Order: allocation.OrderID(a.setting("order")), Batch: allocation.BatchRef(a.setting("batch")),
		Due: a.has("due"), Now: s.clock.Now(), Limit: max(1, a.number("limit")), Waiting: a.has("waiting"),
	}
	if q.Order == "" && q.Batch == "" && !q.Due || q.Waiting {
		q.SKUs = []allocation.SKU{lamp}
	}
	if orders := a.setting("orders"); orders != "" {
		for order := range strings.SplitSeq(orders, ",") {
			q.Orders = append(q.Orders, allocation.OrderID(order))
		}
	}
	if q.Waiting && !q.Due {
		state, _ := store.Product(lamp)
		if q.From = state.Serving; q.From == (allocation.Rank{}) {
			q.From = allocation.Rank{Priority: 1<<15 - 1, Sequence: 1}
		}
	}
	states, err := store.Load(ctx, q)
	if err == nil && len(states) == 0 {
		q = allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: q.Orders, Now: q.Now, Limit: q.Limit}
		states, err = store.Load(ctx, q)
	}
	if err != nil || len(states) == 0 {
		return err
	}
	p, err := states[0].Product(q)
	if err != nil {
		return err
	}
	s.product.p, s.told[lamp] = p, 0
	return nil
}

func (v *productVerbs) Allocate(_ context.Context, requests ...allocation.Request) ([]allocation.Allocation, error) {
	return v.p.Allocate(v.now(), v.policy, requests...)
}

func (v *productVerbs) ChangeLine(_ context.Context, wanted allocation.OrderLine) (allocation.Allocation, error) {
	return v.p.ChangeLine(wanted, v.now(), v.policy)
}

func (v *productVerbs) Cancel(
	_ context.Context, order allocation.OrderID, _ ...allocation.SKU,
) ([]allocation.Allocation, error) {
	return v.p.Cancel(order, v.now())
}

func (v *productVerbs) Ship(
	_ context.Context, order allocation.OrderID, _ ...allocation.SKU,
) ([]allocation.Allocation, error) {
	return v.p.Ship(order, v.now())
}

func (v *productVerbs) ShipPart(_ context.Context, shipped allocation.OrderLine) (allocation.Allocation, error) {
	return v.p.ShipPart(shipped, v.now())
}

func (v *productVerbs) Confirm(
	_ context.Context, order allocation.OrderID, _ ...allocation.SKU,
) ([]allocation.Allocation, error) {
	return v.p.Confirm(order, v.now())
}

func (v *productVerbs) Extend(
	_ context.Context, order allocation.OrderID, until time.Time, _ ...allocation.SKU,
) ([]allocation.Allocation, error) {
	return v.p.Extend(order, until, v.now())
}

func (v *productVerbs) HandOver(
	_ context.Context, from, to allocation.OrderID, _ ...allocation.SKU,
) ([]allocation.Allocation, error) {
	return v.p.HandOver(from, to, v.now())
}

func (v *productVerbs) AddBatch(_ context.Context, announced allocation.Batch) error {
	return v.p.AddBatch(announced, v.now())
}

func (v *productVerbs) SplitBatch(
	_ context.Context, from allocation.BatchRef, part allocation.Batch,
) ([]allocation.OrderLine, error) {
	return v.p.SplitBatch(from, part, v.now(), v.policy)
}

func (v *productVerbs) ChangeBatchQuantity(_ context.Context, c allocation.Count) ([]allocation.OrderLine, error) {
	return v.p.ChangeBatchQuantity(c, v.now(), v.policy)
}

func (v *productVerbs) ReceiveBatch(_ context.Context, c allocation.Count) ([]allocation.OrderLine, error) {
	return v.p.ReceiveBatch(c, v.now(), v.policy)
}

func (v *productVerbs) ChangeBatchETA(
	_ context.Context, ref allocation.BatchRef, eta time.Time,
) ([]allocation.OrderLine, error) {
	return v.p.ChangeBatchETA(ref, eta, v.now(), v.policy)
}

func (v *productVerbs) BlockBatch(
	_ context.Context, ref allocation.BatchRef, reason string,
) ([]allocation.OrderLine, error) {
	return v.p.BlockBatch(ref, reason, v.now(), v.policy)
}

func (v *productVerbs) UnblockBatch(_ context.Context, ref allocation.BatchRef) error {
	return v.p.UnblockBatch(ref, v.now())
}

func (v *productVerbs) SetLowStock(_ context.Context, _ allocation.SKU, threshold allocation.Quantity) error {
	return v.p.SetLowStock(threshold, v.now())
}

func (v *productVerbs) Sweep(context.Context) (int, error) { return v.p.Sweep(v.now()), nil }
