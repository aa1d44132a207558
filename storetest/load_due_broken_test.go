package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const (
	rowDueOrder    = "a query by Due brings products by the first hold or batch that is due, at most Limit"
	rowDueAfter    = "a query by Due begins behind the turn After, by time and then by SKU"
	rowDueBoundary = "a batch is due exactly at Due, and never without Due"
	rowDueBatches  = "a query with Due brings all batches that are due, used up or not, and no other query does"
)

// choosing returns a store with a fault in the products that a query by Due selects, in order.
func choosing(fault func(states []allocation.State) []allocation.State) func() allocation.Store {
	return with(func(s *faulty) {
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			states, err := s.Store.Load(ctx, q)
			if q.Due && len(q.SKUs) == 0 {
				states = fault(states)
			}
			return states, err
		}
	})
}

// takingTurns returns a store with a fault in the turn of queries by Due.
func takingTurns(fault func(q *allocation.Query)) func() allocation.Store {
	return asking(func(_ *memory.Store, q *allocation.Query) {
		if q.Due && len(q.SKUs) == 0 {
			fault(q)
		}
	})
}

func hasHold(s allocation.State) bool {
	return slices.ContainsFunc(s.Lines, func(l allocation.Allocation) bool { return !l.HeldUntil.IsZero() })
}

var brokenDue = []broken{
	{fault: "only holds are due", row: rowDueOrder, new: choosing(func(states []allocation.State) []allocation.State {
		return slices.DeleteFunc(states, func(s allocation.State) bool { return !hasHold(s) })
	})},
	{fault: "only batches are due", row: rowDueOrder, new: choosing(func(states []allocation.State) []allocation.State {
		return slices.DeleteFunc(states, hasHold)
	})},
	{fault: "products with holds come first", row: rowDueOrder,
		new: choosing(func(states []allocation.State) []allocation.State {
			slices.SortStableFunc(states, func(a, b allocation.State) int {
				return cmp.Compare(len(b.Lines), len(a.Lines))
			})
			return states
		})},
	{fault: "a query by Due ignores Limit", row: rowDueOrder,
		new: takingTurns(func(q *allocation.Query) { q.Limit = 1000 })},
	{fault: "After is ignored", row: rowDueAfter,
		new: takingTurns(func(q *allocation.Query) { q.After = allocation.Turn{} })},
	{fault: "After skips the other products of the same moment", row: rowDueAfter,
		new: takingTurns(func(q *allocation.Query) { q.After.SKU = "zzz" })},
	{fault: "After leaves nothing of the same moment out", row: rowDueAfter,
		new: takingTurns(func(q *allocation.Query) { q.After.SKU = "" })},
	{fault: "After has seconds", row: rowDueAfter,
		new: takingTurns(func(q *allocation.Query) { q.After.At = q.After.At.Truncate(time.Second) })},
	{fault: "a batch is due a microsecond late", row: rowDueBoundary,
		new: takingTurns(func(q *allocation.Query) { q.Now = q.Now.Add(-time.Microsecond) })},
	{fault: "a batch is due a millisecond early", row: rowDueBoundary,
		new: takingTurns(func(q *allocation.Query) { q.Now = q.Now.Add(time.Millisecond) })},
	{fault: "used-up batches that are due don't come", row: rowDueBatches,
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches, func(b allocation.Batch) bool {
				return q.Due && b.Available() == 0
			})
		})},
	{fault: "a query by SKU ignores Due", row: rowDueBatches,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Due = q.Due && len(q.SKUs) == 0 })},
	{fault: "every query brings due batches", row: rowDueBatches,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Due = q.Due || len(q.SKUs) > 0 })},
}
