package memory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// place is an entry of the index of lines that wait, in the order of serving.
type place struct {
	priority int
	sequence int64
	line     allocation.LineKey
}

// neededLine is an entry of the index of lines that wait and have NeededBy.
type neededLine struct {
	by   time.Time
	line allocation.LineKey
}

func (n neededLine) compare(other neededLine) int {
	return cmp.Or(n.by.Compare(other.by), cmp.Compare(n.line.OrderID, other.line.OrderID),
		cmp.Compare(n.line.Line, other.line.Line))
}

func placeOf(a allocation.Allocation) place { return place{a.Priority, a.Sequence, a.Key()} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(other.priority, p.priority), cmp.Compare(p.sequence, other.sequence),
		cmp.Compare(p.line.OrderID, other.line.OrderID), cmp.Compare(p.line.Line, other.line.Line))
}

// addWaiting stores a line that waits. An older entry of the line is replaced.
func (p *product) addWaiting(a allocation.Allocation) {
	p.removeWaiting(a.Key())
	p.waiting[a.Key()] = a
	p.queue.insert(placeOf(a))
	if !a.NeededBy.IsZero() {
		p.needed.insert(neededLine{a.NeededBy, a.Key()})
	}
	lines := p.byOrder[a.OrderID]
	at, _ := slices.BinarySearch(lines, a.Line)
	p.byOrder[a.OrderID] = slices.Insert(lines, at, a.Line)
}

// removeWaiting deletes a line that waits. A line that doesn't wait is left out without an error.
func (p *product) removeWaiting(key allocation.LineKey) {
	a, waits := p.waiting[key]
	if !waits {
		return
	}
	delete(p.waiting, key)
	p.queue.remove(placeOf(a))
	p.needed.remove(neededLine{a.NeededBy, key})
	lines := slices.DeleteFunc(p.byOrder[key.OrderID], func(line allocation.LineID) bool { return line == key.Line })
	if p.byOrder[key.OrderID] = lines; len(lines) == 0 {
		delete(p.byOrder, key.OrderID)
	}
}

// applyWaiting writes the changes of the lines that wait.
func (p *product) applyWaiting(c allocation.Changes) {
	p.serving = c.Serving
	for _, key := range c.EndedWaiting {
		p.removeWaiting(key)
	}
	for _, lines := range [][]allocation.Allocation{c.Waiting, c.NewWaiting} {
		for _, l := range lines {
			p.addWaiting(l)
		}
	}
}

// cloneWaiting gives p its own memory of the lines that wait.
func (p *product) cloneWaiting() {
	p.waiting, p.queue, p.needed = maps.Clone(p.waiting), p.queue.clone(), p.needed.clone()
	p.byOrder = maps.Clone(p.byOrder)
	for order, lines := range p.byOrder {
		p.byOrder[order] = slices.Clone(lines)
	}
}

// hasOrder reports whether any line of the order has units or waits.
func (p *product) hasOrder(order allocation.OrderID) bool {
	return p.lines[order] != nil || len(p.byOrder[order]) > 0
}

// addQueue adds the page of the lines that wait, if the query asks for the page, and what a State says of all lines
// that wait.
func (b *stateBuilder) addQueue(q allocation.Query) {
	b.state.AnyWaiting, b.state.Serving = len(b.product.waiting) > 0, b.product.serving
	if q.Due {
		b.state.FirstNeeded = b.product.firstNeeded(q)
	}
	switch {
	case q.Waiting && q.Due:
		b.addOverdue(q)
	case q.Waiting:
		b.addPage(q)
	}
}

// firstNeeded returns the earliest NeededBy of the lines that wait and are due behind q.After; zero for none.
func (p *product) firstNeeded(q allocation.Query) time.Time {
	for n := range p.needed.from(func(n neededLine) bool { return isBehind(n.due(), p.sku, q) }) {
		return n.by
	}
	return time.Time{}
}

// due returns when the sweep has to look at the line.
func (n neededLine) due() time.Time { return overdue(n.by) }

// overdue returns the first moment after the given time.
func overdue(by time.Time) time.Time { return by.Add(time.Microsecond) }

// isBehind reports whether something of a product that is due at the given time comes behind q.After.
func isBehind(at time.Time, sku allocation.SKU, q allocation.Query) bool {
	return at.After(q.After.At) || at.Equal(q.After.At) && sku > q.After.SKU
}

// addOverdue adds the first q.Limit lines that wait although NeededBy has passed.
func (b *stateBuilder) addOverdue(q allocation.Query) {
	left := q.Limit
	for n := range b.product.needed.all() {
		if !n.by.Before(q.Now) {
			break
		}
		if left == 0 {
			b.state.MoreWaiting = true
			break
		}
		left--
		b.addOrder(n.line.OrderID)
	}
}

// addPage adds the first q.Limit lines that wait at q.From or behind.
func (b *stateBuilder) addPage(q allocation.Query) {
	left := q.Limit
	from := func(p place) bool {
		return p.priority < q.From.Priority || p.priority == q.From.Priority && p.sequence >= q.From.Sequence
	}
	var last allocation.Rank
	for p := range b.product.queue.from(from) {
		if left == 0 {
			b.state.MoreWaiting, b.state.WaitingTo = true, last
			break
		}
		left--
		b.addOrder(p.line.OrderID)
		last = allocation.Rank{Priority: p.priority, Sequence: p.sequence}
	}
}

// addWaiting adds the lines of an order that wait.
func (b *stateBuilder) addWaiting(order allocation.OrderID) {
	lines := b.product.byOrder[order]
	if len(lines) == 0 || b.waiting[order] {
		return
	}
	if b.waiting == nil {
		b.waiting = map[allocation.OrderID]bool{}
	}
	b.waiting[order] = true
	for _, line := range lines {
		key := allocation.LineKey{OrderID: order, SKU: b.product.sku, Line: line}
		b.state.Waiting = append(b.state.Waiting, b.product.waiting[key])
	}
}
