package torture

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// begin is line for an event with which a line may begin: the terms are those of the command, and the event's number
// is the line's place in the queue.
func (c *commit) begin(b *books, key allocation.LineKey) lineState {
	l := c.line(b, key)
	if !l.gone() || c.moved[key] || c.by == nil {
		return l
	}
	cmd := c.by.step.command
	if cmd.Verb != allocate || !cmd.owns(key.OrderID) {
		return l
	}
	delete(c.lapsed, key)
	return lineState{terms: cmd.Terms, place: c.number, asked: cmd.wanted()[key]}
}

// waits replays a LineWaiting: the line waits for so many units, or no longer.
func (b *books) waits(c *commit, e allocation.LineWaiting) {
	key := c.key(e.OrderID, e.Line)
	l := c.line(b, key)
	if e.Quantity > 0 {
		l = c.begin(b, key)
		b.report.Waited++
	}
	begins := e.Quantity > l.waiting
	if e.Wanted < e.Quantity || e.Quantity > 0 && !l.terms.Wait || !l.terms.NeededBy.Equal(e.NeededBy) ||
		begins && l.terms.passed(c.at) {
		b.report.fault(wrong, "%+v waits for %d of %d, needed by %s, after %s: terms %+v",
			key, e.Quantity, e.Wanted, e.NeededBy, c.at, l.terms)
	}
	l.waiting, l.asked, l.dropped = e.Quantity, e.Wanted, c.tooLate(e)
	if e.Quantity > 0 && l.quantity() == l.shipped() && !c.moved[key] {
		l.held = time.Time{} // nothing is held any more
	}
	if l.dropped { // these units stay among the wanted units
		l.forgone = e.Wanted - l.quantity()
		b.report.Dropped++
	}
	if l.dropped || e.Quantity == 0 && c.lapsed[key] {
		c.lines[key] = l
		return
	}
	c.change(key, l)
}

// loses replays that units of a line were released: the line waits for the units, as a LineWaiting says, unless the
// line may not wait or NeededBy has passed.
func (c *commit) loses(key allocation.LineKey, l lineState, units allocation.Quantity) lineState {
	switch {
	case !l.terms.Wait:
		l.asked -= units
	case l.terms.passed(c.at):
		l.forgone += units // these units stay among the wanted units
		if l.quantity() == l.shipped() && !c.moved[key] {
			l.held = time.Time{} // nothing is held any more
		}
	}
	return l
}

// tooLate says that a line waits no longer because NeededBy has passed.
func (c *commit) tooLate(e allocation.LineWaiting) bool {
	return e.Quantity == 0 && !e.NeededBy.IsZero() && e.NeededBy.Before(c.at)
}

// given replays units for a line that waited: because the line's turn had come, whoever the command was of, or by a
// change of the line, as grew finds out.
func (b *books) given(c *commit, key allocation.LineKey, l lineState, units allocation.Quantity) {
	b.report.Served++
	l.waiting -= units
	if c.by != nil && c.by.step.command.Verb == change && c.by.step.command.places(key) &&
		len(c.lapsed) == 0 && len(c.served) == 0 { // a change has to wait until all others are served
		c.grown[key] += units
	} else {
		l.given += units
		c.served[key] += units
	}
	c.lines[key] = l
}

// grew finds out whether the units for a line that waited were given by a change of the line, which ends the waiting
// or comes with a LineWaiting, or because the line's turn had come before the change.
func (b *books) grew(c *commit) {
	for key, units := range c.grown {
		l := c.lines[key]
		switch {
		case c.changed[key]:
		case l.quantity() == c.by.step.command.wanted()[key]:
			l.waiting = 0
			c.change(key, l)
			c.by.committed(c.at)
		default:
			l.given += units
			c.served[key] += units
			c.lines[key] = l
		}
	}
}

// sweeps says that the event may be of any commit, a refusal's included: what the passing of time has done is recorded,
// and those who wait are served.
func (c *commit) sweeps(event allocation.Event) bool {
	switch e := event.(type) {
	case allocation.HoldLapsed, allocation.BatchExpired, allocation.LineLate:
		return true
	case allocation.LineAllocated:
		return e.Waited
	case allocation.LineWaiting:
		return c.tooLate(e) || e.Quantity == 0 && c.lapsed[c.key(e.OrderID, e.Line)]
	}
	return false
}

// isPlaced says that the line has the units that were asked for, or waits for the others, or takes what there is.
func (l lineState) isPlaced() bool {
	some := l.terms.Partial && !l.terms.Wait && l.quantity() > 0
	return l.quantity()+l.waiting+l.forgone == l.asked || some
}

// judgeOther looks at what a command did to a line of somebody else: units that the line lost were released, and come
// later if the line may wait; units that the line won are those for which the line had waited.
func (b *books) judgeOther(c *commit, key allocation.LineKey) {
	was, now := c.before[key], c.lines[key]
	if c.lapsed[key] {
		return
	}
	lost, won := c.released[key], c.served[key]
	waiting := was.waiting - won
	if was.terms.Wait && !was.terms.passed(c.at) {
		waiting += lost
	}
	if now.quantity() != was.quantity()-lost+won || now.shipped() != was.shipped() ||
		now.waiting != waiting && !now.dropped {
		b.report.fault(wrong, "%+v had %d units and waited for %d before %s, and has %d and waits for %d; "+
			"%d were released and %d given",
			key, was.quantity(), was.waiting, c.at, now.quantity(), now.waiting, lost, won)
	}
}
