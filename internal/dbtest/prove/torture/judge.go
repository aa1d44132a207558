package torture

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
)

// judge looks at what a commit did to each line, and notes what has become of them.
func (b *books) judge(c *commit) {
	b.grew(c)
	for key, now := range c.lines {
		if c.by != nil && c.by.step.command.Verb == change && c.by.step.command.places(key) && c.changed[key] {
			now.asked, now.forgone = c.by.step.command.wanted()[key], 0 // a change can be seen by its units alone
			if now.terms.Wait && now.waiting == 0 && now.terms.passed(c.at) {
				now.forgone = max(0, now.asked-now.quantity()) // nobody waits any more, and the line has what there is
			}
			c.lines[key] = now
		}
		if now.waiting < 0 || now.waiting > 0 && now.quantity()+now.waiting+now.forgone != now.asked {
			b.report.fault(wrong, "%+v has %d units, waits for %d of %d, and no longer for %d, after %s",
				key, now.quantity(), now.waiting, now.asked, now.forgone, c.at)
		}
		v := version{lineState: now}
		switch {
		case c.by == nil:
			b.report.fault(unexplained, "order %q changed at %s", key.OrderID, c.at)
		case c.by.step.command.owns(key.OrderID):
			v.by = c.by.step.number
			if c.changed[key] {
				b.judgeOwn(c, key)
			}
		case !c.changed[key] || c.by.step.command.displaces():
			b.judgeOther(c, key)
		default:
			b.report.fault(wrong, "%s of order %q changed %q of order %q",
				c.by.step.command.Verb, c.by.step.command.Order, key.SKU, key.OrderID)
		}
		b.push(key, v)
	}
	b.judgeTerms(c)
	if len(c.split) > 0 {
		b.report.fault(drift, "%v were split off at %s and became no batches", c.split, c.at)
	}
	if c.by == nil {
		return
	}
	for _, key := range c.late {
		if units := c.lines[key].open(c.by.step.command.Batch.Ref); c.by.step.command.Verb == slip && units > 0 {
			c.by.late = append(c.by.late, orderLine(key, units))
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.released), compareLines) {
		c.by.released = append(c.by.released, orderLine(key, c.released[key]))
	}
}

func orderLine(key allocation.LineKey, units allocation.Quantity) allocation.OrderLine {
	return allocation.OrderLine{OrderID: key.OrderID, SKU: key.SKU, Line: key.Line, Quantity: units}
}

// judgeOwn looks at what a command did to a line of its own order.
func (b *books) judgeOwn(c *commit, key allocation.LineKey) {
	cmd, was, now := c.by.step.command, c.before[key], c.lines[key]
	if cmd.Verb == allocate && !was.gone() && !was.lapsed(c.at) {
		b.report.fault(doubled, "order %q had %d of %q and was allocated again at %s",
			key.OrderID, was.quantity(), key.SKU, c.at)
	}
	if cmd.Verb == allocate && !cmd.Terms.Split && len(now.parts) > 1 {
		b.report.fault(wrong, "order %q was split over %d batches of %q at %s",
			key.OrderID, len(now.parts), key.SKU, c.at)
	}
	if !cmd.done(key, now) {
		b.report.fault(wrong, "%s left %+v with %d units, %d of them shipped, %d of %d to come, held until %s, at %s",
			cmd.Verb, key, now.quantity(), now.shipped(), now.waiting, now.asked, now.held, c.at)
	}
}

// done says that a line is as it must be at the moment at which the command is done.
func (c command) done(key allocation.LineKey, l lineState) bool {
	switch c.Verb {
	case allocate, change:
		return l.asked == c.wanted()[key] && l.isPlaced()
	case handOver:
		if key.OrderID == c.Order {
			return l.gone()
		}
		return (!l.gone() || l.dropped) && l.from == c.Order
	case confirm:
		return len(l.parts) > 0 && l.held.IsZero()
	case extend:
		return len(l.parts) > 0 && !l.held.Before(c.Hold)
	case ship:
		return len(l.parts) > 0 && l.shipped() == l.quantity()-l.given
	case shipPart:
		return l.shipped() >= c.wanted()[key]
	case cancel:
		return l.shipped() == l.quantity() && l.waiting == 0
	}
	return false
}

func compareLines(a, b allocation.LineKey) int {
	return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Line, b.Line))
}
