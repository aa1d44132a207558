package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

var waitingLoadRows = []row{
	{"lines that wait come with the orders that a query asks for, and an order that only waits has the product",
		"a line that waits must be found by Cancel, and by a repeat, which would wait twice", waitingOfOrders},
	{"a line that has units and waits for others is in Lines and in Waiting, whatever brings the line",
		"a hold that lapses, or a line that is cut, would keep or lose its place in the queue", waitingBesideUnits},
	{"AnyWaiting says whether lines of the product wait, and Serving is as committed last",
		"a walk-in would be given units before the queue", waitingAny},
	{"a page of Waiting begins at From, has at most Limit lines, and says whether there are more",
		"a line that was left out would be passed over, and others served before (R15)", waitingPages},
	{"the order of serving is the highest Priority first, then the lowest Sequence",
		"whoever came first gets the units (R15)", waitingOrder},
	{"a page of Waiting comes with the units of its lines",
		"a line that is given further units would lose the units that it has", waitingUnits},
	{"Due and Waiting bring the lines whose NeededBy has passed, the earliest first",
		"lines would wait for ever, or be dropped too early", waitingOverdue},
	{"a query by Due brings products whose lines wait too long, and products whose serving has to go on",
		"the sweep must find the lines, or nobody tells the customers", waitingDue},
}

// waiter is a line of "apple" that waits for so many units.
func waiter(order allocation.OrderID, units allocation.Quantity, priority int, sequence int64) allocation.Allocation {
	return allocation.Allocation{
		OrderLine: allocation.OrderLine{OrderID: order, SKU: "apple"},
		Waiting:   units, Wanted: units, MayWait: true, Priority: priority, Sequence: sequence,
	}
}

// queue commits a change of "apple" together with an event.
func (b *bench) queue(change func(c *allocation.Changes)) {
	b.Helper()
	b.commit(b.queued(change))
}

// queued returns a change of "apple" together with an event, uncommitted.
func (b *bench) queued(change func(c *allocation.Changes)) allocation.Changes {
	b.Helper()
	c := b.decide(of("apple"), func(p *allocation.Product) error {
		return p.SetLowStock(allocation.Quantity(100+p.Version()), noon)
	})
	change(&c)
	return c
}

// wait lets lines of "apple" wait.
func (b *bench) wait(lines ...allocation.Allocation) {
	b.Helper()
	b.queue(func(c *allocation.Changes) { c.NewWaiting = lines })
}

// wantWaiting checks that a state has exactly the wanted lines that wait, with all terms.
func (b *bench) wantWaiting(s allocation.State, q allocation.Query, want ...allocation.Allocation) {
	b.Helper()
	got := describe(allocation.State{SKU: s.SKU, Waiting: s.Waiting})
	if d := difference(got, describe(allocation.State{SKU: s.SKU, Waiting: want})); d != "" {
		b.errorf("lines of %q that wait after Load(%s) differ:%s", s.SKU, shown(q), d)
	}
}

// pageOf asks for a page of the lines of "apple" that wait.
func pageOf(from allocation.Rank, limit int) allocation.Query {
	q := first(limit, of("apple"))
	q.Waiting, q.From = true, from
	return q
}

// front is the place before every line that waits.
var front = allocation.Rank{Priority: 32_767, Sequence: 1}

func waitingOfOrders(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 9))
	b.allocate("pear", firm("o1", 1))
	one, two := waiter("o1", 3, 0, 5), waiter("o2", 4, 0, 6)
	kit := waiter("o1", 5, 1, 7)
	kit.Line = "kit"
	b.wait(one, two, kit)
	for q, want := range map[*allocation.Query][]allocation.Allocation{
		ptr(of("apple")): nil, ptr(of("apple", "o1")): {one, kit}, ptr(of("apple", "o3", "o2", "o1")): {one, kit, two},
		ptr(of("apple", "o2", "o2")): {two}, ptr(ofBatch("a1")): nil, ptr(ofBatch("a1", "o2")): {two},
		ptr(ofOrder("o2")): {two}, ptr(ofOrder("o2", "o1")): {two, one, kit},
	} {
		b.wantWaiting(b.state(*q), *q, want...)
	}
	b.wantSKUs(b.load(ofOrder("o1")), ofOrder("o1"), "apple", "pear")
	b.wantSKUs(b.load(ofOrder("o1", "o2")), ofOrder("o1", "o2"), "apple", "pear")
	b.queue(func(c *allocation.Changes) { c.EndedWaiting = []allocation.LineKey{one.Key(), two.Key()} })
	b.wantSKUs(b.load(ofOrder("o2")), ofOrder("o2"))
	b.wantSKUs(b.load(ofOrder("o1")), ofOrder("o1"), "apple", "pear")
}

