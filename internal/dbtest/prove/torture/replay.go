package torture

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// commit is what one command told of one product in one commit, which it may have shared with others.
type commit struct {
	sku    allocation.SKU
	at     time.Time
	by     *trace // nil for what the parent did
	number int64  // of the event

	before, lines map[allocation.LineKey]lineState
	released      map[allocation.LineKey]allocation.Quantity
	served        map[allocation.LineKey]allocation.Quantity // to lines that waited
	grown         map[allocation.LineKey]allocation.Quantity // to lines that waited, perhaps by a change of the line
	moved, lapsed map[allocation.LineKey]bool                // lines that left a batch, and holds that ended
	changed       map[allocation.LineKey]bool                // otherwise than by lapsing and by a mark
	late          []allocation.LineKey                       // lines that became late
	slipped       []allocation.BatchRef
	received      allocation.BatchRef // the batch that arrived, at the moment of the count
	arrived       time.Time
	split         map[allocation.BatchRef]allocation.Quantity // parts that have not become batches yet
}

// replay goes through the ledger of a product, in which each event has the trace parent of who caused it.
func (b *books) replay(sku allocation.SKU, events []allocation.Event, parents []string) {
	b.versions[sku] = len(events)
	number, served, lapsed := int64(0), 0, 0
	if len(parents) != len(events) {
		b.report.fault(drift, "product %q has %d events and %d trace parents", sku, len(events), len(parents))
		return
	}
	for len(events) > 0 {
		n := 1
		for n < len(events) && parents[n] == parents[0] && events[n].Time().Equal(events[0].Time()) {
			n++
		}
		if c := b.commit(sku, events[:n], parents[0], number); c != nil {
			served, lapsed = served+len(c.served), lapsed+len(c.lapsed)
			if n == len(events) || !events[n].Time().Equal(c.at) { // otherwise the commit goes on
				b.judgeServed(c, served, lapsed)
				served, lapsed = 0, 0
			}
		}
		number += int64(n)
		events, parents = events[n:], parents[n:]
	}
}

// commit replays what a command told in a commit whose first event comes after the given number.
func (b *books) commit(sku allocation.SKU, events []allocation.Event, parent string, number int64) *commit {
	c := &commit{
		sku: sku, at: events[0].Time(), number: number,
		before: map[allocation.LineKey]lineState{}, lines: map[allocation.LineKey]lineState{},
		released: map[allocation.LineKey]allocation.Quantity{}, changed: map[allocation.LineKey]bool{},
		served: map[allocation.LineKey]allocation.Quantity{}, grown: map[allocation.LineKey]allocation.Quantity{},
		moved: map[allocation.LineKey]bool{}, lapsed: map[allocation.LineKey]bool{},
		split: map[allocation.BatchRef]allocation.Quantity{},
	}
	if parent != "" || ownerOf(c.at, b.settings.owners()) != 0 {
		if c.by = b.whose(parent, c.at); c.by == nil {
			b.report.fault(unexplained, "%s of %q at %s by %q", events[0].Kind(), sku, c.at, parent)
			return nil
		}
		c.by.events += len(events)
	}
	for _, e := range events {
		c.number++
		b.event(c, e)
	}
	b.judge(c)
	if c.at.After(b.latest[sku]) {
		b.latest[sku] = c.at
	}
	return c
}

// event replays one event.
func (b *books) event(c *commit, event allocation.Event) {
	if _, refused := event.(allocation.LineRefused); c.by != nil && refused {
		c.by.refusals++
	} else if c.by != nil && !c.sweeps(event) {
		c.by.committed(c.at)
	}
	switch e := event.(type) {
	case allocation.LineAllocated, allocation.LineDeallocated, allocation.LineReleased, allocation.LineShipped:
		b.line(c, event)
	case allocation.LineWaiting:
		b.waits(c, e)
	case allocation.LineLate:
		b.marked(c, e)
	case allocation.LineHandedOver:
		b.handedOver(c, e)
	case allocation.HoldConfirmed, allocation.HoldExtended, allocation.HoldLapsed:
		b.hold(c, event)
	case allocation.LineRefused:
		b.refusal(c, e)
	default:
		b.batch(c, event)
	}
	b.move(c.sku, event)
}

// line replays an event that moves units of a line.
func (b *books) line(c *commit, event allocation.Event) {
	switch e := event.(type) {
	case allocation.LineAllocated:
		b.allocated(c, e)
	case allocation.LineDeallocated:
		b.deallocated(c, e)
	case allocation.LineReleased:
		key := c.key(e.OrderID, e.Line)
		c.change(key, c.loses(key, c.line(b, key).add(e.Batch, -e.Quantity, 0), e.Quantity))
		c.released[key] += e.Quantity
	case allocation.LineShipped:
		key := c.key(e.OrderID, e.Line)
		c.change(key, c.line(b, key).add(e.Batch, 0, e.Quantity))
	}
}

