package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const (
	rowTimes    = "a second change of a time is exact, whether later or earlier, up to the last year"
	rowNewBatch = "a new batch may have been counted and shipped in the same commit"
	rowTerms    = "a lapsed hold that is allocated again has the new terms"
	rowParts    = "a replaced line keeps the order of its parts"
)

// storedBatch returns a batch of the store, without a batch the zero value.
func storedBatch(s *memory.Store, sku allocation.SKU, ref allocation.BatchRef) allocation.Batch {
	for _, b := range whole(s, sku).Batches {
		if b.Ref == ref {
			return b
		}
	}
	return allocation.Batch{}
}

// changing returns a store with a fault in each change of a batch, given the batch in the store.
func changing(spoil func(c *allocation.BatchChange, before allocation.Batch)) func() allocation.Store {
	return writing(func(s *memory.Store, c *allocation.Changes) {
		for i := range c.Batches {
			spoil(&c.Batches[i], storedBatch(s, c.SKU, c.Batches[i].Ref))
		}
	})
}

// replacing returns a store with a fault in each replaced line, given the line in the store.
func replacing(spoil func(l *allocation.Allocation, before allocation.Allocation)) func() allocation.Store {
	return writing(func(s *memory.Store, c *allocation.Changes) {
		for i := range c.Lines {
			for _, before := range whole(s, c.SKU).Lines {
				if before.Key() == c.Lines[i].Key() {
					spoil(&c.Lines[i], before)
				}
			}
		}
	})
}

// lastYear cuts a time as a store does that counts nanoseconds in 64 bits.
func lastYear(t time.Time) time.Time {
	if end := time.Date(2262, time.April, 11, 0, 0, 0, 0, time.UTC); t.After(end) {
		return end
	}
	return t
}

var brokenChanges = []broken{
	{fault: "ShippedAt is set only once", row: rowTimes,
		new: changing(func(c *allocation.BatchChange, before allocation.Batch) {
			if !before.ShippedAt.IsZero() {
				c.ShippedAt = before.ShippedAt
			}
		})},
	{fault: "a second ShippedAt has milliseconds", row: rowTimes,
		new: changing(func(c *allocation.BatchChange, _ allocation.Batch) {
			c.ShippedAt = c.ShippedAt.Truncate(time.Millisecond)
		})},
	{fault: "a second CountedAt has milliseconds", row: rowTimes,
		new: changing(func(c *allocation.BatchChange, before allocation.Batch) {
			if !before.CountedAt.IsZero() {
				c.CountedAt = c.CountedAt.Truncate(time.Millisecond)
			}
		})},
	{fault: "a second ETA has milliseconds", row: rowTimes,
		new: changing(func(c *allocation.BatchChange, before allocation.Batch) {
			if before.ETA != before.AnnouncedETA {
				c.ETA = c.ETA.Truncate(time.Millisecond)
			}
		})},
	{fault: "an ETA never moves earlier", row: rowTimes,
		new: changing(func(c *allocation.BatchChange, before allocation.Batch) {
			if !c.ETA.IsZero() && c.ETA.Before(before.ETA) {
				c.ETA = before.ETA
			}
		})},
	{fault: "changed times of a batch end in 2262", row: rowTimes,
		new: changing(func(c *allocation.BatchChange, _ allocation.Batch) {
			c.ETA, c.CountedAt, c.ShippedAt = lastYear(c.ETA), lastYear(c.CountedAt), lastYear(c.ShippedAt)
		})},
	{fault: "a changed HeldUntil ends in 2262", row: rowTimes,
		new: replacing(func(l *allocation.Allocation, _ allocation.Allocation) {
			l.HeldUntil = lastYear(l.HeldUntil)
		})},
	{fault: "a changed HeldUntil has milliseconds", row: rowTimes,
		new: replacing(func(l *allocation.Allocation, _ allocation.Allocation) {
			l.HeldUntil = l.HeldUntil.Truncate(time.Millisecond)
		})},
	{fault: "a new batch has no CountedAt", row: rowNewBatch,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.NewBatches {
				c.NewBatches[i].CountedAt = time.Time{}
			}
		})},
	{fault: "a new batch has no ShippedAt", row: rowNewBatch,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			for i := range c.NewBatches {
				c.NewBatches[i].ShippedAt = time.Time{}
			}
		})},
	{fault: "Split of a replaced line is not written", row: rowTerms,
		new: replacing(func(l *allocation.Allocation, before allocation.Allocation) { l.Split = before.Split })},
	{fault: "the parts of a line that grows are sorted by batch", row: rowParts,
		new: replacing(func(l *allocation.Allocation, before allocation.Allocation) {
			if len(l.Parts) > len(before.Parts) {
				slices.SortFunc(l.Parts, func(x, y allocation.Part) int { return cmp.Compare(x.Batch, y.Batch) })
			}
		})},
}
