package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// describe returns a sorted text of all data of the states: a string for each product, batch and line. Different
// states have different texts, and the order of the store's results doesn't matter.
func describe(states ...allocation.State) []string {
	var text []string
	for _, s := range states {
		text = append(text, fmt.Sprintf(
			"product %q: version %d, refused %d, low stock %d, low %t, more lapsed %t, %s, next expiry %s, %s",
			s.SKU, s.Version, s.Refused, s.LowStock, s.Low, s.MoreLapsed, linesFrom(s), moment(s.NextExpiry),
			queueOf(s)))
		for _, b := range s.Batches {
			text = append(text, fmt.Sprintf("product %q batch %s", s.SKU, describeBatch(b)))
		}
		for _, l := range s.Lines {
			text = append(text, fmt.Sprintf("product %q line %s", s.SKU, describeLine(l)))
		}
		for _, l := range s.Waiting {
			text = append(text, fmt.Sprintf("product %q waiting line %s", s.SKU, describeLine(l)))
		}
	}
	slices.Sort(text)
	return text
}

// linesFrom returns a text of MoreLines and LinesFrom.
func linesFrom(s allocation.State) string {
	if !s.MoreLines {
		return "no more lines"
	}
	return fmt.Sprintf("more lines from %+v", s.LinesFrom)
}

// queueOf returns a text of what a state says of all lines that wait.
func queueOf(s allocation.State) string {
	return fmt.Sprintf("any waiting %t, serving %+v, more waiting %t to %+v, first needed %s",
		s.AnyWaiting, s.Serving, s.MoreWaiting, s.WaitingTo, moment(s.FirstNeeded))
}

func describeBatch(b allocation.Batch) string {
	return fmt.Sprintf("%q: sku %q, purchased %d, allocated %d, ETA %s, location %q, best before %s, "+
		"announced %d for %s and blocked for %q, lot %q, blocked %q, split from %q, arrived at %s, expired %t, "+
		"due %s, dated %t, "+
		"counted %d at %s, shipped at %s",
		b.Ref, b.SKU, b.Purchased, b.Allocated, moment(b.ETA), b.Location, moment(b.BestBefore),
		b.AnnouncedQuantity, moment(b.AnnouncedETA), b.AnnouncedBlocked, b.Lot, b.Blocked, b.SplitFrom,
		moment(b.ArrivedAt), b.Expired, moment(b.Due), b.Dated,
		b.CountedQuantity, moment(b.CountedAt), moment(b.ShippedAt))
}

func describeLine(l allocation.Allocation) string {
	return fmt.Sprintf("%q: sku %q, line %q, %d units, split %t, held until %s, needed by %s, fresh until %s, "+
		"location %q, priority %d, late %t, handed from %q, wanted %d, waiting %d, partial %t, may wait %t, "+
		"hold for %v, sequence %d, parts %s",
		l.OrderID, l.SKU, l.Line, l.Quantity, l.Split, moment(l.HeldUntil), moment(l.NeededBy), moment(l.FreshUntil),
		l.Location, l.Priority, l.Late, l.HandedFrom, l.Wanted, l.Waiting, l.Partial, l.MayWait, l.HoldFor,
		l.Sequence, partsOf(l))
}

// partsOf returns a text of the parts of a line, in order.
func partsOf(l allocation.Allocation) string {
	parts := make([]string, len(l.Parts))
	for i, p := range l.Parts {
		parts[i] = fmt.Sprintf("[%d from %q, %d shipped]", p.Quantity, p.Batch, p.Shipped)
	}
	return strings.Join(parts, " ")
}

// moment returns a text of a time. Two times that differ by == have different texts.
func moment(t time.Time) string {
	switch {
	case t == time.Time{}:
		return "none"
	case t.Location() != time.UTC:
		return t.Format(time.RFC3339Nano) + " (not in UTC)"
	}
	return t.Format(time.RFC3339Nano)
}

// shown returns a text of a query for failure messages.
func shown(q allocation.Query) string {
	var by string
	switch {
	case q.Due && len(q.SKUs) == 0:
		by = "what is due"
	case q.Batch != "":
		by = fmt.Sprintf("batch %s", brief(string(q.Batch)))
	case q.Order != "":
		by = fmt.Sprintf("order %s", brief(string(q.Order)))
	case len(q.SKUs) == 1:
		by = fmt.Sprintf("sku %s", brief(string(q.SKUs[0])))
	default:
		by = fmt.Sprintf("%d skus (%s)", len(q.SKUs), shownFirst(q.SKUs, func(sku allocation.SKU) string {
			return brief(string(sku))
		}))
	}
	return fmt.Sprintf("%s, %d further orders, now %s, limit %d", by, len(q.Orders), moment(q.Now), q.Limit)
}

