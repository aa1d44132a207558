package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

var brokenLineViews = []broken{
	{fault: "lines are sorted by order",
		row: "BatchLines: the lines with unshipped units of the batch come in the order of leaving",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			slices.SortFunc(lines, func(x, y views.BatchLine) int { return cmp.Compare(x.OrderID, y.OrderID) })
			return lines
		})},
	{fault: "the oldest lines come first",
		row: "BatchLines: the lines with unshipped units of the batch come in the order of leaving",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			slices.SortFunc(lines, func(x, y views.BatchLine) int { return cmp.Compare(x.Sequence, y.Sequence) })
			return lines
		})},
	{fault: "BatchLines returns no Priority",
		row: "BatchLines: a page has at most limit lines with a Rank behind after",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			for i := range lines {
				lines[i].Priority = 0
			}
			return lines
		})},
	{fault: "BatchLines includes shipped lines",
		row: "BatchLines: the lines with unshipped units of the batch come in the order of leaving",
		new: showingLines(func(s *memory.Store, ref allocation.BatchRef, _ []views.BatchLine) []views.BatchLine {
			return shares(ownerOf(s, ref).Lines, func(part allocation.Part) bool { return part.Batch == ref })
		})},
	{fault: "BatchLines leaves out partly shipped lines",
		row: "BatchLines: the lines with unshipped units of the batch come in the order of leaving",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			return slices.DeleteFunc(lines, func(l views.BatchLine) bool { return l.Shipped > 0 })
		})},
	{fault: "a page begins with the last line of the page before",
		row: "BatchLines: a page has at most limit lines with a Rank behind after",
		new: turning(func(after allocation.Rank) allocation.Rank {
			after.Sequence++
			return after
		})},
	{fault: "a page leaves out its first line",
		row: "BatchLines: a page has at most limit lines with a Rank behind after",
		new: turning(func(after allocation.Rank) allocation.Rank {
			after.Sequence--
			return after
		})},
	{fault: "only the sequence of after counts",
		row: "BatchLines: a page has at most limit lines with a Rank behind after",
		new: reading(func(s *misread) {
			s.lines = func(
				ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
			) ([]views.BatchLine, error) {
				if limit < 1 {
					return s.Store.BatchLines(ctx, ref, after, limit)
				}
				all, err := s.Store.BatchLines(ctx, ref, fromFirst, plenty)
				all = slices.DeleteFunc(all, func(l views.BatchLine) bool {
					return after != fromFirst && l.Sequence >= after.Sequence
				})
				return all[:min(limit, len(all))], err
			}
		})},
	{fault: "a limit of 0 returns an empty page", row: "BatchLines: a limit below 1 is refused as invalid",
		new: reading(func(s *misread) {
			s.lines = func(
				ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
			) ([]views.BatchLine, error) {
				if limit < 1 {
					return nil, nil
				}
				return s.Store.BatchLines(ctx, ref, after, limit)
			}
		})},
	{fault: "a line has its whole quantity instead of its share",
		row: "BatchLines: a line has its share of this batch, and is left out after the share is shipped",
		new: showingLines(func(s *memory.Store, ref allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			all := ownerOf(s, ref).Lines
			for i, l := range lines {
				same := func(other allocation.Allocation) bool { return other.Sequence == l.Sequence }
				at := slices.IndexFunc(all, same)
				lines[i].Quantity, lines[i].Shipped = all[at].Quantity, all[at].Shipped()
			}
			return lines
		})},
	{fault: "BatchLines returns no LineID", row: "BatchLines: lines of one order come apart, each with the LineID",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			for i := range lines {
				lines[i].Line = ""
			}
			return lines
		})},
	{fault: "BatchLines returns the first line of an order only",
		row: "BatchLines: lines of one order come apart, each with the LineID",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			return slices.CompactFunc(lines, func(x, y views.BatchLine) bool { return x.OrderID == y.OrderID })
		})},
	{fault: "BatchLines leaves out holds",
		row: "BatchLines: a hold has its HeldUntil, and stays until a command releases the hold",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			return slices.DeleteFunc(lines, func(l views.BatchLine) bool { return !l.HeldUntil.IsZero() })
		})},
	{fault: "BatchLines returns holds without HeldUntil",
		row: "BatchLines: a hold has its HeldUntil, and stays until a command releases the hold",
		new: showingLines(func(_ *memory.Store, _ allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			for i := range lines {
				lines[i].HeldUntil = time.Time{}
			}
			return lines
		})},
	{fault: "BatchLines includes lines of the product's other batches",
		row: "BatchLines: the page has only lines of this batch, and none for an unknown batch",
		new: showingLines(func(s *memory.Store, ref allocation.BatchRef, _ []views.BatchLine) []views.BatchLine {
			return shares(ownerOf(s, ref).Lines,
				func(part allocation.Part) bool { return part.Quantity > part.Shipped })
		})},
	{fault: "a line has the sequence of the product's last event",
		row: "BatchLines: in a busy shop the result agrees with a load",
		new: showingLines(func(s *memory.Store, ref allocation.BatchRef, lines []views.BatchLine) []views.BatchLine {
			for i := range lines {
				lines[i].Sequence = ownerOf(s, ref).Version
			}
			return lines
		})},
}

// turning returns a store with a fault in where later pages of BatchLines begin.
func turning(turn func(after allocation.Rank) allocation.Rank) func() allocation.Store {
	return reading(func(s *misread) {
		s.lines = func(
			ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
		) ([]views.BatchLine, error) {
			if after != fromFirst {
				after = turn(after)
			}
			return s.Store.BatchLines(ctx, ref, after, limit)
		}
	})
}

// ownerOf returns the whole state of the product of a batch.
func ownerOf(s *memory.Store, ref allocation.BatchRef) allocation.State {
	states, _ := s.Load(context.Background(), ofBatch(ref))
	if len(states) == 0 {
		return allocation.State{}
	}
	return whole(s, states[0].SKU)
}

// shares returns the lines' parts that meet a condition, in the order of leaving.
func shares(lines []allocation.Allocation, which func(part allocation.Part) bool) (found []views.BatchLine) {
	for _, l := range lines {
		for _, part := range l.Parts {
			if which(part) {
				found = append(found, views.BatchLine{
					OrderID: l.OrderID, Line: l.Line, Quantity: part.Quantity, Shipped: part.Shipped,
					HeldUntil: l.HeldUntil, Priority: l.Priority, Sequence: l.Sequence,
				})
			}
		}
	}
	slices.SortFunc(found, func(x, y views.BatchLine) int { return x.Rank().Compare(y.Rank()) })
	return found
}
