package outbox

import (
	"context"
	"log/slog"
	"time"
)

// Options are the settings of [NewRelay]. Zero values mean the defaults.
type Options struct {
	// Source is the CloudEvents source of all events: a URI-reference, "allocation" by default. If consumers receive
	// events of several stores, give each store a source of its own.
	Source string

	// Now is the clock for leases and retries; time.Now by default. The clocks of relays on the same store may
	// differ by a small part of Lease.
	Now func() time.Time

	// Poll is the pause between two looks for unsent events while there are none; 1 s by default. A host that calls
	// [Relay.Wake] may poll less often. Polling still finds the commits of other processes, events that are due for
	// another try, and products of dead relays.
	Poll time.Duration

	// Lease is how long a claimed product belongs to a relay; 30 s by default. If the relay dies, the product's
	// events wait until the lease ends. A Claim, a Publish and a Settle each have a third of the lease to finish.
	Lease time.Duration

	// Batch is the largest number of events for a single Publish; 100 by default.
	Batch int

	// Workers is the largest number of products that are published at the same time; 8 by default.
	Workers int

	// Tries is the number of tries after which an event is dead and waits for [Maintainer].Retry or Skip; 25 by
	// default. With the default pauses 25 tries take 40 to 90 minutes, so that a broker may be away for half an hour.
	Tries int

	// Backoff is the longest pause after the first failed try of an event, 1 s by default. Each further try doubles
	// the pause up to MaxBackoff, 5 min by default. The actual pause is random, from half of the pause to all of it.
	// After the pause the event waits for the next claim, see Poll.
	Backoff    time.Duration
	MaxBackoff time.Duration

	// Logger logs failed tries and errors of the store (Warn), and dead events (Error). By default nothing is
	// logged.
	Logger *slog.Logger

	// Settled, if set, is called after the store has accepted a settlement. Use Settled to count failures and dead
	// events; counters and spans of sent events belong in the [Publisher]. Settled must be safe for concurrent use.
	Settled func(ctx context.Context, s Settlement)
}

// withDefaults returns a copy of the options with a value in every field. o may be nil.
func (o *Options) withDefaults() Options {
	var f Options
	if o != nil {
		f = *o
	}
	if f.Source == "" {
		f.Source = "allocation"
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	if f.Settled == nil {
		f.Settled = func(context.Context, Settlement) {}
	}
	f.Poll = positive(f.Poll, time.Second)
	f.Lease = positive(f.Lease, 30*time.Second)
	f.Batch = positive(f.Batch, 100)
	f.Workers = positive(f.Workers, 8)
	f.Tries = positive(f.Tries, 25)
	f.Backoff = positive(f.Backoff, time.Second)
	f.MaxBackoff = positive(f.MaxBackoff, 5*time.Minute)
	return f
}

// positive returns value if value is greater than 0, and otherwise the default.
func positive[N int | time.Duration](value, defaultValue N) N {
	if value > 0 {
		return value
	}
	return defaultValue
}
