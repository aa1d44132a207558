package torture

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// terms are the terms of a line, and bind the line to batches.
type terms struct {
	Split      bool                `json:"split,omitzero"`
	NeededBy   time.Time           `json:"needed_by,omitzero"`
	FreshUntil time.Time           `json:"fresh_until,omitzero"`
	Location   allocation.Location `json:"location,omitzero"`
	Priority   int                 `json:"priority,omitzero"`

	Wait    bool          `json:"wait,omitzero"`
	Partial bool          `json:"partial,omitzero"`
	HoldFor time.Duration `json:"hold_for,omitzero"` // zero once the line was confirmed
}

// are reports whether an answer has the terms.
func (t terms) are(a allocation.Allocation) bool {
	return t.Split == a.Split && t.NeededBy.Equal(a.NeededBy) && t.FreshUntil.Equal(a.FreshUntil) &&
		t.Location == a.Location && t.Priority == a.Priority &&
		t.Wait == a.MayWait && t.Partial == a.Partial && t.HoldFor == a.HoldFor
}

// passed reports whether NeededBy has passed: from then on the line waits for no further unit.
func (t terms) passed(at time.Time) bool { return !t.NeededBy.IsZero() && t.NeededBy.Before(at) }

// sells reports whether units of the batch may be promised at a time, whatever the terms.
func (a *account) sells(at time.Time) bool {
	keeps := a.bestBefore.IsZero() || a.bestBefore.After(at) && !a.spoils()
	return !a.blocked && !a.expired && keeps
}

// serves reports whether a line with the terms may be given units of the batch at a time.
func (a *account) serves(t terms, at time.Time) bool {
	overdue := !t.NeededBy.IsZero() && !a.eta.IsZero() && a.eta.Before(at)
	return a.sells(at) && a.lasts(t) && !a.comesLate(t.NeededBy) && !overdue
}

// lasts reports whether the batch fits the terms beside NeededBy. No slip can break these terms.
func (a *account) lasts(t terms) bool {
	fresh := t.FreshUntil.IsZero() || a.bestBefore.IsZero() || a.bestBefore.After(t.FreshUntil)
	return fresh && (t.Location == "" || t.Location == a.location)
}

// spoils reports whether the batch will have expired when the batch arrives.
func (a *account) spoils() bool {
	return !a.eta.IsZero() && !a.bestBefore.IsZero() && !a.bestBefore.After(a.eta)
}

// comesLate reports whether the batch arrives after a time, zero for any time, or arrives spoilt.
func (a *account) comesLate(neededBy time.Time) bool {
	return a.spoils() || !a.eta.IsZero() && !neededBy.IsZero() && a.eta.After(neededBy)
}

// judgeTerms checks every line touched by a commit: no unit comes from a blocked batch, from another place or from a
// batch too soon to expire, and no unit comes late unless the line is marked late.
func (b *books) judgeTerms(c *commit) {
	for key := range c.lines {
		b.judgeFit(c, key)
	}
	for _, ref := range c.slipped {
		for key, line := range b.lines {
			if key.SKU == c.sku && line.now().on(ref) {
				b.judgeFit(c, key)
			}
		}
	}
}

func (b *books) judgeFit(c *commit, key allocation.LineKey) {
	l := b.lines[key].now()
	if l.lapsed(c.at) {
		return // the line binds nothing any more
	}
	open := 0
	for _, p := range l.parts {
		if p.Quantity == p.Shipped {
			continue
		}
		open++
		if a := b.batches[p.Batch]; a.blocked || !a.lasts(l.terms) || a.comesLate(l.terms.NeededBy) && !l.late {
			b.report.fault(unfit, "%+v has units of batch %q after %s, late %t: terms %+v, batch %+v",
				key, p.Batch, c.at, l.late, l.terms, *a)
		}
	}
	if open > 1 && !l.terms.Split {
		b.report.fault(wrong, "%+v, a whole line, has unshipped units of %d batches after %s", key, open, c.at)
	}
}

// on reports whether unshipped units of the line are of a batch.
func (l lineState) on(ref allocation.BatchRef) bool { return l.open(ref) > 0 }

// open is how many unshipped units of a batch the line has.
func (l lineState) open(ref allocation.BatchRef) allocation.Quantity {
	for _, p := range l.parts {
		if p.Batch == ref {
			return p.Quantity - p.Shipped
		}
	}
	return 0
}

// marked replays a LineLate: the line became late, or is in time again.
func (b *books) marked(c *commit, e allocation.LineLate) {
	key := allocation.LineKey{OrderID: e.OrderID, SKU: c.sku, Line: e.Line}
	l := c.line(b, key)
	late := b.missed(c, key)
	for _, p := range l.parts {
		a := b.batches[p.Batch]
		overdue := !a.eta.IsZero() && !l.terms.NeededBy.IsZero() && c.at.After(l.terms.NeededBy)
		late = late || p.Quantity > p.Shipped && (overdue || a.comesLate(l.terms.NeededBy))
	}
	late = late && l.quantity() > l.shipped() // a line that waits again is no longer late
	if l.late == e.Late || late != e.Late || !l.terms.NeededBy.Equal(e.NeededBy) || l.lapsed(c.at) {
		b.report.fault(wrong, "%+v, needed by %s, was told late %t at %s, before %t, by batches %t: %+v",
			key, l.terms.NeededBy, e.Late, c.at, l.late, late, l.parts)
	}
	l.late = e.Late
	c.lines[key] = l
	if e.Late {
		b.report.Late++
		c.late = append(c.late, key)
	} else {
		b.report.InTime++
	}
}

// missed reports whether units of the line were still on the way after NeededBy before the commit, which brought the
// units or took the units away. Units that a count found were there at the moment of the count. Units that the line
// lost by the count were never there, so the line had no units until the commit.
func (b *books) missed(c *commit, key allocation.LineKey) bool {
	before, now := c.before[key], c.line(b, key)
	for _, p := range before.parts {
		open, at := p.Quantity-p.Shipped, c.at
		found := p.Batch == c.received && now.open(p.Batch) >= open
		if found && c.arrived.Before(at) {
			at = c.arrived
		}
		waited := open > 0 && (p.Batch == c.received || !b.batches[p.Batch].eta.IsZero())
		if waited && !before.terms.NeededBy.IsZero() && at.After(before.terms.NeededBy) {
			return true
		}
	}
	return false
}

// handedOver replays a hand-over of a line to another order.
func (b *books) handedOver(c *commit, e allocation.LineHandedOver) {
	from := allocation.LineKey{OrderID: e.From, SKU: c.sku, Line: e.Line}
	to := allocation.LineKey{OrderID: e.OrderID, SKU: c.sku, Line: e.Line}
	l, there := c.line(b, from), c.line(b, to)
	asked := c.by != nil && c.by.step.command.Verb == handOver &&
		c.by.step.command.Order == e.From && c.by.step.command.To == e.OrderID
	if !asked || l.gone() || l.lapsed(c.at) {
		b.report.fault(wrong, "%+v, held until %s, was handed over at %s", from, l.held, c.at)
	}
	again := !there.gone()
	for _, key := range b.keys[e.OrderID] {
		if _, touched := c.lines[key]; key.SKU == c.sku && !touched {
			other := b.lines[key].now()
			again = again || other.from == e.From && !other.gone() && !other.lapsed(c.at)
		}
	}
	if again {
		b.report.fault(doubled, "%+v was handed over to order %q a second time at %s", from, e.OrderID, c.at)
	}
	b.report.Handed++
	l.from = e.From
	c.change(from, lineState{})
	c.change(to, l)
}
