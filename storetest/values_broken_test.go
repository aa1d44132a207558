package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var brokenValues = []broken{
	{fault: "times are truncated to seconds", row: "times are kept in microseconds and come back in UTC",
		new: times(func(t time.Time) time.Time { return t.Truncate(time.Second) })},
	{fault: "times come in a local time zone", row: "times are kept in microseconds and come back in UTC",
		new: times(func(t time.Time) time.Time { return t.In(time.FixedZone("server", 3600)) })},
	{fault: "an unset time comes as 1970", row: "an unset time stays unset",
		new: times(func(t time.Time) time.Time {
			if t.IsZero() {
				return time.Unix(0, 0).UTC()
			}
			return t
		})},
	{fault: "times are stored as nanoseconds in 64 bits", row: "the earliest and the latest time of the model are kept",
		new: times(func(t time.Time) time.Time {
			if t.IsZero() {
				return t
			}
			return time.Unix(0, t.UnixNano()).UTC()
		})},
	{fault: "identifiers are compared without case", row: "identifiers that differ by a byte are different",
		new: confusing(strings.ToLower)},
	{fault: "identifiers are compared without accents", row: "identifiers that differ by a byte are different",
		new: confusing(strings.NewReplacer("\u0301", "", "é", "e", "Ç", "C").Replace)},
	{fault: "identifiers are compared without hyphens and underscores",
		row: "identifiers that differ by a byte are different",
		new: confusing(strings.NewReplacer("-", "", "_", "").Replace)},
	{fault: "a hyphen and an underscore are equal", row: "identifiers that differ by a byte are different",
		new: confusing(strings.NewReplacer("-", "_").Replace)},
	{fault: "an underscore in an order stands for any character",
		row: "identifiers that differ by a byte are different", new: underscored()},
	{fault: "identifiers are truncated to 191 bytes", row: "identifiers may contain everything that the model accepts",
		new: confusing(func(id string) string { return id[:min(len(id), 191)] })},
	{fault: "quantities are floating-point numbers", row: "quantities up to 2^53-1 are exact",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for i := range state.Batches {
				state.Batches[i].Purchased = allocation.Quantity(float32(state.Batches[i].Purchased))
			}
		})},
	{fault: "the announced quantity and ETA change with the batch",
		row: "a batch keeps its announced quantity and ETA after all changes",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for i := range state.Batches {
				b := &state.Batches[i]
				b.AnnouncedQuantity, b.AnnouncedETA = b.Purchased, b.ETA
			}
		})},
	{fault: "the time of a count is lost", row: "the time of the last count is kept",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.Batches {
				c.Batches[i].CountedAt = time.Time{}
			}
		})},
	{fault: "the time of a shipment is lost", row: "a batch keeps its announced quantity and ETA after all changes",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.Batches {
				c.Batches[i].ShippedAt = time.Time{}
			}
		})},
	{fault: "Split is lost", row: "a line keeps its terms",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for i := range state.Lines {
				state.Lines[i].Split = false
			}
		})},
	{fault: "parts are sorted by batch", row: "parts keep their order",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for _, l := range state.Lines {
				slices.SortFunc(l.Parts, func(x, y allocation.Part) int { return cmp.Compare(x.Batch, y.Batch) })
			}
		})},
}

// times returns a store with a fault in loaded times.
func times(change func(time.Time) time.Time) func() allocation.Store {
	return answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
		for i := range state.Batches {
			b := &state.Batches[i]
			for _, t := range []*time.Time{&b.ETA, &b.BestBefore, &b.CountedAt, &b.ShippedAt, &b.AnnouncedETA} {
				*t = change(*t)
			}
		}
		for i := range state.Lines {
			state.Lines[i].HeldUntil = change(state.Lines[i].HeldUntil)
		}
		state.NextExpiry = change(state.NextExpiry)
	})
}

// confusing returns a store that treats identifiers as equal if fold returns equal texts. The store keeps the first
// spelling of an identifier.
func confusing(fold func(string) string) func() allocation.Store {
	return with(func(s *faulty) {
		var mu sync.Mutex
		spelled := map[string]string{}
		same := func(id string) string {
			mu.Lock()
			defer mu.Unlock()
			first, known := spelled[fold(id)]
			if !known {
				first = id
				spelled[fold(id)] = id
			}
			return first
		}
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			q.SKUs, q.Orders = slices.Clone(q.SKUs), slices.Clone(q.Orders)
			for i := range q.SKUs {
				q.SKUs[i] = allocation.SKU(same(string(q.SKUs[i])))
			}
			for i := range q.Orders {
				q.Orders[i] = allocation.OrderID(same(string(q.Orders[i])))
			}
			q.Order, q.Batch = allocation.OrderID(same(string(q.Order))), allocation.BatchRef(same(string(q.Batch)))
			return s.Store.Load(ctx, q)
		}
		s.commit = func(ctx context.Context, changes []allocation.Changes) error {
			changes = copyOf(changes)
			for i := range changes {
				changes[i].SKU = allocation.SKU(same(string(changes[i].SKU)))
			}
			return s.Store.Commit(ctx, changes)
		}
	})
}

// underscored returns a store that looks for the lines of an order by LIKE: an underscore stands for any character.
func underscored() func() allocation.Store {
	return answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
		for _, l := range whole(s, state.SKU).Lines {
			for _, order := range append(slices.Clone(q.Orders), q.Order) {
				if isLike(string(l.OrderID), string(order)) {
					addLine(s, state, l)
				}
			}
		}
	})
}

func isLike(id, pattern string) bool {
	if len(id) != len(pattern) {
		return false
	}
	for i := range len(id) {
		if pattern[i] != '_' && pattern[i] != id[i] {
			return false
		}
	}
	return true
}
