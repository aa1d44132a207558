package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const (
	rowNewBatchFields = "a new batch keeps its lot, block, origin, arrival, expiry and count"
	rowBatchFields    = "a changed batch has the new arrival, block, expiry and count"
	rowCounters       = "a change of counters alone keeps all other fields, also beside the change of another batch"
	rowForSale        = "batches that are blocked or expired are not loaded unless a query names the batch or a line " +
		"of the batch"
	rowNewLineFields = "a new line keeps its dates, place, priority, lateness, first order and terms of waiting"
	rowLineFields    = "a replaced line has the new dates, place, priority, lateness, first order and terms of waiting"
	rowLow           = "a product keeps whether low stock was told last"
)

// cut is the text as a column keeps it that is too short by a byte.
func cut[S ~string](text S) S { return text[:min(len(text), 254)] }

// milliseconds is the time as a store keeps it that has no microseconds.
func milliseconds(t time.Time) time.Time { return t.Truncate(time.Millisecond) }

// batchFaults are the faults of a store in the fields of a batch.
var batchFaults = map[string]func(b *allocation.Batch){
	"the lot is lost":   func(b *allocation.Batch) { b.Lot = "" },
	"a lot is too long": func(b *allocation.Batch) { b.Lot = cut(b.Lot) },
	"a block is too long": func(b *allocation.Batch) {
		b.Blocked = cut(b.Blocked)
	},
	"the block at the announcement is lost": func(b *allocation.Batch) {
		b.AnnouncedBlocked = ""
	},
	"the block and the block at the announcement are one": func(b *allocation.Batch) {
		b.AnnouncedBlocked = b.Blocked
	},
	"the batch of the split is lost": func(b *allocation.Batch) { b.SplitFrom = "" },
	"the arrival has milliseconds": func(b *allocation.Batch) {
		b.ArrivedAt = milliseconds(b.ArrivedAt)
	},
	"the arrival ends in 2262": func(b *allocation.Batch) {
		b.ArrivedAt = lastYear(b.ArrivedAt)
	},
	"the expiry is lost":     func(b *allocation.Batch) { b.Expired = false },
	"Due is lost":            func(b *allocation.Batch) { b.Due = time.Time{} },
	"Due has milliseconds":   func(b *allocation.Batch) { b.Due = milliseconds(b.Due) },
	"Due ends in 2262":       func(b *allocation.Batch) { b.Due = lastYear(b.Due) },
	"Dated is lost":          func(b *allocation.Batch) { b.Dated = false },
	"Dated follows from Due": func(b *allocation.Batch) { b.Dated = !b.Due.IsZero() },
	"an unknown count is 0": func(b *allocation.Batch) {
		b.CountedQuantity = max(0, b.CountedQuantity)
	},
	"a count of 0 is unknown": func(b *allocation.Batch) {
		if b.CountedQuantity == 0 && !b.CountedAt.IsZero() {
			b.CountedQuantity = -1
		}
	},
	"no count is an unknown count": func(b *allocation.Batch) {
		if b.CountedAt.IsZero() {
			b.CountedQuantity = -1
		}
	},
	"a count has 32 bits": func(b *allocation.Batch) {
		b.CountedQuantity = allocation.Quantity(int32(b.CountedQuantity))
	},
}

// changeFaults are the faults of a store that keeps a field of a changed batch as the field was.
var changeFaults = map[string]func(c *allocation.BatchChange, before allocation.Batch){
	"the arrival never changes": func(c *allocation.BatchChange, before allocation.Batch) {
		c.ArrivedAt = before.ArrivedAt
	},
	"a block never changes": func(c *allocation.BatchChange, before allocation.Batch) {
		c.Blocked = before.Blocked
	},
	"a block is never taken away": func(c *allocation.BatchChange, before allocation.Batch) {
		if c.Blocked == "" {
			c.Blocked = before.Blocked
		}
	},
	"Due never changes": func(c *allocation.BatchChange, before allocation.Batch) { c.Due = before.Due },
	"Due is never taken away": func(c *allocation.BatchChange, before allocation.Batch) {
		if c.Due.IsZero() {
			c.Due = before.Due
		}
	},
	"Dated never changes": func(c *allocation.BatchChange, before allocation.Batch) { c.Dated = before.Dated },
	"an expiry is never recorded": func(c *allocation.BatchChange, before allocation.Batch) {
		c.Expired = before.Expired
	},
	"an arrival is never taken away": func(c *allocation.BatchChange, before allocation.Batch) {
		if c.ArrivedAt.IsZero() {
			c.ArrivedAt = before.ArrivedAt
		}
	},
	"the result of a count never changes": func(c *allocation.BatchChange, before allocation.Batch) {
		c.CountedQuantity = before.CountedQuantity
	},
	"an unknown result of a count keeps the result before": func(c *allocation.BatchChange, before allocation.Batch) {
		if c.CountedQuantity < 0 {
			c.CountedQuantity = before.CountedQuantity
		}
	},
}

