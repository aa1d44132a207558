package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// movement is what events moved in the counters of a batch.
type movement struct{ purchased, allocated allocation.Quantity }

// Purge deletes events that are sent and old, see [outbox.Maintainer]. Others come in after each product.
func (s *Store) Purge(ctx context.Context, before time.Time) (int64, error) {
	if err := check(ctx, "Purge"); err != nil {
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

func (s *Store) purge(p *product, before time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := slices.IndexFunc(p.events, func(r outbox.Record) bool {
		return r.Sequence > p.sent || !r.Event.Time().Before(before)
	})
	if kept < 0 {
		kept = len(p.events)
	}
	for _, r := range p.events[:kept] {
		if ref, purchased, allocated := r.Event.Movement(); ref != "" {
			m := p.moved[ref]
			p.moved[ref] = movement{m.purchased + purchased, m.allocated + allocated}
		}
	}
	p.events = slices.Clone(p.events[kept:]) // not a part of the old array, which would stay as large
	p.purged += int64(kept)
	return int64(kept)
}
