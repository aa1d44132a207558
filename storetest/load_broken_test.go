package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var brokenLoads = []broken{
	{fault: "Load brings more products than the query names", row: "a query by SKUs brings exactly the named products",
		new: asking(func(s *memory.Store, q *allocation.Query) {
			for _, sku := range []allocation.SKU{"apple", "pear", "plum"} {
				if len(q.SKUs) > 0 && !slices.Contains(q.SKUs, sku) {
					q.SKUs = append(q.SKUs, sku)
				}
			}
		})},
	{fault: "a missing SKU brings an empty state", row: "a missing product is left out",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				for _, sku := range q.SKUs {
					if _, known := s.Product(sku); !known && err == nil {
						states = append(states, allocation.State{SKU: sku})
					}
				}
				return states, err
			}
		})},
	{fault: "a missing order is an error", row: "a missing product is left out",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if q.Order != "" && len(states) == 0 && err == nil {
					return nil, allocation.ErrNotFound
				}
				return states, err
			}
		})},
	{fault: "a load by order brings one product only",
		row: "a query by order brings all products with lines of the order",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if q.Order != "" && len(states) > 1 {
					states = states[:1]
				}
				return states, err
			}
		})},
	{fault: "a load by batch leaves out the batch if used up",
		row: "a query by batch brings the owner and the batch, even if the batch is used up",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			if q.Batch != "" && len(state.Lines) == 0 {
				state.Batches = slices.DeleteFunc(state.Batches,
					func(b allocation.Batch) bool { return b.Available() == 0 })
			}
		})},
	{fault: "loads bring used-up batches", row: "other used-up batches are not loaded",
		new: answering(func(s *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = whole(s, state.SKU).Batches
		})},
	{fault: "loads bring lines of other orders", row: "lines of other orders are not loaded",
		new: answering(func(s *memory.Store, _ allocation.Query, state *allocation.State) {
			for _, l := range whole(s, state.SKU).Lines {
				addLine(s, state, l)
			}
		})},
	{fault: "loads bring open batches only",
		row: "a line comes with all of its parts and their batches, used-up batches included",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches,
				func(b allocation.Batch) bool { return b.Available() == 0 })
		})},
	{fault: "loads leave out shipped parts",
		row: "a line comes with all of its parts and their batches, used-up batches included",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for i := range state.Lines {
				l := &state.Lines[i]
				l.Parts = slices.DeleteFunc(l.Parts, func(p allocation.Part) bool {
					gone := p.Shipped == p.Quantity && len(l.Parts) > 1
					if gone {
						l.Quantity -= p.Quantity
					}
					return gone
				})
			}
		})},
	{fault: "loads leave out shipped lines", row: "a shipped line comes if its order is asked for",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			dropLines(state, func(l allocation.Allocation) bool { return l.Shipped() == l.Quantity })
		})},
	{fault: "a batch comes once for each line", row: "a line or batch that is selected for several reasons comes once",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			if len(state.Lines) > 1 {
				state.Batches = append(state.Batches, state.Batches...)
			}
		})},
	{fault: "a line comes once for each request",
		row: "a line or batch that is selected for several reasons comes once",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			for _, l := range slices.Clone(state.Lines) {
				if slices.Index(q.Orders, l.OrderID) >= 0 && l.Lapsed(q.Now) {
					state.Lines = append(state.Lines, l)
				}
			}
		})},
	{fault: "further orders work with queries by SKU only",
		row: "every query brings the lines of further orders, and further orders select no products",
		new: asking(func(_ *memory.Store, q *allocation.Query) {
			if q.SKUs == nil {
				q.Orders = nil
			}
		})},
	{fault: "a query has a hundred arguments at most", row: rowManyLoads,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.SKUs = q.SKUs[:min(len(q.SKUs), 100)] })},
}

