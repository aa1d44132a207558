package combine

import (
	"slices"
	"time"
)

// startTicking sets a timer if a waiter that isn't parked waits. The queue's mutex is held. Without such a waiter there
// is no timer, and so no cost.
func (q *Queue[K, V]) startTicking() {
	if q.waiting == q.parked && q.ready.first == nil || q.ticking {
		return
	}
	q.ticking = true
	time.AfterFunc(q.opts.Patience, q.tick)
}

// tick stops counting the hanging groups, hands the slots on, and parks waiters with stuck claims.
func (q *Queue[K, V]) tick() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ticking = false
	q.ticks++
	q.running = slices.DeleteFunc(q.running, func(g *Group[K, V]) bool { return q.hangs(g, 0) })
	q.hand()
	var stuck []*Waiter[K, V]
	for _, l := range q.lines {
		if !slices.ContainsFunc(l.holders, func(g *Group[K, V]) bool { return q.hangs(g, 0) }) {
			continue
		}
		for p := l.first; p != nil; p = p.next {
			stuck = append(stuck, p.waiter)
		}
	}
	for _, w := range stuck {
		q.park(w)
	}
	q.startTicking()
}

// hangs reports whether a group, or a hold, has had the keys for two ticks: between one and two times the patience. For
// a waiter that was parked before, the time doubles with each parking.
func (q *Queue[K, V]) hangs(g *Group[K, V], parked int) bool {
	return q.ticks-g.began >= 2<<min(parked, 32)
}

// stuck reports whether a claim can't be granted because a hanging group has the key.
func (q *Queue[K, V]) stuck(p *place[K, V]) bool {
	if p.line == nil {
		return false
	}
	for _, g := range p.line.holders {
		if q.hangs(g, p.waiter.parkings) {
			return !p.clear(nil)
		}
	}
	return false
}

// anyStuck reports whether a claim of the waiter's is stuck.
func (q *Queue[K, V]) anyStuck(w *Waiter[K, V]) bool {
	for i := range w.places {
		if q.stuck(&w.places[i]) {
			return true
		}
	}
	return false
}

// park lets a waiter with a stuck claim take back the other claims, but for firm ones, so that work behind goes ahead.
// The next time takes twice as long: groups that are slow but end can't keep wide work waiting for ever.
func (q *Queue[K, V]) park(w *Waiter[K, V]) {
	if w.state != queued || w.parked || !q.anyStuck(w) {
		return
	}
	w.parked = true
	q.parked++
	for i := range w.places {
		p := &w.places[i]
		if l := p.line; !p.claim.Firm && !q.stuck(p) {
			p.remove()
			q.wake(l)
			q.tidy(l)
		}
	}
}

// unpark lets waiters in a line claim again what they took back, with the places of their first arrival, unless a claim
// is still stuck.
func (q *Queue[K, V]) unpark(l *line[K, V]) {
	if q.parked == 0 {
		return
	}
	for p := l.first; p != nil; p = p.next {
		w := p.waiter
		if !w.parked || q.anyStuck(w) {
			continue
		}
		w.parked = false
		w.parkings++
		q.parked--
		for i := range w.places {
			if w.places[i].line == nil {
				q.stand(&w.places[i])
			}
		}
	}
}
