package torture

import (
	"iter"

	"github.com/cosmic-go/allocation"
)

// stockOf is a batch with units that a line may take.
type stockOf struct {
	*account
	units allocation.Quantity
}

// checkTurn finds a line that is given units out of turn: another line that comes first would have taken the units that
// were free just before, under its own terms. A line that did not wait comes after every line that waits. The policy
// decides only which batch a line gets, and the free units are those that the policy left.
func (b *books) checkTurn(c *commit, key allocation.LineKey, l lineState, waited bool) {
	if len(b.queues[c.sku]) == 0 && len(c.lines) == 0 {
		return
	}
	var free []stockOf
	for other, o := range b.inLine(c) {
		if other == key || waited && !o.comesBefore(l) {
			continue
		}
		if free == nil {
			free = append(b.unpromised(c), b.lapsed(c)...)
		}
		if b.takes(c, o, free) {
			b.report.fault(jumped, "%+v was given units at %s, event %d, before %+v, in line since event %d with "+
				"priority %d, which waits for %d", key, c.at, c.number, other, o.place, o.terms.Priority, o.waiting)
			return
		}
	}
}

// judgeServed finds units that a commit left although somebody in line would take them; c is the last command of the
// commit. A commit that served a page of lines, or left further lapsed holds, may leave the rest of the line to the
// next commit. With more lapsed holds than a page the commit can't tell whether further holds have lapsed: the page may
// bring other lapsed lines of the same orders.
func (b *books) judgeServed(c *commit, served, lapsed int) {
	if served >= smallPage || lapsed > smallPage || len(b.queues[c.sku]) == 0 || len(b.lapsed(c)) > 0 {
		return
	}
	free := b.unpromised(c)
	for key, l := range b.inLine(c) {
		if b.takes(c, l, free) {
			b.report.fault(unserved, "%+v still waits for %d after %s, event %d, with units free",
				key, l.waiting, c.at, c.number)
			return
		}
	}
}

// comesBefore says that a line is served before another: the higher priority first, and then the older line.
func (l lineState) comesBefore(other lineState) bool {
	if l.terms.Priority != other.terms.Priority {
		return l.terms.Priority > other.terms.Priority
	}
	return l.place < other.place
}

// queue notes whether a line waits.
func (b *books) queue(key allocation.LineKey, l lineState) {
	if l.waiting == 0 {
		delete(b.queues[key.SKU], key)
		return
	}
	if b.queues[key.SKU] == nil {
		b.queues[key.SKU] = map[allocation.LineKey]bool{}
	}
	b.queues[key.SKU][key] = true
}

// inLine iterates over the lines that wait for the product in the middle of a commit, in no order.
func (b *books) inLine(c *commit) iter.Seq2[allocation.LineKey, lineState] {
	return func(yield func(allocation.LineKey, lineState) bool) {
		for key, l := range c.lines {
			if l.waiting > 0 && !yield(key, l) {
				return
			}
		}
		for key := range b.queues[c.sku] {
			if _, touched := c.lines[key]; !touched && !yield(key, b.lines[key].now()) {
				return
			}
		}
	}
}

// unpromised lists the batches with units that are not promised in the middle of a commit.
func (b *books) unpromised(c *commit) []stockOf {
	free := []stockOf{}
	for _, a := range b.stock[c.sku] {
		if a.purchased > a.allocated {
			free = append(free, stockOf{a, a.purchased - a.allocated})
		}
	}
	return free
}

// lapsed lists the units of lapsed holds of which the ledger doesn't say yet that they have lapsed.
func (b *books) lapsed(c *commit) (free []stockOf) {
	for key := range b.held {
		l := b.lines[key].now()
		if now, touched := c.lines[key]; touched {
			l = now
		}
		if key.SKU != c.sku || !l.lapsed(c.at) {
			continue
		}
		for _, p := range l.parts {
			free = append(free, stockOf{b.batches[p.Batch], p.Quantity - p.Shipped})
		}
	}
	return free
}

// takes says that a line which waits would take units under its terms. Clocks of clients differ: a batch that was too
// late for the line by an earlier commit's clock stays too late.
func (b *books) takes(c *commit, l lineState, free []stockOf) bool {
	at := c.at
	if latest := b.latest[c.sku]; latest.After(at) {
		at = latest
	}
	if l.terms.passed(at) {
		return false // nobody serves the line any more
	}
	units := map[allocation.BatchRef]allocation.Quantity{}
	var most, sum allocation.Quantity
	for _, f := range free {
		if f.serves(l.terms, at) {
			units[f.ref] += f.units
			most, sum = max(most, units[f.ref]), sum+f.units
		}
	}
	if l.terms.Split {
		most = sum
	}
	return most >= l.waiting || l.terms.Partial && most > 0
}
