package combine

import (
	"slices"
	"time"
)

// startTicking sets a timer if a waiter needs nothing but a slot. The queue's mutex is held. Without such a waiter
// there is no timer, and so no cost.
func (q *Queue[K, V]) startTicking() {
	if q.ready.first == nil || q.ticking {
		return
	}
	q.ticking = true
	time.AfterFunc(q.opts.Patience, q.tick)
}

// tick stops counting groups that ran at the last tick already, and hands their slots on.
func (q *Queue[K, V]) tick() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ticking = false
	if q.ready.first == nil {
		return
	}
	q.running = slices.DeleteFunc(q.running, func(g *Group[K, V]) bool { return g.aged })
	for _, g := range q.running {
		g.aged = true
	}
	q.hand()
}
