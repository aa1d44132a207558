package outbox

import (
	"context"
	"sync/atomic"
	"time"
)

// Relay sends the unsent events of a store through a publisher: every event at least once, and the events of each
// product in order. Any number of relays may share a store, in the same process or in several. A Relay is safe for
// concurrent use.
type Relay struct {
	store     Store
	publisher Publisher
	opts      Options

	running atomic.Bool
	wakes   atomic.Uint64 // number of calls of Wake
	wake    chan struct{} // holds a value if Wake was called since the dispatcher last received
}

// NewRelay returns a relay, which sends events while [Relay.Run] runs. opts may be nil.
func NewRelay(store Store, publisher Publisher, opts *Options) *Relay {
	return &Relay{store: store, publisher: publisher, opts: opts.withDefaults(), wake: make(chan struct{}, 1)}
}

// Run sends events until ctx ends, and then returns nil. Failures meanwhile are logged and tried again. Run returns an
// error at once, and sends nothing, if the relay has no store or publisher, if Source is not a URI-reference, or if the
// relay is running already; the error wraps [allocation.ErrInvalid]. After Run has returned, Run may be called again.
//
// When ctx ends, the contexts of all Publish calls end, too. Run returns when the calls have returned and the store has
// recorded which events were accepted. A store that doesn't answer delays the return by up to two thirds of a Lease.
func (r *Relay) Run(ctx context.Context) error {
	const op = "Run"
	switch {
	case ctx == nil:
		return invalid(op, "context", nil, "must not be nil")
	case r.store == nil:
		return invalid(op, "store", nil, "must not be nil")
	case r.publisher == nil:
		return invalid(op, "publisher", nil, "must not be nil")
	}
	if err := checkSource(op, r.opts.Source); err != nil {
		return err
	}
	if !r.running.CompareAndSwap(false, true) {
		return invalid(op, "relay", nil, "is running already")
	}
	defer r.running.Store(false)
	newDispatcher(r).run(ctx)
	return nil
}

// Wake makes the relay look for unsent events now instead of at the next Poll. Call Wake after a commit: from the
// option Committed of [allocation.UnitOfWorkOptions], or from a handler of package bus. Wake never blocks, does no harm
// while the relay is not running, and may be called from any goroutine. Several calls before the next look count once.
func (r *Relay) Wake() {
	r.wakes.Add(1)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// after returns the time d from now in UTC and whole microseconds, the precision of every store (R11).
func (r *Relay) after(d time.Duration) time.Time {
	return r.opts.Now().Add(d).UTC().Truncate(time.Microsecond)
}