// allocated replays a promise, which only a batch that fits the line's terms may give.
func (b *books) allocated(c *commit, e allocation.LineAllocated) {
	key := c.key(e.OrderID, e.Line)
	was := c.begin(b, key)
	if len(was.parts) > 0 && !was.held.Equal(e.HeldUntil) {
		b.report.fault(wrong, "%+v: units held until %s beside others until %s", key, e.HeldUntil, was.held)
	}
	if until := c.at.Add(was.terms.HoldFor); was.terms.HoldFor > 0 && was.quantity() == was.shipped() &&
		!c.moved[key] && !until.Equal(e.HeldUntil) {
		b.report.fault(wrong, "%+v was given at %s for %s and is held until %s",
			key, c.at, was.terms.HoldFor, e.HeldUntil)
	}
	if !c.moved[key] { // those who lost their places come before those who wait
		b.checkTurn(c, key, was, e.Waited)
	}
	if a := b.batches[e.Batch]; a != nil && !a.serves(was.terms, c.at) {
		b.report.fault(unfit, "%+v was given units of batch %q at %s: terms %+v, batch %+v",
			key, e.Batch, c.at, was.terms, *a)
	}
	was.held = e.HeldUntil
	l := was.add(e.Batch, e.Quantity, 0)
	if e.Waited {
		b.given(c, key, l, e.Quantity)
		return
	}
	c.change(key, l)
}

// deallocated replays the end of a promise. If the owner lets a line grow, and the line moves to a batch with more
// room, those who wait come first.
func (b *books) deallocated(c *commit, e allocation.LineDeallocated) {
	key := c.key(e.OrderID, e.Line)
	was := c.line(b, key)
	l := was.add(e.Batch, -e.Quantity, 0)
	if c.by != nil && c.by.step.command.Verb == change && c.by.step.command.wanted()[key] > was.quantity() {
		b.checkTurn(c, key, was, false)
	}
	if c.by != nil && c.by.step.command.Verb == cancel {
		l.asked, l.forgone = l.quantity(), 0
	}
	c.moved[key] = true
	c.change(key, l)
}

// hold replays what happened to a hold.
func (b *books) hold(c *commit, event allocation.Event) {
	switch e := event.(type) {
	case allocation.HoldConfirmed:
		key := c.key(e.OrderID, e.Line)
		l := c.line(b, key)
		if l.held.IsZero() && l.terms.HoldFor == 0 || l.lapsed(c.at) {
			b.report.fault(wrong, "order %q, held until %s, was confirmed at %s", e.OrderID, l.held, c.at)
		}
		l.held, l.terms.HoldFor = time.Time{}, 0
		c.change(key, l)
	case allocation.HoldExtended:
		key := c.key(e.OrderID, e.Line)
		l := c.line(b, key)
		if !l.held.Equal(e.From) || l.lapsed(c.at) {
			b.report.fault(wrong, "order %q, held until %s, was extended at %s", e.OrderID, l.held, c.at)
		}
		l.held = e.To
		c.change(key, l)
	case allocation.HoldLapsed:
		key := c.key(e.OrderID, e.Line)
		l := c.line(b, key)
		if !l.held.Equal(e.HeldUntil) || !l.lapsed(c.at) {
			b.report.fault(wrong, "order %q, held until %s, lapsed at %s", e.OrderID, l.held, c.at)
		}
		l = l.add(e.Batch, -e.Quantity, 0)
		l.waiting, l.asked, l.forgone = 0, l.quantity(), 0
		c.lines[key], c.lapsed[key] = l, true
	}
}

// key names a line of the commit's product.
func (c *commit) key(order allocation.OrderID, line allocation.LineID) allocation.LineKey {
	return allocation.LineKey{OrderID: order, SKU: c.sku, Line: line}
}

// line is what a line is in the middle of a commit.
func (c *commit) line(b *books, key allocation.LineKey) lineState {
	l, touched := c.lines[key]
	if !touched {
		l = b.lines[key].now()
		l.given, l.dropped = 0, false
		c.before[key], c.lines[key] = l, l
	}
	return l
}

func (c *commit) change(key allocation.LineKey, l lineState) {
	c.lines[key], c.changed[key] = l, true
}

// move enters an event in the batch's account.
func (b *books) move(sku allocation.SKU, e allocation.Event) {
	ref, purchased, allocated := e.Movement()
	if ref == "" {
		return
	}
	a := b.batches[ref]
	if a == nil {
		b.report.fault(wrong, "%s of an unknown batch %q", e.Kind(), ref)
		a = &account{ref: ref, sku: sku} // the ledger may have lost the announcement
		b.batches[ref] = a
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
	if c.by.step.command.Terms.Wait {
		b.report.fault(wrong, "order %q, which waits, was refused %d of %q", e.OrderID, e.Quantity, c.sku)
	}
	var most, sum, others allocation.Quantity
	for _, units := range b.free(c, c.by.step.command.Terms) {
		most = max(most, units)
		sum += units
	}
	if c.by.step.command.Terms.Split {
		most = sum
	}
	for key, units := range c.by.step.command.wanted() { // a line is judged on what the lines before it left
		if key.SKU == c.sku && key.Line != e.Line {
			others += units
		}
	}
	if e.Available > most || e.Available < most-others || e.Quantity <= e.Available {
		b.report.fault(untrue, "order %q was refused %d of %q with %d available: there were %d",
			e.OrderID, e.Quantity, c.sku, e.Available, most)
	}
}
