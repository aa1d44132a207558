package storetest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
)

const rowTorn = "no Load sees half of a commit"

// tornBy returns a store that reads the batches of some queries after the rest.
func tornBy(which func(q allocation.Query) bool) func() allocation.Store {
	return with(func(s *faulty) {
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			states, err := s.Store.Load(ctx, q)
			if !which(q) {
				return states, err
			}
			pause(s)
			for i := range states {
				for n, batch := range states[i].Batches {
					states[i].Batches[n] = storedBatch(s.Store, states[i].SKU, batch.Ref)
				}
			}
			return states, err
		}
	})
}

var brokenMoments = []broken{
	{fault: "torn reads by order", row: rowTorn, new: tornBy(byOrder)},
	{fault: "torn reads by batch", row: rowTorn, new: tornBy(byBatch)},
	{fault: "torn reads by lapsed holds", row: rowTorn, new: tornBy(byLapse)},
	{fault: "while others commit a Load brings an older copy",
		row: "a Load after one's own commit sees the commit while others commit",
		new: with(func(s *faulty) {
			var mu sync.Mutex
			var busy atomic.Int64
			copies := map[allocation.SKU][]allocation.State{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				busy.Add(1)
				defer busy.Add(-1)
				pause(s)
				return s.Store.Commit(ctx, changes)
			}
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if len(q.SKUs) != 1 || err != nil {
					return states, err
				}
				mu.Lock()
				defer mu.Unlock()
				if old := copies[q.SKUs[0]]; old != nil && busy.Load() > 0 {
					return old, nil
				}
				copies[q.SKUs[0]] = states
				return states, nil
			}
		})},
	{fault: "a failed Commit has changed its arguments", row: "Commit doesn't change its arguments",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				if err != nil && len(changes) > 0 {
					changes[0].Version++
				}
				return err
			}
		})},
}
