package outbox

import (
	"context"
	"log/slog"
	"time"
)

// Options are the settings of [NewRelay]. Zero values mean the defaults.
type Options struct {
	// Source is who tells the events, for CloudEvents: a URI-reference, "allocation" by default. Give each
	// store a source of its own if consumers hear of several.
	Source string

	// Now is the clock by which leases and retries are kept; time.Now by default. The clocks of relays on
	// one store may differ by a small part of Lease.
	Now func() time.Time

	// Poll is how long the relay waits, when there is nothing to send, before it looks again; 1 s by
	// default. Where [Relay.Wake] is called it may be longer: it then finds what other processes
	// committed, retries whose time has come, and products of relays that died.
	Poll time.Duration

	// Lease is for how long a product belongs to a relay that took it, and with that how long its
	// events wait if the relay dies; 30 s by default. A third of it each is the limit for the store to
	// answer a claim, for a Publish, and for the store to take what came of it.
	Lease time.Duration

	// Batch is how many events of a product a Publish gets at most; 100 by default.
	Batch int

	// Workers is how many products are published at the same time; 8 by default.
	Workers int

	// Tries is how often an event is tried before it is dead and waits for [Maintainer].Retry or Skip; 25
	// by default, which with the default pauses takes from 40 to 90 minutes: no event should die because a
	// broker is away for a while.
	Tries int

	// Backoff is the longest pause after an event's first failed try, 1 s by default. It doubles with
	// every further one up to MaxBackoff, 5 min by default; the pause is a random part of it, at least
	// half. What is tried again has to be found first, see Poll.
	Backoff    time.Duration
	MaxBackoff time.Duration

	// Logger is told of failed tries and of storage that fails (Warn), and of events that are dead
	// (Error). By default nothing is logged.
	Logger *slog.Logger

	// Settled, if set, is called with what the store was told of each delivery, once it has taken it:
	// the place for counters of failures and of dead events. Counters and spans of what is sent are for
	// the [Publisher]. It must be safe for concurrent use.
	Settled func(ctx context.Context, s Settlement)
}

// filled returns the options with their defaults; o may be nil.
func (o *Options) filled() Options {
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

func positive[N int | time.Duration](value, otherwise N) N {
	if value > 0 {
		return value
	}
	return otherwise
}
