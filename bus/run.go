package bus

import (
	"sync"

	"github.com/cosmic-go/allocation"
)

// run is what follows from one commit: its events in their order, and behind them those that handlers cause.
type run struct {
	mu    sync.Mutex // a handler may run commands on other goroutines
	queue []turn
	ended bool
}

// turn is an event that waits for its handlers. Their context leads to it, so that their commands find it.
type turn struct {
	run   *run
	event allocation.Event
	from  *origin
}

type turnKey struct{ bus *Bus }

// origin is an event that no handler caused, and how many events followed from it.
type origin struct {
	event    allocation.Event
	followed int
}

func newRun(events []allocation.Event) *run {
	r := &run{queue: make([]turn, len(events))}
	for i, event := range events {
		r.queue[i] = turn{run: r, event: event, from: &origin{event: event}}
	}
	return r
}

// follow adds events that a handler caused in its turn. It reports false if the run has ended: then they are
// the first of a run of their own. Events beyond the limit are left out; it returns their origin when that begins.
func (t turn) follow(events []allocation.Event, limit int) (added bool, endless allocation.Event) {
	t.run.mu.Lock()
	defer t.run.mu.Unlock()
	if t.run.ended {
		return false, nil
	}
	for _, event := range events {
		t.from.followed++
		if t.from.followed == limit+1 {
			endless = t.from.event
		}
		if t.from.followed <= limit {
			t.run.queue = append(t.run.queue, turn{run: t.run, event: event, from: t.from})
		}
	}
	return true, endless
}

// turns yields one turn after the other until none is left.
func (r *run) turns(yield func(turn) bool) {
	for {
		next, some := r.next()
		if !some || !yield(next) {
			return
		}
	}
}

func (r *run) next() (next turn, some bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.ended = true // at once, so that nothing is added that nobody would come for
		return turn{}, false
	}
	next, r.queue = r.queue[0], r.queue[1:]
	return next, true
}

func (r *run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
