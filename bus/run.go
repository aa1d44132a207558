package bus

import (
	"sync"

	"github.com/cosmic-go/allocation"
)

// run is the queue of a commit's events. Events that handlers cause join the end of the queue.
type run struct {
	mu    sync.Mutex // a handler may run commands on other goroutines
	queue []queued
	ended bool
}

// queued is an event in the queue of a run. The context of the event's handlers carries the queued event, so that
// Publish finds the run when a handler's command commits.
type queued struct {
	run    *run
	event  allocation.Event
	origin *origin
}

// queuedKey is the context key of a queued event. The key names the bus, so that two buses don't share runs.
type queuedKey struct{ bus *Bus }

// origin is an event of the run's own commit, with the number of events that followed from the event so far.
type origin struct {
	event    allocation.Event
	followed int
}

// newRun returns a run of a commit's events.
func newRun(events []allocation.Event) *run {
	r := &run{queue: make([]queued, len(events))}
	for i, event := range events {
		r.queue[i] = queued{run: r, event: event, origin: &origin{event: event}}
	}
	return r
}

// follow queues the events of a command of one of q's handlers. After the end of the run, follow queues nothing and
// reports false; the events then need a new run. Events beyond the limit are left out. cycle is the origin's event if
// this call is the first beyond the limit, so that each cycle is reported once.
func (q queued) follow(events []allocation.Event, limit int) (added bool, cycle allocation.Event) {
	q.run.mu.Lock()
	defer q.run.mu.Unlock()
	if q.run.ended {
		return false, nil
	}
	for _, event := range events {
		q.origin.followed++
		if q.origin.followed == limit+1 {
			cycle = q.origin.event
		}
		if q.origin.followed <= limit {
			q.run.queue = append(q.run.queue, queued{run: q.run, event: event, origin: q.origin})
		}
	}
	return true, cycle
}

// events yields the queued events until the queue is empty.
func (r *run) events(yield func(queued) bool) {
	for {
		next, ok := r.dequeue()
		if !ok || !yield(next) {
			return
		}
	}
}

// dequeue takes the first event from the queue. An empty queue ends the run under the same lock, so that a goroutine of
// a handler can't queue an event after the last look at the queue.
func (r *run) dequeue() (next queued, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.ended = true
		return queued{}, false
	}
	next, r.queue = r.queue[0], r.queue[1:]
	return next, true
}

// end ends the run early, if a handler ends the goroutine.
func (r *run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
