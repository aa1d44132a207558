package outbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
)

// Relay takes unsent events out of a store and gives them to a publisher: each at least once, and those of one
// product in their order. Any number of relays may work on the same store, in one process or in several.
type Relay struct {
	store     Store
	publisher Publisher
	opts      Options

	running atomic.Bool
	wakes   atomic.Uint64 // how often Wake was called
	wake    chan struct{} // holds one if it was called since somebody looked
}

// NewRelay returns a relay that works while [Relay.Run] does. The options may be nil.
func NewRelay(store Store, publisher Publisher, opts *Options) *Relay {
	return &Relay{store: store, publisher: publisher, opts: opts.filled(), wake: make(chan struct{}, 1)}
}

// Run sends events until ctx ends, and then returns nil; whatever fails meanwhile is tried again and told to the
// Logger. Only a relay that can't work is an error, at once, which wraps [allocation.ErrInvalid]: one without store
// or publisher, with a bad Source, or one that runs already. It may be run again afterwards.
//
// When ctx ends, the contexts of all Publish end with it. Run waits until they have returned and the store knows
// what was accepted, which for a store that doesn't answer takes up to two thirds of a Lease.
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
		return &allocation.Error{Op: op, Field: "relay", Err: fmt.Errorf("%w: it runs already", allocation.ErrInvalid)}
	}
	defer r.running.Store(false)
	newDispatcher(r).run(ctx)
	return nil
}

// Wake says that something was committed, so that the relay looks at once instead of at the next Poll. It never
// blocks and may be called from anywhere, whether or not the relay runs. Calls that come close together count
// as one. It is made for [allocation.Options].Committed, directly or by way of package bus.
func (r *Relay) Wake() {
	r.wakes.Add(1)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// at is the time after d from now, in the form that every store keeps (R11).
func (r *Relay) at(d time.Duration) time.Time {
	return r.opts.Now().Add(d).UTC().Truncate(time.Microsecond)
}
