package sqlstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// isOverdue reports whether a line waits although NeededBy has passed.
func isOverdue(a allocation.Allocation, now time.Time) bool {
	return !a.NeededBy.IsZero() && a.NeededBy.Before(now)
}

// place returns the line's place in the queue.
func place(a allocation.Allocation) allocation.Rank {
	return allocation.Rank{Priority: a.Priority, Sequence: a.Sequence}
}

// pageOfWaiting chooses the page of the lines that wait, if the query asks for a page, and keeps the lines' orders. One
// line beyond the page shows whether there are more.
func (l *loading) pageOfWaiting(p *product) {
	if !l.Waiting {
		return
	}
	var page []allocation.Allocation
	for _, a := range p.waits {
		if l.Due && isOverdue(a, l.Now) || !l.Due && place(a).Compare(l.From) <= 0 {
			page = append(page, a)
		}
	}
	slices.SortFunc(page, func(a, b allocation.Allocation) int {
		if l.Due {
			return cmp.Or(a.NeededBy.Compare(b.NeededBy), byKey(a, b))
		}
		return place(b).Compare(place(a))
	})
	if len(page) > l.Limit {
		p.MoreWaiting = true
		page = page[:l.Limit]
		if !l.Due && l.Limit > 0 {
			p.WaitingTo = place(page[l.Limit-1])
		}
	}
	for _, a := range page {
		p.keptOrders[a.OrderID] = true
	}
}

// keepWaiting adds the lines that wait to the state, of the orders that the state has or that the query names.
func (l *loading) keepWaiting(p *product) {
	for _, a := range p.waits {
		if p.keptOrders[a.OrderID] || l.named[a.OrderID] {
			p.State.Waiting = append(p.State.Waiting, a)
		}
	}
	slices.SortFunc(p.State.Waiting, byKey)
}

// byKey orders the lines of a product that wait.
func byKey(a, b allocation.Allocation) int {
	return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
}
