package combine

import (
	"context"
	"slices"
)

// Group is a set of waiters whose work is carried out together. Only the function that carries out the work may use
// the group.
type Group[K comparable, V any] struct {
	queue   *Queue[K, V]
	members []*Waiter[K, V] // the leader first
	leader  [1]*Waiter[K, V]
	held    []*line[K, V] // each once
	few     [1]*line[K, V]

	// The queue's mutex guards the fields below.
	live   int // members whose callers are still there
	cancel context.CancelCauseFunc
	began  int64 // the queue's ticks when the group was given keys
}

// Leader is the waiter on whose goroutine the group is carried out.
func (g *Group[K, V]) Leader() *Waiter[K, V] { return g.members[0] }

// LeaderErr is the error of the leader's own context, nil while it hasn't ended.
func (g *Group[K, V]) LeaderErr() error { return g.members[0].ctx.Err() }

// Members are the leader and the followers. Members with a common key stand in the order of arrival. The caller must
// not change the list.
func (g *Group[K, V]) Members() []*Waiter[K, V] { return g.members }

// Keys returns the keys that the group holds, each once. Quiet keys may be missing.
func (g *Group[K, V]) Keys() []K {
	g.queue.mu.Lock() // a claim on a quiet key may add keys at any time
	defer g.queue.mu.Unlock()
	keys := make([]K, len(g.held))
	for i, l := range g.held {
		keys[i] = l.key
	}
	return keys
}

// Settle says that the work of a member is decided, so that the member need not wait again if the leader's goroutine
// ends before the group is through. A function that returns has settled all members.
func (g *Group[K, V]) Settle(w *Waiter[K, V]) {
	g.queue.mu.Lock()
	defer g.queue.mu.Unlock()
	w.settled = true
}

// Context returns the context for the group's work. A leader without followers works under the caller's context. With
// followers the context has the leader's values and ends once the callers of all members have gone away, so that no
// caller takes the work away from the others; the cause is the error of the leader's own context. The returned
// function frees the resources of the context.
func (g *Group[K, V]) Context() (context.Context, context.CancelFunc) {
	lead := g.members[0].ctx
	if len(g.members) == 1 {
		return lead, func() {}
	}
	return g.shared(lead)
}

func (g *Group[K, V]) shared(lead context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(lead))
	g.queue.mu.Lock()
	g.cancel = cancel // not called before the leader has left, which AfterFunc hears below
	g.queue.mu.Unlock()
	stop := context.AfterFunc(lead, func() {
		g.queue.mu.Lock()
		defer g.queue.mu.Unlock()
		g.leave()
	})
	return ctx, func() { stop(); cancel(nil) }
}

// leave counts a caller out. The queue's mutex is held.
func (g *Group[K, V]) leave() {
	if g.live--; g.live == 0 && g.cancel != nil {
		g.cancel(g.members[0].ctx.Err())
	}
}

// begin makes the waiter the leader of its own group.
func (w *Waiter[K, V]) begin(q *Queue[K, V]) *Group[K, V] {
	g := &w.own
	g.queue, g.leader[0] = q, w
	g.members, g.live = g.leader[:], 1
	return g
}

// take gives a waiter's keys to the group.
func (g *Group[K, V]) take(w *Waiter[K, V]) {
	for i := range w.places {
		p := &w.places[i]
		l := p.line
		p.remove()
		if l.hold(g, p.isShared()) {
			g.keep(l)
		}
	}
}

func (g *Group[K, V]) keep(l *line[K, V]) {
	if g.held == nil {
		g.held = g.few[:0]
	}
	g.held = append(g.held, l)
}

// without takes a group out of a list.
func without[K comparable, V any](groups []*Group[K, V], g *Group[K, V]) []*Group[K, V] {
	if i := slices.Index(groups, g); i >= 0 {
		return slices.Delete(groups, i, i+1)
	}
	return groups
}

// size adds up the members' sizes.
func (g *Group[K, V]) size() (sum int) {
	for _, w := range g.members {
		sum += w.Size
	}
	return sum
}

// unsettled returns the followers whose work was not decided, in their order.
func (g *Group[K, V]) unsettled() []*Waiter[K, V] {
	var again []*Waiter[K, V]
	for _, w := range g.members {
		if w.state == following && !w.settled {
			again = append(again, w)
		}
	}
	return slices.Clip(again)
}
