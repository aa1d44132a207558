package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const rowManyLoads = "one Load brings many products, and the lines of many orders and many batches of a product"

var brokenManyLoads = []broken{
	{fault: "of more than 1,000 SKUs the rest is missing", row: rowManyLoads, bare: true,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.SKUs = q.SKUs[:min(len(q.SKUs), 1000)] })},
	{fault: "of more than 1,000 further orders the rest is missing", row: rowManyLoads, bare: true,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Orders = q.Orders[:min(len(q.Orders), 1000)] })},
	{fault: "of more than 1,000 batches the rest is missing", row: rowManyLoads, bare: true,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = state.Batches[:min(len(state.Batches), 1000)]
		})},
	{fault: "many returned products are repeated at the end of a page", row: rowManyLoads, bare: true,
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if len(states) > 500 {
					states = append(states, states[499])
				}
				return states, err
			}
		})},
}

// cutNow returns a store that cuts the time of some queries to milliseconds.
func cutNow(which func(q allocation.Query) bool) func() allocation.Store {
	return asking(func(_ *memory.Store, q *allocation.Query) {
		if which(*q) {
			q.Now = q.Now.Truncate(time.Millisecond)
		}
	})
}

// spoiling returns a store with a fault in the states of some queries.
func spoiling(which func(q allocation.Query) bool, spoil func(state *allocation.State)) func() allocation.Store {
	return answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
		if which(q) {
			spoil(state)
		}
	})
}

func anyQuery(allocation.Query) bool  { return true }
func byOrder(q allocation.Query) bool { return q.Order != "" }
func byBatch(q allocation.Query) bool { return q.Batch != "" }
func byLapse(q allocation.Query) bool { return q.Due }

const (
	rowBoundary = "a hold lapses exactly at HeldUntil"
	rowMore     = "MoreLapsed is true for more lapsed holds than Limit, and false for exactly Limit"
	rowNext     = "NextExpiry is the earliest end of all live holds, loaded or not"
)

var brokenSelectors = []broken{
	{fault: "an overdue batch is not loaded", row: "a batch whose ETA has passed is loaded", bare: true,
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches, func(b allocation.Batch) bool {
				return b.ETA.Year() > 2000 && b.ETA.Before(q.Now)
			})
		})},
	{fault: "Now is cut to milliseconds", row: rowBoundary, bare: true, new: cutNow(anyQuery)},
	{fault: "Now is cut to milliseconds by order", row: rowBoundary, bare: true, new: cutNow(byOrder)},
	{fault: "Now is cut to milliseconds by batch", row: rowBoundary, bare: true, new: cutNow(byBatch)},
	{fault: "Now is cut to milliseconds by lapsed holds", row: rowBoundary, bare: true, new: cutNow(byLapse)},
	{fault: "MoreLapsed is never true by order", row: rowMore, bare: true,
		new: spoiling(byOrder, func(state *allocation.State) { state.MoreLapsed = false })},
	{fault: "NextExpiry is missing by order", row: rowNext, bare: true,
		new: spoiling(byOrder, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
	{fault: "NextExpiry is missing by batch", row: rowNext, bare: true,
		new: spoiling(byBatch, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
	{fault: "NextExpiry is missing by lapsed holds", row: rowNext, bare: true,
		new: spoiling(byLapse, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
}
