package storetest

import (
	"context"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var brokenLineIDs = []broken{
	{fault: "the LineID is lost", row: "lines of an order for one SKU are told apart by the LineID",
		new: respelled(func(allocation.LineID) allocation.LineID { return "" })},
	{fault: "all lines of an order have the terms of the first",
		row: "lines of an order for one SKU are told apart by the LineID",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			first := map[allocation.OrderID]allocation.Allocation{}
			for i, l := range state.Lines {
				if _, known := first[l.OrderID]; !known {
					first[l.OrderID] = l
				}
				state.Lines[i].Split, state.Lines[i].HeldUntil = first[l.OrderID].Split, first[l.OrderID].HeldUntil
			}
		})},
	{fault: "LineIDs are compared without case",
		row: "LineIDs that differ by a byte are different, and may contain everything that the model accepts",
		new: respelled(func(id allocation.LineID) allocation.LineID {
			return allocation.LineID(strings.ToLower(string(id)))
		})},
	{fault: "LineIDs are compared without hyphens and underscores",
		row: "LineIDs that differ by a byte are different, and may contain everything that the model accepts",
		new: respelled(func(id allocation.LineID) allocation.LineID {
			return allocation.LineID(strings.NewReplacer("-", "", "_", "").Replace(string(id)))
		})},
	{fault: "LineIDs are truncated to 191 bytes",
		row: "LineIDs that differ by a byte are different, and may contain everything that the model accepts",
		new: respelled(func(id allocation.LineID) allocation.LineID { return id[:min(len(id), 191)] })},
	{fault: "a lapsed hold comes without the order's other lines",
		row: "a state with one line of an order has all of the order's lines of the product",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			dropLines(state, func(l allocation.Allocation) bool {
				return !l.Lapsed(q.Now) && !asksFor(q, l.OrderID) && q.Batch == ""
			})
		})},
	{fault: "an order brings the line without LineID only",
		row: "a state with one line of an order has all of the order's lines of the product",
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			dropLines(state, func(l allocation.Allocation) bool { return l.Line != "" && asksFor(q, l.OrderID) })
		})},
	{fault: "MoreLapsed counts orders", row: "MoreLapsed and MoreLines count lines, not orders",
		new: answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
			orders := map[allocation.OrderID]bool{}
			for _, l := range whole(s, state.SKU).Lines {
				if l.Lapsed(q.Now) {
					orders[l.OrderID] = true
				}
			}
			state.MoreLapsed = len(orders) > q.Limit
		})},
	{fault: "a replaced line replaces all lines of the order",
		row: "a replaced or removed line leaves the order's other lines as before",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for _, l := range c.Lines {
				removeOthers(s, c, l.Key())
			}
		})},
	{fault: "a removed line takes the order's other lines along",
		row: "a replaced or removed line leaves the order's other lines as before",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for _, key := range slices.Clone(c.Removed) {
				removeOthers(s, c, key)
			}
		})},
	{fault: "an order forgets a product with the first removed line",
		row: "an order has the product until its last line of the product is removed",
		new: with(func(s *faulty) {
			forgotten := map[allocation.OrderID]bool{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					for _, key := range c.Removed {
						forgotten[key.OrderID] = true
					}
				}
				return s.Store.Commit(ctx, changes)
			}
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if forgotten[q.Order] {
					return nil, nil
				}
				return s.Store.Load(ctx, q)
			}
		})},
}

// removeOthers removes the other lines of an order.
func removeOthers(s *memory.Store, c *allocation.Changes, key allocation.LineKey) {
	for _, other := range whole(s, c.SKU).Lines {
		stays := func(l allocation.Allocation) bool { return l.Key() == other.Key() }
		if other.OrderID == key.OrderID && other.Key() != key && !slices.Contains(c.Removed, other.Key()) &&
			!slices.ContainsFunc(c.Lines, stays) {
			c.Removed = append(c.Removed, other.Key())
		}
	}
}

// respelled returns a store that keeps LineIDs in another spelling. Of the lines of a commit that become one, the first
// is kept.
func respelled(spell func(allocation.LineID) allocation.LineID) func() allocation.Store {
	return writing(func(_ *memory.Store, c *allocation.Changes) {
		seen := map[allocation.LineKey]bool{}
		respell := func(lines []allocation.Allocation) []allocation.Allocation {
			for i := range lines {
				lines[i].Line = spell(lines[i].Line)
			}
			return slices.DeleteFunc(lines, func(l allocation.Allocation) bool {
				again := seen[l.Key()]
				seen[l.Key()] = true
				return again
			})
		}
		c.NewLines, c.Lines = respell(c.NewLines), respell(c.Lines)
		for i := range c.Removed {
			c.Removed[i].Line = spell(c.Removed[i].Line)
		}
	})
}
