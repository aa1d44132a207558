package torture

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// batch replays an event about a batch.
func (b *books) batch(c *commit, event allocation.Event) {
	switch e := event.(type) {
	case allocation.BatchAdded:
		b.added(c, e)
	case allocation.BatchSplit:
		if c.by == nil || c.by.step.command.From != e.Batch || c.by.step.command.Batch.Ref != e.Part {
			b.report.fault(wrong, "batch %q was split into %q at %s", e.Batch, e.Part, c.at)
		}
		c.split[e.Part] = e.Quantity
	case allocation.BatchETAChanged:
		b.slips(c, e)
	case allocation.BatchExpired:
		b.expires(c, e)
	case allocation.BatchBlocked:
		b.blocks(c, block, e.Batch, true)
	case allocation.BatchUnblocked:
		b.blocks(c, unblock, e.Batch, false)
	case allocation.BatchReceived:
		b.count(c, e.Batch, e.From)
	case allocation.BatchQuantityChanged:
		b.count(c, e.Batch, e.From)
	default:
		b.report.fault(wrong, "%s of %q at %s, which nobody asked for", e.Kind(), c.sku, c.at)
	}
}

// added opens the account of a batch. A part has the units given by the batch that was split, and the same lot.
func (b *books) added(c *commit, e allocation.BatchAdded) {
	if b.batches[e.Batch] != nil {
		b.report.fault(doubled, "batch %q was added twice", e.Batch)
		return
	}
	a := &account{
		ref: e.Batch, sku: c.sku, announced: e.Quantity, from: e.SplitFrom, lot: e.Lot, location: e.Location,
		eta: e.ETA, bestBefore: e.BestBefore, blocked: e.Blocked != "",
	}
	if a.lot == "" {
		a.lot = e.Batch
	}
	b.batches[e.Batch] = a
	b.stock[c.sku] = append(b.stock[c.sku], a)
	if e.SplitFrom == "" {
		return
	}
	from := b.batches[e.SplitFrom]
	if from == nil || c.split[e.Batch] != e.Quantity || from.lot != a.lot || !from.bestBefore.Equal(a.bestBefore) {
		b.report.fault(drift, "batch %q of %d units of lot %q was split off %q, which gave %d",
			e.Batch, e.Quantity, a.lot, e.SplitFrom, c.split[e.Batch])
		return
	}
	a.expired = from.expired
	delete(c.split, e.Batch)
}

// slips notes the new ETA of a batch.
func (b *books) slips(c *commit, e allocation.BatchETAChanged) {
	a := b.batches[e.Batch]
	asked := c.by != nil && c.by.step.command.Verb == slip && c.by.step.command.Batch.Ref == e.Batch &&
		c.by.step.command.Batch.ETA.Equal(e.To)
	if a == nil || !asked || a.eta.IsZero() || !a.eta.Equal(e.From) {
		b.report.fault(wrong, "batch %q slipped from %s to %s at %s", e.Batch, e.From, e.To, c.at)
		return
	}
	a.eta, a.etas = e.To, append(a.etas, e.To)
	c.slipped = append(c.slipped, e.Batch)
	b.report.Slips++
}

// expires closes a batch for good, once.
func (b *books) expires(c *commit, e allocation.BatchExpired) {
	a := b.batches[e.Batch]
	if a == nil || a.expired || a.purchased == 0 || !a.bestBefore.Equal(e.BestBefore) || e.BestBefore.After(c.at) {
		b.report.fault(wrong, "batch %q, best before %s, was told expired at %s: %+v", e.Batch, e.BestBefore, c.at, a)
		return
	}
	a.expired = true
	b.report.Expired++
}

// count notes a count of a batch.
func (b *books) count(c *commit, ref allocation.BatchRef, from allocation.Quantity) {
	a := b.batches[ref]
	counted := c.by != nil && c.by.step.command.counts() && c.by.step.command.Count.Batch == ref
	if a == nil || a.purchased != from || !counted {
		b.report.fault(wrong, "batch %q was counted at %s: it had %d before", ref, c.at, from)
		return
	}
	a.counts = append(a.counts, c.by.step.command.Count.At)
	c.by.counted = true
	if c.by.step.command.Verb == receive {
		a.eta, c.received, c.arrived = time.Time{}, ref, c.by.step.command.Count.At
	}
}

// blocks notes the blocking or unblocking of a batch.
func (b *books) blocks(c *commit, by verb, ref allocation.BatchRef, blocked bool) {
	a := b.batches[ref]
	if a == nil || c.by == nil || c.by.step.command.Verb != by || c.by.step.command.Batch.Ref != ref {
		b.report.fault(wrong, "%s of batch %q at %s, which nobody asked for", by, ref, c.at)
		return
	}
	if blocked && a.allocated > 0 {
		b.report.fault(wrong, "batch %q was blocked at %s with %d units promised", ref, c.at, a.allocated)
	}
	a.blocked = blocked
}
