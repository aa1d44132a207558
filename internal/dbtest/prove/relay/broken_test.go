package relay

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/outbox"
)

// spoilVariable tells a relay which of the spoilers it uses.
const spoilVariable = "ALLOCATION_RELAYING_SPOILER"

// spoilers make a relay that a run has to find out.
var spoilers = map[string]spoiler{
	"a publisher that drops": {publisher: func(p outbox.Publisher) outbox.Publisher {
		var calls atomic.Int64
		return publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
			if calls.Add(1)%10 == 0 {
				return len(envelopes), nil
			}
			return p.Publish(ctx, envelopes)
		})
	}},
	"a publisher that reorders": {publisher: func(p outbox.Publisher) outbox.Publisher {
		return publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
			backwards := slices.Clone(envelopes)
			slices.Reverse(backwards)
			return p.Publish(ctx, backwards)
		})
	}},
	"a publisher that makes its own IDs": {publisher: func(p outbox.Publisher) outbox.Publisher {
		return publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
			renamed := slices.Clone(envelopes)
			for i := range renamed {
				renamed[i].ID = outbox.ID(renamed[i].Subject, renamed[i].Sequence, time.Now())
			}
			return p.Publish(ctx, renamed)
		})
	}},
	"a publisher that panics in a goroutine": {publisher: func(p outbox.Publisher) outbox.Publisher {
		return publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
			go panic("on purpose")
			return p.Publish(ctx, envelopes)
		})
	}},
	"a store that loses a mark": {store: func(s outbox.Store) outbox.Store {
		return settling(s, func(t *outbox.Settlement) bool { t.Sent++; return true })
	}},
	"a store that keeps its marks": {store: func(s outbox.Store) outbox.Store {
		return settling(s, func(t *outbox.Settlement) bool { t.Sent = 0; return true })
	}},
	"a store that ends no lease": {store: func(s outbox.Store) outbox.Store {
		return settling(s, func(t *outbox.Settlement) bool { t.Owner += "?"; return true })
	}},
	"a store that settles nothing": {store: func(s outbox.Store) outbox.Store {
		return settling(s, func(*outbox.Settlement) bool { return false })
	}},
	"a store that begins too late": {store: func(s outbox.Store) outbox.Store { return hasty{s} }},
}

func TestARunFindsBrokenRelays(t *testing.T) {
	wanted := map[string][]harness.FaultKind{
		"a publisher that drops":                 {lost},
		"a publisher that reorders":              {disordered},
		"a publisher that makes its own IDs":     {altered},
		"a publisher that panics in a goroutine": {surprise},
		"a store that loses a mark":              {lost, disordered},
		"a store that keeps its marks":           {stuck, leftover},
		"a store that ends no lease":             {leftover},
		"a store that settles nothing":           {stuck, leftover},
		"a store that begins too late":           {lost, disordered},
	}
	for _, name := range slices.Sorted(maps.Keys(spoilers)) {
		t.Run(name, func(t *testing.T) {
			t.Setenv(spoilVariable, name)
			s := tiny()
			s.Lease, s.Patience = 600*time.Millisecond, 500*time.Millisecond
			found := relayed(t, s, plan{relays: 1}, database(t, s.Engine))
			for _, kind := range wanted[name] {
				assert.NotEmpty(t, found.faults[kind], "faults of the kind %q", kind)
			}
		})
	}
}

// publisher is a function as a publisher.
type publisher func(ctx context.Context, envelopes []outbox.Envelope) (int, error)

func (p publisher) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
	return p(ctx, envelopes)
}

// settling changes what a store is told of deliveries, or keeps it from the store.
func settling(s outbox.Store, change func(*outbox.Settlement) bool) outbox.Store {
	return forger{Store: s, change: change}
}

type forger struct {
	outbox.Store
	change func(*outbox.Settlement) bool
}

func (f forger) Settle(ctx context.Context, t outbox.Settlement) error {
	if !f.change(&t) {
		return nil
	}
	return f.Store.Settle(ctx, t)
}

// hasty leaves out the first event of a delivery that has several.
type hasty struct{ outbox.Store }

func (h hasty) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	deliveries, err := h.Store.Claim(ctx, c)
	for i := range deliveries {
		if d := &deliveries[i]; len(d.Events) > 1 {
			d.Events = d.Events[1:]
		}
	}
	return deliveries, err
}
