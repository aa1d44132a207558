package allocation

import (
	"slices"
	"time"
)

// place returns the line's place in the queue.
func (l *line) place() Rank { return Rank{Priority: l.Priority, Sequence: l.Sequence} }

// serveWaiting offers what is free to those who wait, by priority and age, each under the line's own terms;
// a line that doesn't fit is passed over (R15). After units became free serveWaiting begins with the first in
// line, otherwise where serving stopped, and goes on until enough lines have been served, nothing is free,
// or nobody is left. Lapsed holds are released before, since their units are free.
func (p *Product) serveWaiting(now time.Time) {
	q := &p.queue
	if !q.any { // the last in line may have been cancelled after serving stopped
		q.freed, q.serving = false, Rank{}
		return
	}
	q.missing = false // the page may have been loaded since
	p.releaseLapsed(now)
	if q.freed {
		q.serving, q.freed = firstInLine, false
	}
	if q.serving == (Rank{}) {
		return
	}
	free := p.free(now)
	switch {
	case !p.anyFree(free, now):
		q.serving = Rank{}
	case !q.reaches():
	default:
		p.serveFrom(q.serving, free, now)
	}
}

// serveFrom serves the loaded lines from a place on.
func (p *Product) serveFrom(place Rank, free []Quantity, now time.Time) {
	q := &p.queue
	served := 0
	for _, l := range p.waitingFrom(place) {
		if q.most > 0 && served == q.most {
			q.serving = l.place()
			return
		}
		if l.isOverdue(now) {
			p.stopWaiting(l, now)
			continue
		}
		if !p.serve(l, free, q.policy, now) {
			if p.moreLapsed {
				q.serving = l.place() // the units of further lapsed holds may be all that the line needs
				return
			}
			continue
		}
		if served++; !p.anyFree(free, now) {
			q.serving = Rank{}
			return
		}
	}
	if q.serving = (Rank{}); q.page.more {
		q.serving, q.passed = q.page.to.next(), q.most > 0 && served < q.most
	}
}

// waitingFrom returns the loaded lines that wait at a place or behind, in the order of serving. Lines beyond
// the page are left out.
func (p *Product) waitingFrom(place Rank) []*line {
	g := p.queue.page
	var lines []*line
	for _, l := range p.lines {
		at := l.place()
		if l.Waiting > 0 && !at.isBefore(place) && (!g.more || !g.to.isBefore(at)) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b *line) int { return b.place().Compare(a.place()) })
	return lines
}

// anyFree reports whether any unit can be sold at now.
func (p *Product) anyFree(free []Quantity, now time.Time) bool {
	for i, b := range p.batches {
		if free[i] > 0 && b.Saleable(now) {
			return true
		}
	}
	return false
}

// serve gives the line the units that the line waits for, if they fit: all of them, or with Partial as many
// as there are. The hold of HoldFor begins with the first units.
func (p *Product) serve(l *line, free []Quantity, policy Policy, now time.Time) bool {
	parts, _ := p.offer(free, policy, l.need(l.Waiting), l.Partial, now)
	if parts == nil {
		return false
	}
	p.reserve(free, parts)
	wanted := l.wanted()
	p.startHold(l, now)
	for _, part := range parts {
		l.Waiting -= part.Quantity
		p.promise(l, part.Batch, part.Quantity, now, true)
	}
	l.setWanted(wanted)
	return true
}

// startHold begins the hold of a line that is given units and has none. A unit that is held already ends
// when the hold ends.
func (p *Product) startHold(l *line, now time.Time) {
	if l.HoldFor > 0 && l.open() == 0 {
		l.HeldUntil, l.changed, p.holds = clean(now.Add(l.HoldFor)), true, true
	}
}

// offer finds the batches for a need: for all units, or with partial for as many as there are. Without
// batches parts is nil. Most is the most units that the line could have been given.
func (p *Product) offer(
	free []Quantity, policy Policy, n need, partial bool, now time.Time,
) (parts []Part, most Quantity) {
	parts, most = p.choose(free, policy, n, now)
	if parts == nil && partial && most > 0 {
		n.units = most
		parts, _ = p.choose(free, policy, n, now)
	}
	return parts, most
}

// wait lets a line wait for further units.
func (p *Product) wait(l *line, units, wanted Quantity, now time.Time) {
	q := &p.queue
	if !q.any {
		q.any, q.page = true, wholeQueue
	}
	l.Waiting += units
	l.changed, l.removed = true, false
	l.setWanted(wanted)
	p.recordWaiting(l, now)
}

// stopWaiting ends the waiting of a line, which keeps the units that were given.
func (p *Product) stopWaiting(l *line, now time.Time) {
	l.Waiting, l.changed = 0, true
	l.removed = len(l.Parts) == 0
	p.recordWaiting(l, now)
}

// waits reports whether the line may wait for further units: no line begins to wait after NeededBy has passed.
func (l *line) waits(now time.Time) bool {
	return l.MayWait && (l.NeededBy.IsZero() || !l.NeededBy.Before(now))
}

// isOverdue reports whether the line waits although NeededBy has passed.
func (l *line) isOverdue(now time.Time) bool {
	return l.Waiting > 0 && !l.NeededBy.IsZero() && l.NeededBy.Before(now)
}

// dropOverdue ends the waiting of the loaded lines whose NeededBy has passed, and returns the number of
// lines.
func (p *Product) dropOverdue(now time.Time) (dropped int) {
	if !p.queue.any {
		return 0
	}
	var overdue []*line
	for _, l := range p.lines {
		if l.isOverdue(now) {
			overdue = append(overdue, l)
		}
	}
	slices.SortFunc(overdue, byAge)
	for _, l := range overdue {
		p.stopWaiting(l, now)
	}
	return len(overdue)
}

// servedAll returns an error if anybody who waits has yet to be offered what is free, lapsed holds
// included: such a line comes before the line for which the method needs units.
func (p *Product) servedAll(op string, now time.Time) error {
	q := &p.queue
	if !q.any {
		return nil
	}
	if p.moreLapsed || p.hasLapsed(now) {
		return p.lapsedRemain(op)
	}
	if q.serving == (Rank{}) {
		return nil
	}
	if !q.reaches() {
		return p.lapsedRemain(op)
	}
	free := p.free(now)
	if p.anyFree(free, now) {
		for _, l := range p.waitingFrom(q.serving) {
			if l.isOverdue(now) {
				continue
			}
			if parts, _ := p.offer(free, q.policy, l.need(l.Waiting), l.Partial, now); parts != nil {
				return p.lapsedRemain(op)
			}
		}
		if q.page.more {
			return p.more(op)
		}
	}
	q.serving = Rank{} // nobody from there on takes anything
	return nil
}

// withUnits returns the live lines of an order that have units. If the lines are named, a line without units
// is an error.
func (p *Product) withUnits(op string, order OrderID, now time.Time, named bool) ([]*line, error) {
	lines, err := p.live(op, order, now)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		if l.Quantity == 0 && named {
			return nil, notAllowed(op, "order", order, l.Key().text()+" waits for units")
		}
	}
	return slices.DeleteFunc(lines, func(l *line) bool { return l.Quantity == 0 }), nil
}
