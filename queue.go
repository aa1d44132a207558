package allocation

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// queue brings the commands of a Service together that touch the same products, so that one commit serves
// many of them (group commit), and so that callers in one process don't race each other.
//
// While a group with a product is under way, commands for that product wait; the next group takes all that
// wait. There is no goroutine of the queue's own: a caller leads its group, finishes it, and hands the lead on. A
// command that has to wait for one product claims all of its products, so that narrow commands that come
// later don't keep a wide one waiting for ever.
type queue struct {
	unit *unit
	kept *kept

	mu      sync.Mutex
	waiting []*entry         // in the order of their arrival; those who went away stay for a while
	gone    int              // how many of waiting went away
	claims  map[SKU]int      // how many of waiting need a product
	busy    map[SKU]struct{} // products of the groups under way
	groups  []*group         // under way, or told to begin
	names   map[SKU]int      // how many entries have a name
	company bool             // the last group to end had several callers
}

const (
	// maxGroups is how many groups, of different products, are under way at a time. The second one hides the
	// round trip of a commit; with many, groups would be small again.
	maxGroups = 2

	// maxGroup is the most lines that are committed together, unless a single command has more.
	maxGroup = 512
)

func newQueue(u *unit, keep int) *queue {
	return &queue{unit: u, kept: newKept(keep), claims: map[SKU]int{}, busy: map[SKU]struct{}{}, names: map[SKU]int{}}
}

// undecidedError is the error of a call that the last attempt didn't come to, or that its caller left.
type undecidedError struct{ error }

// pass brings an entry through that has entered. An error is the outcome of all its calls, which nobody may look at then.
func (q *queue) pass(e *entry, leading bool) error {
	if leading {
		q.lead(e)
		return nil
	}
	select {
	case <-e.signal:
	case <-e.ctx.Done():
		if over, err := q.leave(e); over {
			return err
		}
	}
	if e.state == leads { // nobody else changes it any more
		e.ahead = nil // others have come in between
		q.lead(e)
	}
	return nil
}

// enter reports whether the entry leads at once; otherwise it is in the queue.
func (q *queue) enter(e *entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.follow(e)
	if e.name != "" {
		q.names[e.name]++
		e.need(e.name)
	}
	if len(q.groups) < maxGroups && q.free(e) {
		q.begin(e)
		return true
	}
	e.state, e.signal = waits, make(chan struct{}, 1)
	q.waiting = append(q.waiting, e)
	q.claim(e, 1)
	return false
}

// follow lets an entry that looks for an order or a batch wait for those that may be about to place or announce it, and those
// for the ones that look for it: a caller who left can take back what it doesn't know the outcome of, and what it left takes
// nothing that comes later.
func (q *queue) follow(e *entry) {
	for _, mine := range e.calls {
		if mine.order != "" || mine.batch != "" {
			for _, other := range q.underWay() {
				if other.concerns(mine.command) {
					e.need(other.skus...)
				}
			}
		}
		if len(q.names) == 0 || len(mine.skus) == 0 {
			continue
		}
		for _, order := range mine.orders {
			q.await(e, orderName(order))
		}
		if mine.batch != "" {
			q.await(e, batchName(mine.batch))
		}
	}
}

func (q *queue) await(e *entry, name SKU) {
	if q.names[name] > 0 {
		e.need(name)
	}
}

// forget takes the name of an entry off that is through.
func (q *queue) forget(e *entry) {
	if e.name == "" {
		return
	}
	if q.names[e.name]--; q.names[e.name] == 0 {
		delete(q.names, e.name)
	}
}

// underWay lists all calls that have no outcome yet.
func (q *queue) underWay() (calls []*call) {
	for _, g := range q.groups {
		calls = append(calls, g.calls...)
	}
	for _, e := range q.waiting {
		if e.state == waits {
			calls = append(calls, e.calls...)
		}
	}
	return calls
}

// free reports whether nobody has or waits for any product of an entry.
func (q *queue) free(e *entry) bool {
	for _, sku := range e.skus {
		if _, busy := q.busy[sku]; busy || q.claims[sku] > 0 {
			return false
		}
	}
	return true
}

func (q *queue) claim(e *entry, n int) {
	for _, sku := range e.skus {
		if q.claims[sku] += n; q.claims[sku] == 0 {
			delete(q.claims, sku)
		}
	}
}

// begin gives an entry the lead of a group with its own products.
func (q *queue) begin(e *entry) {
	g := &group{queue: q, calls: e.calls, skus: e.skus, leader: [1]*entry{e}, live: 1}
	g.entries = g.leader[:]
	e.state, e.group = leads, g
	q.groups = append(q.groups, g)
	for _, sku := range e.skus {
		q.busy[sku] = struct{}{}
	}
}

// end gives the products of a group back, and hands the lead on.
func (q *queue) end(g *group) {
	q.groups = slices.DeleteFunc(q.groups, func(other *group) bool { return other == g })
	for _, sku := range g.skus {
		delete(q.busy, sku)
	}
	q.handOn()
}

