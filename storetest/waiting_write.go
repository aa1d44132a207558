package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

var waitingValueRows = []row{
	{"a line that waits keeps its quantity and its terms", "the terms decide which units the line is given (R14, R15)",
		waitingTerms},
	{"a changed line that waits has the new quantity and terms, and others stay as before",
		"a line would be given more or fewer units than wanted", waitingChanged},
	{"Serving is kept until the next commit with NewServing", "lines would be passed over (R15)", waitingServing},
}

var waitingCommitRows = []row{
	{"a line of NewWaiting that waits already is ErrDuplicate, and nothing is written",
		"the older line would lose its place in the queue", waitingTwice},
	{"a line begins and ends to wait in the commits that give and take its units",
		"a unit would be promised while the line still waits for the unit, or lost (R4)", waitingMoves},
	{"changes of lines that wait are written with the others or not at all",
		"a lost race must not change the queue", waitingAtomic},
	{rowManyWaiting, "lines beyond a page would wait for ever, or be given units twice", waitingMany},
}

const rowManyWaiting = "one commit may have many lines that begin to wait, that change and that wait no longer"

// fullWaiters are lines that wait with values in all fields.
func fullWaiters() []allocation.Allocation {
	full := []allocation.Allocation{
		waiter(allocation.OrderID(longest), mostUnits, -32_768, 1<<53),
		waiter("o2", 1, 32_767, 3), waiter("o3", 7, 0, 4),
	}
	full[0].Line, full[0].Location = allocation.LineID(longest), allocation.Location(longest)
	full[0].NeededBy, full[0].FreshUntil = noon.Add(123_457*time.Microsecond), lastTime
	full[0].HoldFor, full[0].HandedFrom = time.Microsecond, "cart-9"
	full[1].Wanted, full[1].Split, full[1].Partial = mostUnits, true, true
	full[1].NeededBy, full[1].FreshUntil = lastTime, noon
	full[1].HandedFrom = allocation.OrderID(longest)
	full[2].HoldFor, full[2].Split = 100*365*24*time.Hour+123_457*time.Microsecond, true
	full[2].Line = `it's "wet" \`
	return full
}

// wantWaiters loads each line by its order and compares all fields.
func (b *bench) wantWaiters(want ...allocation.Allocation) {
	b.Helper()
	for _, a := range want {
		q := of("apple", a.OrderID)
		b.wantWaiting(b.state(q), q, a)
	}
}

func waitingTerms(b *bench) {
	b.announce("apple", stock("a1", 9))
	full := fullWaiters()
	b.wait(full[0]) // a single line
	b.wait(full[1:]...)
	b.wantWaiters(full...)
}

func waitingChanged(b *bench) {
	b.announce("apple", stock("a1", 9))
	full := fullWaiters()
	before := []allocation.Allocation{waiter("o1", 9, 0, 3), waiter("o4", 8, 0, 4), waiter("o5", 7, 0, 5)}
	b.wait(before...)
	for i, a := range full {
		after := a
		after.OrderLine, after.Sequence = before[0].OrderLine, int64(100+i)
		b.queue(func(c *allocation.Changes) {
			c.Waiting = []allocation.Allocation{after}
			c.NewWaiting = []allocation.Allocation{a}
		})
		b.wantWaiters(after, before[1], before[2], a)
		q := pageOf(placeOf(after), 1)
		b.wantWaiting(b.state(q), q, after)
	}
	b.queue(func(c *allocation.Changes) {
		c.Waiting = []allocation.Allocation{dated(before[1], minute(1)), before[0]}
		c.EndedWaiting = []allocation.LineKey{before[2].Key(), full[0].Key()}
	})
	b.wantWaiters(dated(before[1], minute(1)), before[0], full[1])
	q := of("apple", "o5", full[0].OrderID)
	b.wantWaiting(b.state(q), q)
}

func waitingServing(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 9))
	b.wait(waiter("o1", 1, 0, 10)) // if nobody waits, a product ends the serving
	for _, serving := range []allocation.Rank{{Priority: -32_768, Sequence: 1 << 53}, front, {}, {Sequence: 1}} {
		both := []allocation.Changes{
			b.queued(func(c *allocation.Changes) { c.Serving, c.NewServing = serving, true }),
			b.decide(of("pear"), func(p *allocation.Product) error { return p.SetLowStock(1+p.LowStock(), noon) }),
		}
		b.commit(both...)
		b.queue(func(*allocation.Changes) {}) // writes no Serving
		if got := b.state(of("apple")).Serving; got != serving {
			b.errorf("Serving = %+v, want %+v", got, serving)
		}
		if got := b.state(of("pear")).Serving; got != (allocation.Rank{}) {
			b.errorf("Serving of another product in the same commit = %+v, want none", got)
		}
	}
}

func waitingTwice(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.wait(waiter("o1", 3, 5, 7))
	for _, further := range [][]allocation.Allocation{nil, {waiter("o2", 1, 0, 9)}} {
		lines := append(slices.Clone(further), waiter("o1", 4, 0, 8))
		c := b.queued(func(c *allocation.Changes) { c.NewWaiting = lines })
		before := b.state(pageOf(front, plenty))
		b.wantError(b.try(c), allocation.ErrDuplicate, "Commit of a line that waits already")
		b.wantStates([]allocation.State{b.state(pageOf(front, plenty))}, []allocation.State{before}, "the product")
	}
	kit := waiter("o1", 4, 0, 8)
	kit.Line = "kit"
	b.wait(kit) // another line of the order
}

func waitingMoves(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.wait(waiter("o1", 3, 0, 7), waiter("o2", 2, 0, 8))
	page := pageOf(front, plenty)
	given := b.allocation("apple", firm("o9", 3))
	l := b.lineIn(given.NewLines, 0)
	l.OrderID, l.MayWait = "o1", true
	given.EndedWaiting = []allocation.LineKey{waiter("o1", 3, 0, 7).Key()}
	b.commit(given)
	s := b.state(of("apple", "o1"))
	b.wantWaiting(s, of("apple", "o1"))
	b.wantLines(s, of("apple", "o1"), "o1")
	b.wantWaiting(b.state(page), page, waiter("o2", 2, 0, 8))
	back := b.cancellation("apple", "o1")
	back.NewWaiting = []allocation.Allocation{waiter("o1", 3, 0, 7)}
	b.commit(back)
	s = b.state(ofOrder("o1"))
	b.wantWaiting(s, ofOrder("o1"), waiter("o1", 3, 0, 7))
	b.wantLines(s, ofOrder("o1"))
	b.wantWaiting(b.state(page), page, waiter("o1", 3, 0, 7), waiter("o2", 2, 0, 8))
}

func waitingAtomic(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.wait(waiter("o1", 3, 0, 7), waiter("o2", 2, 0, 8))
	c := b.queued(func(c *allocation.Changes) {
		c.NewWaiting = []allocation.Allocation{waiter("o3", 1, 0, 9)}
		c.Waiting = []allocation.Allocation{waiter("o2", 9, 0, 8)}
		c.EndedWaiting = []allocation.LineKey{waiter("o1", 3, 0, 7).Key()}
		c.Serving, c.NewServing = front, true
	})
	b.queue(func(*allocation.Changes) {}) // wins the race
	before := b.state(pageOf(front, plenty))
	b.wantError(b.try(c), allocation.ErrConflict, "Commit of an outdated product")
	b.wantStates([]allocation.State{b.state(pageOf(front, plenty))}, []allocation.State{before}, "the product")
}

func waitingMany(b *bench) {
	const n = 120 // of each kind
	b.announce("apple", stock("a1", 9))
	orders := named[allocation.OrderID]("order", 3*n)
	lines := make([]allocation.Allocation, len(orders))
	for i, order := range orders {
		lines[i] = waiter(order, allocation.Quantity(i+1), 0, int64(i+5))
	}
	b.wait(lines[:2*n]...)
	page, all := pageOf(front, plenty), of("apple", orders...)
	b.wantWaiting(b.state(page), page, lines[:2*n]...)
	b.queue(func(c *allocation.Changes) {
		for i, l := range lines[:n] {
			c.EndedWaiting = append(c.EndedWaiting, l.Key())
			lines[n+i].Waiting, lines[n+i].Wanted = 1000, 1000
		}
		c.Waiting, c.NewWaiting = lines[n:2*n], lines[2*n:]
	})
	b.wantWaiting(b.state(page), page, lines[n:]...)
	b.wantWaiting(b.state(all), all, lines[n:]...)
}