var brokenLapsed = []broken{
	{fault: "a hold lapses after its HeldUntil", row: "a hold lapses exactly at HeldUntil",
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Now = q.Now.Add(-time.Microsecond) })},
	{fault: "a hold lapses before its HeldUntil", row: "a hold lapses exactly at HeldUntil",
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Now = q.Now.Add(time.Microsecond) })},
	{fault: "lapsed holds come with queries by SKU only", row: "every query brings lapsed holds and their batches",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			if q.SKUs == nil {
				dropLines(state, func(l allocation.Allocation) bool {
					return l.Lapsed(q.Now) && !asksFor(q, l.OrderID)
				})
			}
		})},
	{fault: "a lapsed hold of a further order has its parts twice, except in the first product",
		row: "a lapsed hold whose order is asked for as well comes once",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			for i, l := range state.Lines {
				if len(q.SKUs) > 1 && state.SKU != q.SKUs[0] && asksFor(q, l.OrderID) && l.Lapsed(q.Now) {
					state.Lines[i].Parts = append(l.Parts, l.Parts...)
				}
			}
		})},
	{fault: "lapsed holds are sorted by order only",
		row: "the first lapsed holds come, sorted by HeldUntil and OrderID",
		new: reorderedLapsed(func(x, y allocation.Allocation) int { return cmp.Compare(x.OrderID, y.OrderID) })},
	{fault: "lapsed holds of one time come in reverse order",
		row: "the first lapsed holds come, sorted by HeldUntil and OrderID",
		new: reorderedLapsed(func(x, y allocation.Allocation) int {
			return cmp.Or(x.HeldUntil.Compare(y.HeldUntil), cmp.Compare(y.OrderID, x.OrderID))
		})},
	{fault: "loads bring the batches of all lapsed holds",
		row: "the used-up batch of a hold beyond the page isn't loaded",
		new: answering(func(s *memory.Store, _ allocation.Query, state *allocation.State) {
			if state.MoreLapsed {
				state.Batches = whole(s, state.SKU).Batches
			}
		})},
	{fault: "MoreLapsed is never set",
		row: "MoreLapsed is true for more lapsed holds than Limit, and false for exactly Limit",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.MoreLapsed = false
		})},
	{fault: "MoreLapsed is set when the page is full",
		row: "MoreLapsed is true for more lapsed holds than Limit, and false for exactly Limit",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			lapsed := 0
			for _, l := range state.Lines {
				if l.Lapsed(q.Now) {
					lapsed++
				}
			}
			state.MoreLapsed = lapsed >= q.Limit
		})},
	{fault: "Limit counts over all products", row: "Limit counts the lapsed holds of each product",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				left := q.Limit
				for i := range states {
					dropLines(&states[i], func(l allocation.Allocation) bool {
						if !l.Lapsed(q.Now) {
							return false
						}
						left--
						return left < 0
					})
				}
				return states, err
			}
		})},
	{fault: "a query by Due ignores Limit",
		row: "a query by Due brings the products whose holds lapsed first, at most Limit",
		new: asking(func(_ *memory.Store, q *allocation.Query) {
			if q.Due {
				q.Limit = plenty
			}
		})},
	{fault: "a query by Due sorts products by SKU",
		row: "a query by Due brings the products whose holds lapsed first, at most Limit",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if !q.Due {
					return s.Store.Load(ctx, q)
				}
				limit := q.Limit
				q.Limit = plenty
				states, err := s.Store.Load(ctx, q)
				slices.SortFunc(states, func(x, y allocation.State) int { return cmp.Compare(x.SKU, y.SKU) })
				return states[:min(limit, len(states))], err
			}
		})},
	{fault: "a query by Due brings products with live holds",
		row: "a query by Due brings no product with only firm lines, live, confirmed or cancelled holds",
		new: asking(func(_ *memory.Store, q *allocation.Query) {
			if q.Due {
				q.Now = q.Now.Add(time.Hour)
			}
		})},
	{fault: "a confirmed hold keeps its HeldUntil",
		row: "a query by Due brings no product with only firm lines, live, confirmed or cancelled holds",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for i, l := range c.Lines {
				for _, old := range whole(s, c.SKU).Lines {
					if old.Key() == l.Key() && l.HeldUntil.IsZero() {
						c.Lines[i].HeldUntil = old.HeldUntil
					}
				}
			}
		})},
	{fault: "NextExpiry considers loaded lines only",
		row: "NextExpiry is the earliest end of all live holds, loaded or not",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.NextExpiry = earliest(state.Lines, q.Now)
		})},
	{fault: "NextExpiry considers lapsed holds", row: "NextExpiry is the earliest end of all live holds, loaded or not",
		new: answering(func(s *memory.Store, _ allocation.Query, state *allocation.State) {
			state.NextExpiry = earliest(whole(s, state.SKU).Lines, time.Time{})
		})},
}

func earliest(lines []allocation.Allocation, after time.Time) (next time.Time) {
	for _, l := range lines {
		if l.HeldUntil.After(after) && (next.IsZero() || l.HeldUntil.Before(next)) {
			next = l.HeldUntil
		}
	}
	return next
}

// reorderedLapsed returns a store with another order of lapsed holds.
func reorderedLapsed(compare func(x, y allocation.Allocation) int) func() allocation.Store {
	return answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
		var lapsed []allocation.Allocation
		for _, l := range whole(s, state.SKU).Lines {
			if l.Lapsed(q.Now) {
				lapsed = append(lapsed, l)
			}
		}
		slices.SortFunc(lapsed, compare)
		dropLines(state, func(l allocation.Allocation) bool { return l.Lapsed(q.Now) && !asksFor(q, l.OrderID) })
		for _, l := range lapsed[:min(len(lapsed), q.Limit)] {
			addLine(s, state, l)
		}
	})
}
