package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

const rowOrderWaiting = "Order: a line that waits has the units that it waits for, with or without others"

const rowOrderTerms = "Order: a line has the present NeededBy, FreshUntil, Location, Priority and Late"

// forgetting returns a store with a fault in each line of Order.
func forgetting(forget func(l *views.Line)) func() allocation.Store {
	return showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
		for i := range lines {
			forget(&lines[i])
		}
		return lines
	})
}

var brokenOrderViews = []broken{
	{fault: "Order is sorted without regard to case", row: "Order: lines come sorted by SKU, with all parts in order",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			slices.SortFunc(lines, func(x, y views.Line) int {
				return cmp.Or(strings.Compare(strings.ToLower(string(x.SKU)), strings.ToLower(string(y.SKU))),
					-cmp.Compare(x.SKU, y.SKU))
			})
			return lines
		})},
	{fault: "parts are sorted by batch", row: "Order: lines come sorted by SKU, with all parts in order",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			for _, l := range lines {
				slices.SortFunc(l.Parts, func(x, y views.Part) int { return cmp.Compare(x.Batch, y.Batch) })
			}
			return lines
		})},
	{fault: "Order leaves lines without units out", row: rowOrderWaiting,
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			return slices.DeleteFunc(lines, func(l views.Line) bool { return l.Quantity == 0 })
		})},
	{fault: "Order forgets that a line with units waits for others", row: rowOrderWaiting,
		new: forgetting(func(l *views.Line) {
			if l.Quantity > 0 {
				l.Waiting = 0
			}
		})},
	{fault: "Order returns no LineID", row: "Order: lines of one SKU come sorted by LineID, each with the LineID",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			for i := range lines {
				lines[i].OrderLine.Line = ""
			}
			return lines
		})},
	{fault: "lines of one SKU are sorted by age",
		row: "Order: lines of one SKU come sorted by LineID, each with the LineID",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			slices.SortFunc(lines, func(x, y views.Line) int {
				return cmp.Or(cmp.Compare(x.SKU, y.SKU), cmp.Compare(x.Sequence, y.Sequence))
			})
			return lines
		})},
	{fault: "the ETA of a part is the announced ETA",
		row: "Order: a part has the present ETA, location and best-before date of its batch",
		new: showingOrder(func(s *memory.Store, lines []views.Line) []views.Line {
			for _, l := range lines {
				for i := range l.Parts {
					for _, b := range whole(s, l.SKU).Batches {
						if b.Ref == l.Parts[i].Batch {
							l.Parts[i].ETA = b.AnnouncedETA
						}
					}
				}
			}
			return lines
		})},
	{fault: "all parts have the location of the first part",
		row: "Order: a part has the present ETA, location and best-before date of its batch",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			for _, l := range lines {
				for i := range l.Parts {
					l.Parts[i].Location = l.Parts[0].Location
				}
			}
			return lines
		})},
	{fault: "Order returns no NeededBy", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.NeededBy = time.Time{} })},
	{fault: "Order returns no FreshUntil", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.FreshUntil = time.Time{} })},
	{fault: "Order returns no Location of a line", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.Location = "" })},
	{fault: "Order returns no Priority", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.Priority = 0 })},
	{fault: "Order returns Priority without the sign", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.Priority = max(l.Priority, -l.Priority) })},
	{fault: "Order takes no line for late", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.Late = false })},
	{fault: "Order takes every line with NeededBy for late", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.Late = !l.NeededBy.IsZero() })},
	{fault: "the Location of a line is that of the first batch", row: rowOrderTerms,
		new: forgetting(func(l *views.Line) { l.Location = l.Parts[0].Location })},
	{fault: "Order leaves out shipped lines",
		row: "Order: Quantity includes shipped units, and the parts say how many are shipped",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			return slices.DeleteFunc(lines, func(l views.Line) bool { return l.Quantity == shippedOf(l) })
		})},
	{fault: "Quantity leaves out shipped units",
		row: "Order: Quantity includes shipped units, and the parts say how many are shipped",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			for i := range lines {
				lines[i].Quantity -= shippedOf(lines[i])
			}
			return lines
		})},
	{fault: "Order leaves out holds",
		row: "Order: a hold has its HeldUntil, and stays until a command releases the hold",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			return slices.DeleteFunc(lines, func(l views.Line) bool { return !l.HeldUntil.IsZero() })
		})},
	{fault: "Order returns holds without HeldUntil",
		row: "Order: a hold has its HeldUntil, and stays until a command releases the hold",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			for i := range lines {
				lines[i].HeldUntil = time.Time{}
			}
			return lines
		})},
	{fault: "Order returns the first state of a line",
		row: "Order: a cancelled line is gone, and a moved or changed line has its new state",
		new: reading(func(s *misread) {
			begun := memory.New()
			s.order = begun.Order
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				changes = copyOf(changes)
				for i := range changes {
					changes[i].Lines, changes[i].Removed = nil, nil
				}
				if err == nil {
					_ = begun.Commit(ctx, changes)
				}
				return err
			}
		})},
	{fault: "orders are compared without regard to case",
		row: "Order: no other order's lines come, and an unknown order has none",
		new: reading(func(s *misread) {
			s.order = func(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
				lines, err := s.Store.Order(ctx, order)
				for _, other := range []string{strings.ToLower(string(order)), strings.ToUpper(string(order))} {
					if err == nil && len(lines) == 0 {
						lines, err = s.Store.Order(ctx, allocation.OrderID(other))
					}
				}
				return lines, err
			}
		})},
	{fault: "Order includes other lines of the product",
		row: "Order: no other order's lines come, and an unknown order has none",
		new: showingOrder(func(s *memory.Store, lines []views.Line) []views.Line {
			for _, l := range slices.Clone(lines) {
				for _, other := range whole(s, l.SKU).Lines {
					if other.OrderID != l.OrderID {
						lines = append(lines, views.Line{OrderLine: other.OrderLine, Sequence: other.Sequence})
					}
				}
			}
			return lines
		})},
	{fault: "Order returns a hundred lines at most", row: "Order: all lines of a large order come",
		new: showingOrder(func(_ *memory.Store,
			lines []views.Line) []views.Line {
			return lines[:min(len(lines), 100)]
		})},
	{fault: "a line comes with its first part only", row: "Order: in a busy shop the result agrees with a load",
		new: showingOrder(func(_ *memory.Store, lines []views.Line) []views.Line {
			for i := range lines {
				lines[i].Parts = lines[i].Parts[:1]
			}
			return lines
		})},
}

func shippedOf(l views.Line) (units allocation.Quantity) {
	for _, part := range l.Parts {
		units += part.Shipped
	}
	return units
}
