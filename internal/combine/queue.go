package combine

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Options are the limits of a [Queue]. All fields must be set.
type Options struct {
	// Groups is how many groups run at a time, unless some groups take longer than Patience.
	Groups int

	// Size is how much work a group takes. A waiter with more work is a group alone.
	Size int

	// Patience is about how long a group counts towards Groups while others wait for a slot: at least Patience, and
	// less than twice as long.
	Patience time.Duration
}

// Queue brings concurrent callers together. A Queue is safe for concurrent use.
type Queue[K comparable, V any] struct {
	opts Options
	run  func(*Group[K, V])

	mu      sync.Mutex
	lines   map[K]*line[K, V]
	spare   []*line[K, V] // for reuse
	ready   line[K, V]    // waiters that need a slot and nothing else
	waiting int           // how many are queued
	parked  int           // how many of the queued waiters are parked
	arrived int64         // how many have entered so far
	running []*Group[K, V]
	crowd   bool  // the last group to end had followers
	ticking bool  // a timer runs, see tick
	ticks   int64 // how often the timer has fired

	contested int           // how many lines of quiet keys are contested
	unlisted  *Waiter[K, V] // the first of the waiters with unlisted claims
}

// maxSpare is how many idle lines are kept for reuse.
const maxSpare = 64

// New returns a queue. The function run carries out a group on the leader's goroutine, and returns once the work of all
// members is decided.
func New[K comparable, V any](run func(*Group[K, V]), opts Options) *Queue[K, V] {
	return &Queue[K, V]{opts: opts, run: run, lines: map[K]*line[K, V]{}}
}

// LeftError is the answer to a caller whose context ended before the work was decided. The error wraps the error of the
// caller's context.
type LeftError struct {
	Running bool // a group has begun with the work, and goes on
	Err     error
}

func (e *LeftError) Error() string { return "left the queue: " + e.Err.Error() }

// Unwrap returns the error of the caller's context.
func (e *LeftError) Unwrap() error { return e.Err }

// Do queues the work of a waiter, and returns once the work is decided: carried out by this caller, as the leader of a
// group, or by the leader of another group. If the caller's context ends earlier, Do answers a [*LeftError] at once,
// unless the caller is the leader. An error of Find is returned unchanged. After an error the state of the work is
// unknown.
func (q *Queue[K, V]) Do(ctx context.Context, w *Waiter[K, V]) error {
	w.ctx = ctx
	if w.Find != nil {
		if err := q.find(ctx, w); err != nil {
			return err
		}
	}
	waits := q.enter(w)
	if w.Entered != nil {
		w.Entered()
	}
	if leads, err := q.await(w, waits); !leads {
		return err
	}
	returned := false
	defer func() { q.finish(&w.own, returned) }()
	q.gather(&w.own)
	q.run(&w.own)
	returned = true
	return nil
}

// Hold runs fn while the caller holds the keys of the claims. Hold takes no slot, and nobody follows. If the caller's
// context ends while Hold waits for the keys, Hold answers a [*LeftError], and fn doesn't run.
func (q *Queue[K, V]) Hold(ctx context.Context, claims []Claim[K], fn func()) error {
	w := &Waiter[K, V]{Claims: claims, ctx: ctx, holds: true}
	if _, err := q.await(w, q.enter(w)); err != nil {
		return err
	}
	defer q.release(w)
	fn()
	return nil
}

// find lets the waiter hold the first keys, and calls Find for the others.
func (q *Queue[K, V]) find(ctx context.Context, w *Waiter[K, V]) error {
	w.holds = true
	if _, err := q.await(w, q.enter(w)); err != nil {
		return err
	}
	found := false
	defer func() {
		if !found {
			q.release(w)
		}
	}()
	claims, err := w.Find(ctx)
	if err != nil {
		return err
	}
	found = true
	claims = append(slices.Clip(w.Claims), claims...)
	q.mu.Lock() // a claim on a quiet key may list the waiter's claims at any time
	defer q.mu.Unlock()
	w.Claims, w.holds = claims, false
	return nil
}

// enter puts a waiter into the lines of all keys, and reports whether the waiter has to wait for a signal.
func (q *Queue[K, V]) enter(w *Waiter[K, V]) (waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.signal = nil
	q.queue(w, enters)
	if w.own.held != nil {
		q.free(&w.own, slices.Clone(w.own.held)) // the waiter stands first in the lines now
	}
	q.consider(w)
	q.park(w)
	q.startTicking()
	if w.waited = w.state == queued; w.waited {
		w.signal = make(chan struct{}, 1)
	}
	return w.waited
}

// await waits until the waiter holds the keys, leads, or is done, and reports whether the waiter leads.
func (q *Queue[K, V]) await(w *Waiter[K, V], waits bool) (leads bool, err error) {
	if waits {
		select {
		case <-w.signal:
		case <-w.ctx.Done():
			if over, err := q.leave(w); over {
				return false, err
			}
			<-w.signal
		}
	}
	return w.state == leading, nil // now, only this caller changes the state
}

// queue puts a waiter into the lines of all keys.
func (q *Queue[K, V]) queue(w *Waiter[K, V], e event) {
	w.state.on(e)
	q.waiting++
	if w.arrival == 0 {
		q.arrived++
		w.arrival = q.arrived
	}
	w.turn = place[K, V]{waiter: w}
	w.places = w.first[:0]
	if len(w.Claims) > len(w.first) {
		w.places = make([]place[K, V], 0, len(w.Claims))
	}
	q.forget(w)
	quiet := false
	for i := range w.Claims {
		if c := &w.Claims[i]; c.Quiet && c.Shared {
			quiet = true
		} else {
			q.claim(w, c)
		}
	}
	switch {
	case quiet && q.contested > 0:
		q.list(w)
	case quiet:
		q.unlist(w)
	}
}

