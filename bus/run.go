package bus

import (
	"sync"

	"github.com/cosmic-go/allocation"
)

// run is what follows from one commit: its events in their order, and behind them those that handlers cause.
// A handler's context leads to it, so that the commands of the handler find it.
type run struct {
	mu    sync.Mutex // a handler may run commands on other goroutines
	queue []cause
	from  *origin // of the event whose turn it is
	ended bool
}

type runKey struct{ bus *Bus }

// cause is an event that waits for its turn.
type cause struct {
	event allocation.Event
	from  *origin
}

// origin is an event that no handler caused, and how many events followed from it.
type origin struct {
	event    allocation.Event
	followed int
}

func newRun(events []allocation.Event) *run {
	r := &run{queue: make([]cause, len(events))}
	for i, event := range events {
		r.queue[i] = cause{event: event, from: &origin{event: event}}
	}
	return r
}

// follow adds events that a handler caused. It reports false if the run has ended: then they are the first
// of a run of their own. Events beyond the limit are left out; it returns their origin when that begins.
func (r *run) follow(events []allocation.Event, limit int) (added bool, endless allocation.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false, nil
	}
	for _, event := range events {
		r.from.followed++
		if r.from.followed == limit+1 {
			endless = r.from.event
		}
		if r.from.followed <= limit {
			r.queue = append(r.queue, cause{event: event, from: r.from})
		}
	}
	return true, endless
}

// turns yields one event after the other until none is left.
func (r *run) turns(yield func(allocation.Event) bool) {
	for {
		event, some := r.next()
		if !some || !yield(event) {
			return
		}
	}
}

func (r *run) next() (event allocation.Event, some bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.ended = true // at once, so that nothing is added that nobody would come for
		return nil, false
	}
	first := r.queue[0]
	r.queue, r.from = r.queue[1:], first.from
	return first.event, true
}

func (r *run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
