package customstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// A line that waits for units is kept in State.Waiting, even if the line also has units and is in State.Lines, too.

// applyWaiting makes the changes of a unit of work to the lines that wait.
func applyWaiting(p *allocation.State, c allocation.Changes) error {
	p.Serving = c.Serving
	return replace(&p.Waiting, c.NewWaiting, c.Waiting, c.EndedWaiting)
}

// page lists a page of the lines that wait, if the query asks for a page, and notes whether there are more.
func page(p *allocation.State, q allocation.Query) []line {
	var found []line
	switch {
	case q.Waiting && q.Due:
		found = overdue(p, q)
	case q.Waiting:
		found = filter(p.Waiting, byServing, func(l line) bool { return isFrom(l, q.From) })
	}
	if p.MoreWaiting = len(found) > q.Limit; !p.MoreWaiting {
		return found
	}
	found = found[:q.Limit]
	if last := found[q.Limit-1]; !q.Due {
		p.WaitingTo = allocation.Rank{Priority: last.Priority, Sequence: last.Sequence}
	}
	return found
}

// askedWaiting leaves out the waiting lines of other orders, and notes the answers about all waiting lines.
func askedWaiting(p *allocation.State, q allocation.Query, orders []allocation.OrderID) {
	p.AnyWaiting = len(p.Waiting) > 0
	if behind := needed(p, func(l line) bool { return isBehind(q, tooLate(l), p.SKU) }); q.Due && len(behind) > 0 {
		p.FirstNeeded = behind[0].NeededBy
	}
	p.Waiting = filter(p.Waiting, byServing, func(l line) bool { return slices.Contains(orders, l.OrderID) })
}

// dueWaiting notes when the product's lines have waited too long, and that serving has to go on.
func dueWaiting(p *allocation.State, q allocation.Query, note func(at time.Time)) {
	if p.Serving != (allocation.Rank{}) {
		note(time.Time{})
	}
	for _, l := range overdue(p, q) {
		note(tooLate(l))
	}
}

// overdue lists the lines that wait although NeededBy has passed, the earliest first.
func overdue(p *allocation.State, q allocation.Query) []line {
	return needed(p, func(l line) bool { return l.NeededBy.Before(q.Now) })
}

// needed lists the wanted lines with NeededBy among the waiting lines, the earliest first.
func needed(p *allocation.State, wanted func(line) bool) []line {
	return filter(p.Waiting, byNeed, func(l line) bool { return !l.NeededBy.IsZero() && wanted(l) })
}

// tooLate returns when a line has waited too long: times are whole microseconds.
func tooLate(l line) time.Time { return l.NeededBy.Add(time.Microsecond) }

func isBehind(q allocation.Query, at time.Time, sku allocation.SKU) bool {
	return byTurn(q.After, allocation.Turn{At: at, SKU: sku}) < 0
}

// isFrom reports whether a line that waits is served at the place or behind.
func isFrom(l line, place allocation.Rank) bool {
	return cmp.Or(cmp.Compare(place.Priority, l.Priority), cmp.Compare(l.Sequence, place.Sequence)) >= 0
}

// byServing sorts by the order of serving: the highest priority first, then the oldest line.
func byServing(a, b line) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Sequence, b.Sequence), byKey(a, b))
}

func byNeed(a, b line) int { return cmp.Or(a.NeededBy.Compare(b.NeededBy), byKey(a, b)) }
func byKey(a, b line) int {
	return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
}
