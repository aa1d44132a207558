package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// movement is the sum of changes to a batch's counters by events.
type movement struct{ purchased, allocated allocation.Quantity }

// Purge deletes sent events that happened before the given time, see [outbox.Maintainer]. The store is locked for one
// product at a time, so that other calls don't wait for the whole purge.
func (s *Store) Purge(ctx context.Context, before time.Time) (int64, error) {
	if err := s.check(ctx, "Purge"); err != nil {
		return 0, err
	}
	s.mu.Lock()
	products := slices.Collect(maps.Values(s.products))
	s.mu.Unlock()
	var purged int64
	for _, p := range products {
		if err := ctx.Err(); err != nil {
			return purged, err
		}
		purged += s.purge(p, before)
	}
	return purged, nil
}

// purge deletes a product's sent events up to the first event that has to stay. The movements of deleted events are
// added to p.moved, because Audit adds up all events of a product.
func (s *Store) purge(p *product, before time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := slices.IndexFunc(p.events, func(r outbox.Record) bool {
		return r.Sequence > p.sent || !r.Event.Time().Before(before)
	})
	if first < 0 {
		first = len(p.events)
	}
	for _, r := range p.events[:first] {
		p.purged = r.Sequence
		if ref, purchased, allocated := r.Event.Movement(); ref != "" {
			m := p.moved[ref]
			p.moved[ref] = movement{m.purchased + purchased, m.allocated + allocated}
		}
	}
	p.events = slices.Clone(p.events[first:]) // a slice of the old array would keep the whole array in memory
	return int64(first)
}