// shownChanges names the products of a commit for failure messages.
func shownChanges(changes []allocation.Changes) string {
	return fmt.Sprintf("%d products (%s)", len(changes), shownFirst(changes, func(c allocation.Changes) string {
		return fmt.Sprintf("%s at version %d", brief(string(c.SKU)), c.Read)
	}))
}

// shownFirst returns a text of the first five of a list for failure messages, and of how many more there are.
func shownFirst[T any](list []T, show func(T) string) string {
	const most = 5
	names := make([]string, 0, most+1)
	for i, one := range list {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		names = append(names, show(one))
	}
	return strings.Join(names, ", ")
}

func brief(id string) string {
	if len(id) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", id[:40], len(id))
	}
	return fmt.Sprintf("%q", id)
}

// difference lists the strings of want that are missing in got, and the other way round; "" if there are none.
func difference(got, want []string) string {
	var text strings.Builder
	rest := slices.Clone(got)
	for _, w := range want {
		if i := slices.Index(rest, w); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		fmt.Fprintf(&text, "\n  want: %s", w)
	}
	for _, g := range rest {
		fmt.Fprintf(&text, "\n  got:  %s", g)
	}
	return text.String()
}

// wantStates compares states completely, in any order.
func (b *bench) wantStates(got, want []allocation.State, format string, args ...any) {
	b.Helper()
	if d := difference(describe(got...), describe(want...)); d != "" {
		b.errorf("%s differs:%s", fmt.Sprintf(format, args...), d)
	}
}

// wantSKUs checks that got has exactly the wanted products, each once and in any order.
func (b *bench) wantSKUs(got []allocation.State, q allocation.Query, want ...allocation.SKU) {
	b.Helper()
	skus := make([]allocation.SKU, len(got))
	for i, s := range got {
		skus[i] = s.SKU
	}
	wantSet(b, skus, want, "products of Load(%s)", shown(q))
}

// wantBatches checks that a state has exactly the wanted batches, each once.
func (b *bench) wantBatches(s allocation.State, q allocation.Query, want ...allocation.BatchRef) {
	b.Helper()
	refs := make([]allocation.BatchRef, len(s.Batches))
	for i, batch := range s.Batches {
		refs[i] = batch.Ref
	}
	wantSet(b, refs, want, "batches of %q after Load(%s)", s.SKU, shown(q))
}

// wantLines checks that a state has exactly the lines of the wanted orders, each once.
func (b *bench) wantLines(s allocation.State, q allocation.Query, want ...allocation.OrderID) {
	b.Helper()
	orders := make([]allocation.OrderID, len(s.Lines))
	for i, l := range s.Lines {
		orders[i] = l.OrderID
	}
	wantSet(b, orders, want, "lines of %q after Load(%s)", s.SKU, shown(q))
}

// wantLineIDs checks that a state has exactly the wanted lines of an order, each once.
func (b *bench) wantLineIDs(
	s allocation.State, q allocation.Query, order allocation.OrderID, want ...allocation.LineID,
) {
	b.Helper()
	var ids []allocation.LineID
	for _, l := range s.Lines {
		if l.OrderID == order {
			ids = append(ids, l.Line)
		}
	}
	wantSet(b, ids, want, "LineIDs of order %q and product %q after Load(%s)", order, s.SKU, shown(q))
}

func wantSet[ID ~string](b *bench, got, want []ID, format string, args ...any) {
	b.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		b.errorf("%s = %q, want %q", fmt.Sprintf(format, args...), got, want)
	}
}

// batchOf returns a batch of a state, which must have the batch.
func (b *bench) batchOf(s allocation.State, ref allocation.BatchRef) allocation.Batch {
	b.Helper()
	i := slices.IndexFunc(s.Batches, func(batch allocation.Batch) bool { return batch.Ref == ref })
	if i < 0 {
		b.fatalf("loaded product %q has no batch %q", s.SKU, ref)
	}
	return s.Batches[i]
}

// lineOf returns an order's line of a state, which must have the line.
func (b *bench) lineOf(s allocation.State, order allocation.OrderID) allocation.Allocation {
	b.Helper()
	i := slices.IndexFunc(s.Lines, func(l allocation.Allocation) bool { return l.OrderID == order })
	if i < 0 {
		b.fatalf("loaded product %q has no line of order %q", s.SKU, order)
	}
	return s.Lines[i]
}
