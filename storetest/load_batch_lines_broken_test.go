package storetest

import (
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var brokenBatchLines = []broken{
	{fault: "the oldest lines of a batch come first",
		row: "a load by batch brings the newest of equal lines",
		new: pagedLines(func(_ allocation.Query, l allocation.Allocation) allocation.Rank {
			return allocation.Rank{Sequence: -l.Sequence}
		})},
	{fault: "the lines of a batch are sorted by order",
		row: "a load by batch brings the newest of equal lines",
		new: pagedLines(func(_ allocation.Query, l allocation.Allocation) allocation.Rank {
			return allocation.Rank{Sequence: int64(l.OrderID[len(l.OrderID)-1])}
		})},
	{fault: "holds leave like firm lines",
		row: "a load by batch brings holds first, then lines of a lower priority, then the newest",
		new: pagedLines(func(_ allocation.Query, l allocation.Allocation) allocation.Rank {
			return allocation.Rank{Priority: l.Priority, Sequence: l.Sequence}
		})},
	{fault: "the highest priority leaves first",
		row: "a load by batch brings holds first, then lines of a lower priority, then the newest",
		new: pagedLines(func(_ allocation.Query, l allocation.Allocation) allocation.Rank {
			r := l.Rank()
			r.Priority = -r.Priority
			return r
		})},
	{fault: "Priority is a byte",
		row: "a load by batch brings holds first, then lines of a lower priority, then the newest",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.NewLines {
				c.NewLines[i].Priority = int(int8(c.NewLines[i].Priority))
			}
		})},
	{fault: "only the first part of a line is held",
		row: "every part of a line has the line's place in the order of leaving",
		new: pagedLines(func(q allocation.Query, l allocation.Allocation) allocation.Rank {
			r := l.Rank()
			r.Held = r.Held && l.Parts[0].Batch == q.Batch
			return r
		})},
	{fault: "a confirmed hold keeps its place",
		row: "a confirmed hold changes its place, and an extended hold keeps the place",
		new: with(func(s *faulty) {
			held := map[allocation.OrderID]bool{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					for _, l := range c.NewLines {
						held[l.OrderID] = !l.HeldUntil.IsZero()
					}
				}
				return s.Store.Commit(ctx, changes)
			}
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				for i := range states {
					pageLines(s.Store, q, &states[i], func(l allocation.Allocation) allocation.Rank {
						r := l.Rank()
						r.Held = held[l.OrderID]
						return r
					})
				}
				return states, err
			}
		})},
	{fault: "MoreLines is never set",
		row: "MoreLines says whether there are further lines, and LinesFrom is the Rank of the page's last line",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) { state.MoreLines = false })},
	{fault: "MoreLines is set although all lines are loaded",
		row: "MoreLines says whether there are further lines, and LinesFrom is the Rank of the page's last line",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.MoreLines = state.MoreLines || q.Batch != "" && len(state.Lines) == q.Limit
		})},
	{fault: "LinesFrom is the Rank of the page's first line",
		row: "MoreLines says whether there are further lines, and LinesFrom is the Rank of the page's last line",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for _, l := range state.Lines {
				if l.Rank().Compare(state.LinesFrom) < 0 {
					state.LinesFrom = l.Rank()
				}
			}
		})},
	{fault: "the lines of a batch include shipped lines",
		row: "a load by batch brings exactly the lines with unshipped units of the batch",
		new: answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
			for _, l := range whole(s, state.SKU).Lines {
				if slices.ContainsFunc(l.Parts, func(p allocation.Part) bool { return p.Batch == q.Batch }) {
					addLine(s, state, l)
				}
			}
		})},
	{fault: "a line of a batch comes with the part of the batch only",
		row: "a line of a batch comes with its other parts and their batches",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			for i := range state.Lines {
				l := &state.Lines[i]
				if q.Batch == "" {
					continue
				}
				l.Parts = slices.DeleteFunc(l.Parts, func(p allocation.Part) bool { return p.Batch != q.Batch })
				l.Quantity = 0
				for _, p := range l.Parts {
					l.Quantity += p.Quantity
				}
			}
		})},
	{fault: "LinesFrom is the last Rank of all loaded lines",
		row: "a further order's line doesn't extend the page of the batch's lines",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for _, l := range state.Lines {
				if l.Rank().Compare(state.LinesFrom) > 0 {
					state.LinesFrom = l.Rank()
				}
			}
		})},
	{fault: "a new line becomes the newest", row: "a new line may be older than the lines of the store",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.NewLines {
				if c.NewLines[i].HandedFrom != "" {
					c.NewLines[i].Sequence = c.Version
				}
			}
		})},
	{fault: "a changed line becomes the newest", row: "a changed line keeps its Sequence",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.Lines {
				c.Lines[i].Sequence = c.Version
			}
		})},
}

// pagedLines returns a store with another order of a batch's lines, in which a line has the rank for a query.
func pagedLines(rank func(q allocation.Query, l allocation.Allocation) allocation.Rank) func() allocation.Store {
	return answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
		pageLines(s, q, state, func(l allocation.Allocation) allocation.Rank { return rank(q, l) })
	})
}

// pageLines replaces the page of a batch's lines by a page in another order.
func pageLines(
	s *memory.Store, q allocation.Query, state *allocation.State, rank func(allocation.Allocation) allocation.Rank,
) {
	if q.Batch == "" {
		return
	}
	var open []allocation.Allocation
	for _, l := range whole(s, state.SKU).Lines {
		hasOpen := func(p allocation.Part) bool { return p.Batch == q.Batch && p.Shipped < p.Quantity }
		if slices.ContainsFunc(l.Parts, hasOpen) {
			open = append(open, l)
		}
	}
	slices.SortFunc(open, func(x, y allocation.Allocation) int { return rank(x).Compare(rank(y)) })
	dropLines(state, func(l allocation.Allocation) bool { return !l.Lapsed(q.Now) && !asksFor(q, l.OrderID) })
	state.MoreLines, state.LinesFrom = len(open) > q.Limit, allocation.Rank{}
	for _, l := range open[:min(len(open), q.Limit)] {
		addLine(s, state, l)
		if state.MoreLines {
			state.LinesFrom = l.Rank()
		}
	}
}
