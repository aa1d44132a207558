package storetest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const rowManyLoads = "one Load brings many products, and the lines of many orders and many batches of a product"

var brokenManyLoads = []broken{
	{fault: "of more than 1,000 SKUs the rest is missing", row: rowManyLoads,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.SKUs = q.SKUs[:min(len(q.SKUs), 1000)] })},
	{fault: "of more than 1,000 further orders the rest is missing", row: rowManyLoads,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Orders = q.Orders[:min(len(q.Orders), 1000)] })},
	{fault: "of more than 1,000 batches the rest is missing", row: rowManyLoads,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = state.Batches[:min(len(state.Batches), 1000)]
		})},
	{fault: "many returned products are repeated at the end of a page", row: rowManyLoads,
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

func byNames(q allocation.Query) bool { return len(q.SKUs) > 0 && !q.Due }
func byOrder(q allocation.Query) bool { return q.Order != "" }
func byBatch(q allocation.Query) bool { return q.Batch != "" }
func byLapse(q allocation.Query) bool { return q.Due }

const (
	rowBoundary = "a hold lapses exactly at HeldUntil"
	rowMore     = "MoreLapsed is true for more lapsed holds than Limit, and false for exactly Limit"
	rowNext     = "NextExpiry is the earliest end of all live holds, loaded or not"
)

var selectors = map[string]func(allocation.Query) bool{
	"by SKU": byNames, "by order": byOrder, "by batch": byBatch, "by what is due": byLapse,
}

// brokenSelectors are stores with a fault in the queries of one kind only.
var brokenSelectors = slices.Concat(brokenOverdue, eachSelector())

func eachSelector() (stores []broken) {
	for _, name := range slices.Sorted(maps.Keys(selectors)) {
		which := selectors[name]
		full := func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			lapsed := 0
			for _, l := range state.Lines {
				if l.Lapsed(q.Now) {
					lapsed++
				}
			}
			state.MoreLapsed = state.MoreLapsed || which(q) && lapsed == q.Limit
		}
		stores = append(stores,
			broken{fault: "Now is cut to milliseconds " + name, row: rowBoundary, new: cutNow(which)},
			broken{fault: "MoreLapsed is never true " + name, row: rowMore,
				new: spoiling(which, func(state *allocation.State) { state.MoreLapsed = false })},
			broken{fault: "MoreLapsed is true for a full page " + name, row: rowMore, new: answering(full)},
			broken{fault: "NextExpiry is missing " + name, row: rowNext,
				new: spoiling(which, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
			broken{fault: "NextExpiry considers loaded lines only " + name, row: rowNext,
				new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
					if which(q) {
						state.NextExpiry = earliest(state.Lines, q.Now)
					}
				})},
		)
	}
	return stores
}

var brokenOverdue = []broken{
	{fault: "an overdue batch is not loaded", row: "a batch whose ETA has passed is loaded",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches, func(b allocation.Batch) bool {
				return b.ETA.Year() > 2000 && b.ETA.Before(q.Now)
			})
		})},
}
