package torture

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// commit is what one command told of one product in one commit, which it may have shared with others.
type commit struct {
	sku allocation.SKU
	at  time.Time
	by  *trace // nil for what the parent did

	before, lines map[allocation.LineKey]lineState
	released      map[allocation.LineKey]allocation.Quantity
	changed       map[allocation.LineKey]bool // otherwise than by lapsing
}

// replay goes through the ledger of a product, in which each event has the trace parent of who caused it.
func (b *books) replay(sku allocation.SKU, events []allocation.Event, parents []string) {
	b.versions[sku] = len(events)
	if len(parents) != len(events) {
		b.report.fault(drift, "product %q has %d events and %d trace parents", sku, len(events), len(parents))
		return
	}
	for len(events) > 0 {
		n := 1
		for n < len(events) && parents[n] == parents[0] && events[n].Time().Equal(events[0].Time()) {
			n++
		}
		b.commit(sku, events[:n], parents[0])
		events, parents = events[n:], parents[n:]
	}
}

func (b *books) commit(sku allocation.SKU, events []allocation.Event, parent string) {
	c := &commit{
		sku: sku, at: events[0].Time(),
		before: map[allocation.LineKey]lineState{}, lines: map[allocation.LineKey]lineState{},
		released: map[allocation.LineKey]allocation.Quantity{}, changed: map[allocation.LineKey]bool{},
	}
	if parent != "" || ownerOf(c.at, b.settings.owners()) != 0 {
		if c.by = b.whose(parent, c.at); c.by == nil {
			b.report.fault(unexplained, "%s of %q at %s by %q", events[0].Kind(), sku, c.at, parent)
			return
		}
		c.by.events += len(events)
	}
	for _, e := range events {
		b.event(c, e)
	}
	b.judge(c)
}

// event replays one event.
func (b *books) event(c *commit, event allocation.Event) {
	if c.by != nil {
		switch event.(type) {
		case allocation.LineRefused:
			c.by.refusals++
		case allocation.HoldLapsed: // a refusal, too, clears lapsed holds
		default:
			c.by.committed(c.at)
		}
	}
	switch e := event.(type) {
	case allocation.BatchAdded, allocation.BatchSplit, allocation.BatchBlocked, allocation.BatchUnblocked,
		allocation.BatchReceived, allocation.BatchQuantityChanged:
		b.batch(c, event)
	case allocation.LineAllocated:
		was := c.line(b, e.OrderID)
		if len(was.parts) > 0 && !was.held.Equal(e.HeldUntil) {
			b.report.fault(wrong, "order %q: units held until %s beside others until %s",
				e.OrderID, e.HeldUntil, was.held)
		}
		was.held = e.HeldUntil
		c.change(e.OrderID, was.add(e.Batch, e.Quantity, 0))
	case allocation.LineDeallocated:
		c.change(e.OrderID, c.line(b, e.OrderID).add(e.Batch, -e.Quantity, 0))
	case allocation.LineReleased:
		c.change(e.OrderID, c.line(b, e.OrderID).add(e.Batch, -e.Quantity, 0))
		c.released[allocation.LineKey{OrderID: e.OrderID, SKU: c.sku}] += e.Quantity
	case allocation.LineShipped:
		c.change(e.OrderID, c.line(b, e.OrderID).add(e.Batch, 0, e.Quantity))
	case allocation.HoldConfirmed, allocation.HoldExtended, allocation.HoldLapsed:
		b.hold(c, event)
	case allocation.LineRefused:
		b.refusal(c, e)
	default:
		b.report.fault(wrong, "%s of %q at %s, which nobody asked for", e.Kind(), c.sku, c.at)
	}
	b.move(event)
}