// handOn tells as many entries to lead as can. An entry that was told is in no queue any more, so that it can't
// be told twice: the second lead would be lost.
func (q *queue) handOn() {
	if len(q.waiting) == q.gone || len(q.groups) >= maxGroups {
		return
	}
	claimed := map[SKU]struct{}{}
	q.sweep(func(e *entry) (stays bool) {
		if len(q.groups) >= maxGroups || !q.startable(e, claimed, nil) {
			claimAll(claimed, e.skus)
			return true
		}
		q.claim(e, -1)
		q.begin(e)
		e.signal <- struct{}{}
		return false
	})
}

// sweep asks of every waiting entry whether it stays, and forgets those who went away.
func (q *queue) sweep(stays func(e *entry) bool) {
	still := q.waiting[:0]
	for _, e := range q.waiting {
		if e.state == waits && stays(e) {
			still = append(still, e)
		}
	}
	clear(q.waiting[len(still):])
	q.waiting, q.gone = still, 0
}

func claimAll(claimed map[SKU]struct{}, skus []SKU) {
	for _, sku := range skus {
		claimed[sku] = struct{}{}
	}
}

// startable reports whether no product of an entry is claimed by those before it, or busy in another group than own.
func (q *queue) startable(e *entry, claimed, own map[SKU]struct{}) bool {
	for _, sku := range e.skus {
		if _, before := claimed[sku]; before {
			return false
		}
		if _, busy := q.busy[sku]; busy {
			if _, mine := own[sku]; !mine {
				return false
			}
		}
	}
	return true
}

// leave is for a caller whose context has ended. It reports false if its calls have their outcome already.
func (q *queue) leave(e *entry) (over bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ended := e.ctx.Err()
	switch e.state {
	case waits:
		e.state = left
		q.gone++
		q.claim(e, -1)
		q.forget(e)
		if q.startable(e, nil, nil) { // else the group that it waited for hands on
			q.handOn()
		}
		return true, ended
	case leads:
		q.forget(e)
		q.end(e.group)
		return true, ended
	case taken:
		e.state = left
		e.group.leave()
		return true, &undecidedError{&Error{
			Op: e.calls[0].op, Field: "context", Value: "ended while the commit was under way",
			Err: fmt.Errorf("%w: %w", ErrUnknownOutcome, ended),
		}}
	default:
		return false, nil
	}
}

// lead takes all that can come along, and brings the group through.
func (q *queue) lead(e *entry) {
	g := e.group
	defer q.finish(g)
	if e.instead != nil {
		e.instead()
		g.over = true
		return
	}
	if q.crowded() {
		for range 3 { // lets those who are about to come come along (measured: a quarter more under load)
			runtime.Gosched()
		}
	}
	q.gather(g)
	g.run()
}

// crowded reports whether anybody else is here, or may be about to come back. A lone caller has nobody to yield to, and would wake another thread.
func (q *queue) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.company || len(q.groups) > 1 || len(q.waiting) > q.gone
}

// gather takes entries from the queue into a group: those whose products are free or the group's own.
func (q *queue) gather(g *group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == q.gone {
		return
	}
	own, claimed := map[SKU]struct{}{}, map[SKU]struct{}{}
	claimAll(own, g.skus)
	g.calls = slices.Clip(g.calls)
	lines := linesOf(g.calls)
	q.sweep(func(e *entry) (stays bool) {
		size := linesOf(e.calls)
		if e.instead != nil || lines+size > maxGroup || e.ctx.Err() != nil || !q.startable(e, claimed, own) {
			claimAll(claimed, e.skus)
			return true
		}
		lines += size
		e.state, e.group = taken, g
		g.entries, g.calls = append(g.entries, e), append(g.calls, e.calls...)
		q.claim(e, -1)
		claimAll(own, e.skus)
		claimAll(q.busy, e.skus)
		return false
	})
	if g.live = len(g.entries); g.live > 1 {
		g.skus = make([]SKU, 0, len(own))
		for sku := range own {
			g.skus = append(g.skus, sku)
		}
	}
}

// linesOf counts lines; a call without any counts as one.
func linesOf(calls []*call) (lines int) {
	for _, c := range calls {
		lines += max(1, len(c.skus))
	}
	return lines
}

// finish tells everybody in a group, and hands the lead on. If something ended the leader's goroutine on the way, calls
// that can't have had an effect wait again.
func (q *queue) finish(g *group) {
	if !g.over {
		g.interrupted()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var again []*entry
	for _, e := range g.entries {
		if e.state == taken && e.undecided() {
			e.state, e.group = waits, nil
			q.claim(e, 1)
			again = append(again, e)
			continue
		}
		q.forget(e)
		switch e.state {
		case left:
		case taken:
			e.state = through
			e.signal <- struct{}{}
		default:
			e.state = through
		}
	}
	q.waiting = append(again, q.waiting...)
	q.company = len(g.entries) > 1
	q.kept.put(g.written)
	q.end(g)
}

// isUndecided takes the mark off an error.
func isUndecided(err error) (bool, error) {
	if undecided := (*undecidedError)(nil); errors.As(err, &undecided) {
		return true, undecided.error
	}
	return false, err
}