func ptr(q allocation.Query) *allocation.Query { return &q }

func waitingBesideUnits(b *bench) {
	b.announce("apple", stock("a1", 9))
	lapsing := held("o1", 2, minute(1))
	c := b.allocation("apple", lapsing, firm("o2", 2))
	rest := waiter("o1", 3, 0, 50)
	other := waiter("o2", 4, 0, 51)
	other.Line = "kit"
	given := b.lineIn(c.NewLines, 0)
	given.Wanted, given.MayWait = 5, true
	rest.Wanted, rest.Sequence = 5, given.Sequence
	c.NewWaiting = []allocation.Allocation{rest, other}
	b.commit(c)
	for _, q := range []allocation.Query{at(minute(1), of("apple")), ofLapsed(minute(1)), of("apple", "o1")} {
		s := b.state(q)
		b.wantWaiting(s, q, rest)
		b.wantLines(s, q, "o1")
	}
	s := b.state(ofBatch("a1"))
	b.wantWaiting(s, ofBatch("a1"), rest, other)
	b.wantLines(s, ofBatch("a1"), "o1", "o2")
	limited := first(1, ofBatch("a1")) // of the two lines the hold leaves first
	b.wantWaiting(b.state(limited), limited, rest)
	if got := b.lineOf(s, "o1"); got.Waiting != 0 || got.Wanted != 5 || !got.MayWait {
		b.errorf("the line with units = %s, want Wanted 5, MayWait, and no Waiting", describeLine(got))
	}
}

func waitingAny(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 9))
	serving := allocation.Rank{Priority: -3, Sequence: 7}
	b.queue(func(c *allocation.Changes) {
		c.NewWaiting = []allocation.Allocation{waiter("o1", 3, -3, 7)}
		c.Serving, c.NewServing = serving, true
	})
	for _, q := range []allocation.Query{
		of("apple"), ofBatch("a1"), ofOrder("o1"), pageOf(front, 1), ofSKUs("apple", "pear"),
	} {
		for _, s := range b.load(q) {
			apple := s.SKU == "apple"
			if s.AnyWaiting != apple || (s.Serving == serving) != apple {
				b.errorf("Load(%s) of %q: AnyWaiting %t, Serving %+v; only apple has a line that waits",
					shown(q), s.SKU, s.AnyWaiting, s.Serving)
			}
		}
	}
	b.queue(func(c *allocation.Changes) {
		c.EndedWaiting = []allocation.LineKey{waiter("o1", 3, -3, 7).Key()}
		c.Serving, c.NewServing = allocation.Rank{}, true
	})
	if s := b.state(of("apple")); s.AnyWaiting || s.Serving != (allocation.Rank{}) {
		b.errorf("after the last line: AnyWaiting %t, Serving %+v, want neither", s.AnyWaiting, s.Serving)
	}
}

// crowd lets lines of several priorities wait, and returns them in the order of serving.
func (b *bench) crowd() []allocation.Allocation {
	b.Helper()
	b.announce("apple", stock("a1", 9))
	var lines []allocation.Allocation
	for i, priority := range []int{0, 7, -1, 7, 0, 32_767, -32_768, 0} {
		order := allocation.OrderID(fmt.Sprintf("o%d", 9-i)) // the order of the names is another one
		lines = append(lines, waiter(order, allocation.Quantity(i+1), priority, int64(10+i)))
	}
	b.wait(lines[3:]...)
	b.wait(lines[:3]...)
	slices.SortFunc(lines, func(x, y allocation.Allocation) int {
		return cmp.Or(cmp.Compare(y.Priority, x.Priority), cmp.Compare(x.Sequence, y.Sequence))
	})
	return lines
}

// placeOf returns the place of a line in the queue.
func placeOf(a allocation.Allocation) allocation.Rank {
	return allocation.Rank{Priority: a.Priority, Sequence: a.Sequence}
}

func waitingPages(b *bench) {
	lines := b.crowd()
	for start := range lines {
		for limit := 1; limit <= len(lines)+1; limit++ {
			from := placeOf(lines[start])
			if start == 0 {
				from = front
			}
			end := min(start+limit, len(lines))
			q := pageOf(from, limit)
			s := b.state(q)
			b.wantWaiting(s, q, lines[start:end]...)
			var to allocation.Rank
			if end < len(lines) {
				to = placeOf(lines[end-1])
			}
			if s.MoreWaiting != (end < len(lines)) || s.WaitingTo != to {
				b.errorf("Load(%s) from %+v: MoreWaiting %t to %+v, want %t to %+v",
					shown(q), from, s.MoreWaiting, s.WaitingTo, end < len(lines), to)
			}
		}
	}
}