// batch replays an event about a batch.
func (b *books) batch(c *commit, event allocation.Event) {
	switch e := event.(type) {
	case allocation.BatchAdded:
		if b.batches[e.Batch] != nil {
			b.report.fault(doubled, "batch %q was added twice", e.Batch)
			return
		}
		b.batches[e.Batch] = &account{sku: c.sku, announced: e.Quantity, from: e.SplitFrom, blocked: e.Blocked != ""}
	case allocation.BatchSplit:
		if c.by == nil || c.by.step.command.From != e.Batch || c.by.step.command.Batch.Ref != e.Part {
			b.report.fault(wrong, "batch %q was split into %q at %s", e.Batch, e.Part, c.at)
		}
	case allocation.BatchBlocked:
		b.blocks(c, block, e.Batch, true)
	case allocation.BatchUnblocked:
		b.blocks(c, unblock, e.Batch, false)
	case allocation.BatchReceived:
		b.count(c, e.Batch, e.From)
	case allocation.BatchQuantityChanged:
		b.count(c, e.Batch, e.From)
	}
}

// hold replays what happened to a hold.
func (b *books) hold(c *commit, event allocation.Event) {
	switch e := event.(type) {
	case allocation.HoldConfirmed:
		l := c.line(b, e.OrderID)
		if l.held.IsZero() || l.lapsed(c.at) {
			b.report.fault(wrong, "order %q, held until %s, was confirmed at %s", e.OrderID, l.held, c.at)
		}
		l.held = time.Time{}
		c.change(e.OrderID, l)
	case allocation.HoldExtended:
		l := c.line(b, e.OrderID)
		if !l.held.Equal(e.From) || l.lapsed(c.at) {
			b.report.fault(wrong, "order %q, held until %s, was extended at %s", e.OrderID, l.held, c.at)
		}
		l.held = e.To
		c.change(e.OrderID, l)
	case allocation.HoldLapsed:
		l := c.line(b, e.OrderID)
		if !l.held.Equal(e.HeldUntil) || !l.lapsed(c.at) {
			b.report.fault(wrong, "order %q, held until %s, lapsed at %s", e.OrderID, l.held, c.at)
		}
		c.lines[allocation.LineKey{OrderID: e.OrderID, SKU: c.sku}] = l.add(e.Batch, -e.Quantity, 0)
	}
}

// line is what an order's line is in the middle of a commit.
func (c *commit) line(b *books, order allocation.OrderID) lineState {
	key := allocation.LineKey{OrderID: order, SKU: c.sku}
	l, touched := c.lines[key]
	if !touched {
		l = b.lines[key].now()
		c.before[key], c.lines[key] = l, l
	}
	return l
}

func (c *commit) change(order allocation.OrderID, l lineState) {
	key := allocation.LineKey{OrderID: order, SKU: c.sku}
	c.lines[key], c.changed[key] = l, true
}

// count notes that a batch was counted.
func (b *books) count(c *commit, ref allocation.BatchRef, from allocation.Quantity) {
	a := b.batches[ref]
	counted := c.by != nil && c.by.step.command.counts() && c.by.step.command.Count.Batch == ref
	if a == nil || a.purchased != from || !counted {
		b.report.fault(wrong, "batch %q was counted at %s: it had %d before", ref, c.at, from)
		return
	}
	a.counts = append(a.counts, c.by.step.command.Count.At)
	c.by.counted = true
}

// blocks notes that a batch was blocked or unblocked.
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

// move enters an event in the batch's account.
func (b *books) move(e allocation.Event) {
	ref, purchased, allocated := e.Movement()
	if ref == "" {
		return
	}
	a := b.batches[ref]
	if a == nil {
		b.report.fault(wrong, "%s of an unknown batch %q", e.Kind(), ref)
		return
	}
	a.purchased += purchased
	a.allocated += allocated
	if a.allocated < 0 || a.allocated > a.purchased {
		b.report.fault(oversold, "ledger: after %s at %s batch %q has promised %d of %d",
			e.Kind(), e.Time(), ref, a.allocated, a.purchased)
	}
}

// refusal compares the number that a refusal told with what there was.
func (b *books) refusal(c *commit, e allocation.LineRefused) {
	if c.by == nil || c.by.step.command.Verb != allocate {
		return // what a line could grow to depends on where it is
	}
	var most, sum allocation.Quantity
	for _, units := range b.free(c, c.sku, c.at) {
		most = max(most, units)
		sum += units
	}
	if c.by.step.command.Split {
		most = sum
	}
	if e.Available != most || e.Quantity <= most {
		b.report.fault(untrue, "order %q was refused %d of %q with %d available: there were %d",
			e.OrderID, e.Quantity, c.sku, e.Available, most)
	}
}