// lineFaults are the faults of a store in the fields of a line.
var lineFaults = map[string]func(l *allocation.Allocation){
	"NeededBy is lost":          func(l *allocation.Allocation) { l.NeededBy = time.Time{} },
	"NeededBy has milliseconds": func(l *allocation.Allocation) { l.NeededBy = milliseconds(l.NeededBy) },
	"NeededBy ends in 2262":     func(l *allocation.Allocation) { l.NeededBy = lastYear(l.NeededBy) },
	"FreshUntil is lost":        func(l *allocation.Allocation) { l.FreshUntil = time.Time{} },
	"FreshUntil has milliseconds": func(l *allocation.Allocation) {
		l.FreshUntil = milliseconds(l.FreshUntil)
	},
	"the two dates are one":         func(l *allocation.Allocation) { l.FreshUntil = l.NeededBy },
	"the location is lost":          func(l *allocation.Allocation) { l.Location = "" },
	"a location is too long":        func(l *allocation.Allocation) { l.Location = cut(l.Location) },
	"a priority has 8 bits":         func(l *allocation.Allocation) { l.Priority = int(int8(l.Priority)) },
	"a priority is never negative":  func(l *allocation.Allocation) { l.Priority = max(0, l.Priority) },
	"the lateness is lost":          func(l *allocation.Allocation) { l.Late = false },
	"the wanted units are lost":     func(l *allocation.Allocation) { l.Wanted = 0 },
	"Partial is lost":               func(l *allocation.Allocation) { l.Partial = false },
	"MayWait is lost":               func(l *allocation.Allocation) { l.MayWait = false },
	"HoldFor has milliseconds":      holdInMilliseconds,
	"the order before is lost":      func(l *allocation.Allocation) { l.HandedFrom = "" },
	"an order before is too long":   func(l *allocation.Allocation) { l.HandedFrom = cut(l.HandedFrom) },
	"the order before is the order": func(l *allocation.Allocation) { l.HandedFrom = l.OrderID },
}

// brokenFields are stores with one of the faults in new rows, in changed rows, or in both.
var brokenFields = slices.Concat(newBatchFaults(), brokenBatchChanges(), brokenLines(), []broken{
	{fault: "blocked batches are loaded", row: rowForSale, new: forSale(func(b allocation.Batch) bool {
		return b.Blocked != ""
	})},
	{fault: "expired batches are loaded", row: rowForSale, new: forSale(func(b allocation.Batch) bool {
		return b.Expired
	})},
	{fault: "blocked batches never come", row: rowForSale,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches, func(b allocation.Batch) bool { return b.Blocked != "" })
		})},
	{fault: "a change of counters clears the other fields", row: rowCounters,
		new: changing(func(c *allocation.BatchChange, _ allocation.Batch) {
			if c.CountersOnly {
				*c = allocation.BatchChange{Ref: c.Ref, Purchased: c.Purchased, Allocated: c.Allocated}
			}
		})},
	{fault: "CountersOnly of the first batch is taken for all", row: rowCounters,
		new: countersOnlyAs(func(changes []allocation.BatchChange) allocation.BatchChange { return changes[0] })},
	{fault: "CountersOnly of the last batch is taken for all", row: rowCounters,
		new: countersOnlyAs(func(changes []allocation.BatchChange) allocation.BatchChange {
			return changes[len(changes)-1]
		})},
	{fault: "Low is lost", row: rowLow,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) { state.Low = false })},
	{fault: "Low is never taken away", row: rowLow,
		new: writing(func(s *memory.Store, c *allocation.Changes) { c.Low = c.Low || whole(s, c.SKU).Low })},
	{fault: "Low of a new product is lost", row: rowLow,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Low = c.Low && c.Read > 0 })},
})

// countersOnlyAs returns a store that writes only the counters of all batches of a product, if the change of one batch
// says so.
func countersOnlyAs(one func(changes []allocation.BatchChange) allocation.BatchChange) func() allocation.Store {
	return writing(func(s *memory.Store, c *allocation.Changes) {
		if len(c.Batches) == 0 || !one(c.Batches).CountersOnly {
			return
		}
		for i, change := range c.Batches {
			c.Batches[i] = unchanged(storedBatch(s, c.SKU, change.Ref))
			c.Batches[i].Purchased, c.Batches[i].Allocated = change.Purchased, change.Allocated
		}
	})
}

// forSale returns a store that brings the batches of the given kind with every load.
func forSale(too func(b allocation.Batch) bool) func() allocation.Store {
	return answering(func(s *memory.Store, _ allocation.Query, state *allocation.State) {
		for _, b := range whole(s, state.SKU).Batches {
			same := func(loaded allocation.Batch) bool { return loaded.Ref == b.Ref }
			if too(b) && !slices.ContainsFunc(state.Batches, same) {
				state.Batches = append(state.Batches, b)
			}
		}
	})
}

func newBatchFaults() (all []broken) {
	for fault, spoil := range batchFaults {
		all = append(all, broken{fault: fault, row: rowNewBatchFields,
			new: writing(func(_ *memory.Store, c *allocation.Changes) {
				for i := range c.NewBatches {
					spoil(&c.NewBatches[i])
				}
			})})
	}
	return all
}

func brokenBatchChanges() (all []broken) {
	for fault, spoil := range changeFaults {
		all = append(all, broken{fault: fault, row: rowBatchFields, new: changing(spoil)})
	}
	return all
}

func brokenLines() (all []broken) {
	for fault, spoil := range lineFaults {
		all = append(all,
			broken{fault: fault + ", in a new line", row: rowNewLineFields,
				new: writing(func(_ *memory.Store, c *allocation.Changes) {
					for i := range c.NewLines {
						spoil(&c.NewLines[i])
					}
				})},
			broken{fault: fault + ", in a replaced line", row: rowLineFields,
				new: replacing(func(l *allocation.Allocation, _ allocation.Allocation) { spoil(l) })})
	}
	return all
}