// claim puts a claim of a queued waiter into the line of the key.
func (q *Queue[K, V]) claim(w *Waiter[K, V], c *Claim[K]) {
	w.places = append(w.places, place[K, V]{waiter: w, claim: c})
	q.stand(&w.places[len(w.places)-1])
}

// stand lets a claim wait in the line of the key.
func (q *Queue[K, V]) stand(p *place[K, V]) {
	l := q.line(p.claim.Key)
	if p.claim.Quiet && !p.claim.Shared {
		q.contest(l)
	}
	l.add(p)
}

// line returns the line of a key.
func (q *Queue[K, V]) line(key K) *line[K, V] {
	l := q.lines[key]
	if l != nil {
		return l
	}
	if last := len(q.spare) - 1; last >= 0 {
		l, q.spare = q.spare[last], q.spare[:last]
	} else {
		l = &line[K, V]{}
	}
	l.key = key
	q.lines[key] = l
	return l
}

// tidy forgets a line that nobody needs.
func (q *Queue[K, V]) tidy(l *line[K, V]) {
	if !l.idle() {
		return
	}
	delete(q.lines, l.key)
	q.calm(l)
	if len(q.spare) < maxSpare {
		var none K
		l.key = none
		q.spare = append(q.spare, l)
	}
}

// consider grants a queued waiter the keys, if no claim and no holder conflicts.
func (q *Queue[K, V]) consider(w *Waiter[K, V]) {
	switch {
	case w.state != queued || !w.clear(&w.own):
	case w.holds:
		q.grant(w, &w.own, holds)
	case len(q.running) < q.opts.Groups:
		q.start(w)
	case w.turn.line == nil:
		q.ready.add(&w.turn)
	}
}

// start lets a waiter lead.
func (q *Queue[K, V]) start(w *Waiter[K, V]) {
	q.running = append(q.running, w.begin(q))
	q.grant(w, &w.own, starts)
}

// grant gives a waiter's keys to a group.
func (q *Queue[K, V]) grant(w *Waiter[K, V], g *Group[K, V], e event) {
	w.state.on(e)
	w.group = g
	q.waiting--
	if w.turn.line != nil {
		w.turn.remove()
	}
	if e != joins {
		g.began = q.ticks
	}
	g.take(w)
	if w.signal != nil && e != joins {
		w.signal <- struct{}{}
	}
}

// wake considers the waiters at the head of a line.
func (q *Queue[K, V]) wake(l *line[K, V]) {
	q.unpark(l)
	for p := l.first; p != nil; {
		next, last := p.next, !p.isShared()
		q.consider(p.waiter)
		if last {
			return
		}
		p = next
	}
}

// hand lets ready waiters lead, as many as there are slots for.
func (q *Queue[K, V]) hand() {
	for q.ready.first != nil && len(q.running) < q.opts.Groups {
		p := q.ready.first
		p.remove()
		q.consider(p.waiter)
	}
	q.startTicking()
}

// free gives back the keys of a group, and hands the keys on.
func (q *Queue[K, V]) free(g *Group[K, V], held []*line[K, V]) {
	g.held = nil
	for _, l := range held {
		l.release(g)
	}
	for _, l := range held {
		q.unpark(l)
	}
	q.hand()
	for _, l := range held {
		q.wake(l)
		q.tidy(l)
	}
	q.startTicking()
}

// end takes a group out of the running groups.
func (q *Queue[K, V]) end(g *Group[K, V]) {
	q.running = without(q.running, g)
	for _, w := range g.members {
		if w.state != queued { // again, after the leader's goroutine ended
			q.forget(w)
		}
	}
	q.free(g, g.held)
}

// release ends a hold.
func (q *Queue[K, V]) release(w *Waiter[K, V]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.state.on(ends)
	q.forget(w)
	q.free(&w.own, w.own.held)
}

// leave is for a caller whose context has ended. The result is false if the work of the waiter is decided already.
func (q *Queue[K, V]) leave(w *Waiter[K, V]) (over bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := w.state
	if before == done {
		return false, nil
	}
	w.state.on(leaves)
	switch before {
	case queued:
		q.withdraw(w)
	case leading:
		q.end(&w.own)
	case holding:
		q.forget(w)
		q.free(&w.own, w.own.held)
	case following:
		w.group.leave()
	}
	return true, &LeftError{Running: before == following, Err: w.ctx.Err()}
}

// withdraw takes a waiter out of all lines, and hands on the keys that other waiters can have now.
func (q *Queue[K, V]) withdraw(w *Waiter[K, V]) {
	q.forget(w)
	q.waiting--
	if w.turn.line != nil {
		w.turn.remove()
	}
	if w.parked {
		q.parked--
	}
	for i := range w.places {
		if l := w.places[i].line; l != nil {
			w.places[i].remove()
			q.wake(l)
			q.tidy(l)
		}
	}
	q.startTicking()
}

// finish signals all members of a group, and hands the keys on. If the leader's goroutine ended on the way, followers
// with undecided work wait again, with the places of the first arrival.
func (q *Queue[K, V]) finish(g *Group[K, V], returned bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var again []*Waiter[K, V]
	if !returned {
		again = g.unsettled()
	}
	for _, w := range again {
		q.queue(w, returns)
	}
	for _, w := range g.members {
		if w.state != leading && w.state != following {
			continue
		}
		tell := w.state == following
		w.state.on(ends)
		if tell {
			w.signal <- struct{}{}
		}
	}
	q.crowd = len(g.members) > 1
	q.end(g)
}