func waitingOrder(b *bench) {
	lines := b.crowd()
	for i, a := range lines[1:] {
		behind := placeOf(lines[i])
		behind.Sequence++
		q := pageOf(behind, 1)
		b.wantWaiting(b.state(q), q, a)
	}
	last := placeOf(lines[len(lines)-1])
	last.Sequence++
	q := pageOf(last, 1)
	b.wantWaiting(b.state(q), q)
}

func waitingUnits(b *bench) {
	b.announce("apple", stock("a1", 9), stock("a2", 9))
	c := b.allocation("apple", split("o1", 12), firm("o2", 1))
	given := b.lineIn(c.NewLines, 0)
	given.Wanted, given.Partial, given.MayWait = 15, true, true
	rest := waiter("o1", 3, 0, given.Sequence)
	rest.Wanted, rest.Split, rest.Partial = 15, true, true
	c.NewWaiting = []allocation.Allocation{rest, waiter("o3", 2, 0, 99)}
	b.commit(c)
	q := pageOf(front, 1)
	s := b.state(q)
	b.wantWaiting(s, q, rest)
	b.wantLines(s, q, "o1")
	if got, want := describeLine(b.lineOf(s, "o1")), describeLine(*given); got != want {
		b.errorf("the line of the page = %s, want %s", got, want)
	}
	b.wantBatches(s, q, "a1", "a2")
}

// dated returns the line with a NeededBy.
func dated(a allocation.Allocation, by time.Time) allocation.Allocation {
	a.NeededBy = by
	return a
}

func waitingOverdue(b *bench) {
	b.announce("apple", stock("a1", 9))
	lines := []allocation.Allocation{
		dated(waiter("o3", 1, 0, 10), minute(1)), dated(waiter("o1", 1, 9, 11), minute(2)),
		dated(waiter("o2", 1, 0, 12), minute(2)), dated(waiter("o4", 1, 0, 13), minute(9)),
	}
	b.wait(append(lines, waiter("o5", 1, 0, 14))...)
	page := func(now time.Time, limit int) allocation.Query {
		q := at(now, first(limit, of("apple")))
		q.Waiting, q.Due = true, true
		return q
	}
	for limit := 1; limit <= 4; limit++ {
		q := page(minute(3), limit)
		s := b.state(q)
		b.wantWaiting(s, q, lines[:min(limit, 3)]...)
		if s.MoreWaiting != (limit < 3) || s.FirstNeeded != minute(1) {
			b.errorf("Load(%s): MoreWaiting %t, FirstNeeded %s, want %t and %s",
				shown(q), s.MoreWaiting, moment(s.FirstNeeded), limit < 3, moment(minute(1)))
		}
	}
	q := page(minute(1), 9)
	b.wantWaiting(b.state(q), q)
	q = page(minute(1).Add(time.Microsecond), 9)
	b.wantWaiting(b.state(q), q, lines[0])
}

func waitingDue(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 9))
	b.announce("fig", stock("f1", 9))
	b.allocate("fig", held("o9", 1, minute(3)))
	b.wait(dated(waiter("o1", 1, 0, 10), minute(5)), dated(waiter("o2", 1, 0, 11), minute(2)), waiter("o3", 1, 0, 12))
	microsecond := time.Microsecond
	apple, fig := minute(2).Add(microsecond), allocation.Turn{At: minute(3), SKU: "fig"}
	b.wantTurns(ofDue(minute(2), allocation.Turn{}), nil)
	b.wantTurns(ofDue(apple, allocation.Turn{}), []allocation.Turn{{SKU: "apple"}})
	b.wantTurns(ofDue(minute(9), allocation.Turn{}), []allocation.Turn{{SKU: "apple"}, fig})
	b.wantTurns(ofDue(minute(9), allocation.Turn{At: apple, SKU: "apple"}), []allocation.Turn{fig, {SKU: "apple"}})
	b.wantTurns(ofDue(minute(9), allocation.Turn{At: minute(5).Add(microsecond), SKU: "apple"}), nil)
	b.queue(func(c *allocation.Changes) {
		c.Serving, c.NewServing = placeOf(waiter("o1", 1, 0, 10)), true
		c.EndedWaiting = []allocation.LineKey{waiter("o2", 1, 0, 11).Key()}
	})
	b.wantTurns(ofDue(noon, allocation.Turn{}), []allocation.Turn{{SKU: "apple"}})
	b.wantTurns(ofDue(noon, allocation.Turn{SKU: "apple"}), nil)
	b.wantTurns(first(1, ofDue(minute(3), allocation.Turn{})), []allocation.Turn{{SKU: "apple"}})
	b.wantTurns(ofDue(minute(3), allocation.Turn{SKU: "apple"}), []allocation.Turn{fig})
	b.wantTurns(ofDue(minute(9), allocation.Turn{SKU: "b"}), []allocation.Turn{fig, {SKU: "apple"}})
}
