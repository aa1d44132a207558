package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var brokenCopies = []broken{
	{fault: "loads return the stored slices", row: "a loaded state shares no memory with the store", new: sharedOut},
	{fault: "two loads of a version share memory", row: "two loads share no memory", new: sharedOut},
	{fault: "the store keeps the slices of a commit",
		row: "committed changes share no memory with the store", new: sharedIn},
	{fault: "Commit sorts its arguments", row: "Commit doesn't change its arguments",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					slices.Reverse(c.Events)
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
}

// sharedOut caches the states of each version, and returns the cached states.
var sharedOut = with(func(s *faulty) {
	var mu sync.Mutex
	stored := map[string]allocation.State{}
	s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
		mu.Lock()
		defer mu.Unlock()
		states, err := s.Store.Load(ctx, q)
		for i, state := range states {
			key := fmt.Sprintf("%q %d %+v", state.SKU, state.Version, q)
			if _, known := stored[key]; !known {
				stored[key] = state
			}
			states[i] = stored[key]
		}
		return states, err
	}
})

// sharedIn stores the parts of lines without a copy.
var sharedIn = with(func(s *faulty) {
	var mu sync.Mutex
	stored := map[string][]allocation.Part{}
	key := func(sku allocation.SKU, order allocation.OrderID) string { return fmt.Sprintf("%q %q", sku, order) }
	s.commit = func(ctx context.Context, changes []allocation.Changes) error {
		mu.Lock()
		defer mu.Unlock()
		err := s.Store.Commit(ctx, changes)
		for _, c := range changes {
			for _, l := range slices.Concat(c.NewLines, c.Lines) {
				if err == nil {
					stored[key(c.SKU, l.OrderID)] = l.Parts
				}
			}
		}
		return err
	}
	s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
		mu.Lock()
		defer mu.Unlock()
		states, err := s.Store.Load(ctx, q)
		for _, state := range states {
			for i, l := range state.Lines {
				state.Lines[i].Parts = slices.Clone(stored[key(state.SKU, l.OrderID)])
			}
		}
		return states, err
	}
})

// pause gives another commit time to come in between. pause waits for real time, because a busy machine may not run the
// other racers after a Gosched. The wait is short, because most commits have no rival.
func pause(s *faulty) {
	before := s.commits.Load()
	for range 5 {
		if s.commits.Load() > before {
			return
		}
		<-time.After(time.Millisecond)
	}
}

var brokenRaces = []broken{
	{fault: "Commit doesn't check products that were only read",
		row: "of two decisions that depend on each other's product one is refused",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if len(c.Events) == 0 {
				onto(s, c)
			}
		})},
	{fault: "the version check and the write are not atomic",
		row: "of concurrent commits on one version exactly one succeeds",
		new: checkedBefore(func(c allocation.Changes) bool { return c.Read > 0 })},
	{fault: "the check for a new product and the write are not atomic",
		row: "of concurrent creations of a product exactly one succeeds",
		new: checkedBefore(func(c allocation.Changes) bool { return c.Read == 0 })},
	{fault: "the check for a new batch and the write are not atomic",
		row: "of concurrent announcements of a batch reference exactly one succeeds",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					if hasDuplicate(s.Store, c) {
						return allocation.ErrDuplicate
					}
				}
				pause(s)
				err := s.Store.Commit(ctx, changes)
				if !errors.Is(err, allocation.ErrDuplicate) {
					return err
				}
				changes = copyOf(changes)
				for i := range changes {
					changes[i].NewBatches = nil
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "torn reads: a load reads the products one after the other", row: "no Load sees half of a commit",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) (states []allocation.State, err error) {
				if len(q.SKUs) < 2 {
					return s.Store.Load(ctx, q)
				}
				for _, sku := range q.SKUs {
					one := q
					one.SKUs = []allocation.SKU{sku}
					state, err := s.Store.Load(ctx, one)
					if err != nil {
						return nil, err
					}
					states = append(states, state...)
					pause(s)
				}
				return states, nil
			}
		})},
	{fault: "torn reads: a load reads the lines after the product", row: "no Load sees half of a commit",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if len(q.SKUs) < 2 {
					return states, err
				}
				pause(s)
				for i := range states {
					for _, l := range whole(s.Store, states[i].SKU).Lines {
						if asksFor(q, l.OrderID) {
							addLine(s.Store, &states[i], l)
						}
					}
				}
				return states, err
			}
		})},
	{fault: "a lock timeout is no conflict",
		row: "concurrent commits of the same products end, whatever the order of the requests",
		new: with(func(s *faulty) {
			var mu sync.Mutex
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if !mu.TryLock() {
					return errors.New("database is locked")
				}
				defer mu.Unlock()
				pause(s)
				return s.Store.Commit(ctx, changes)
			}
		})},
}

// checkedBefore returns a store that checks the versions of some changes first, and writes the changes later without
// another check.
func checkedBefore(which func(c allocation.Changes) bool) func() allocation.Store {
	return with(func(s *faulty) {
		s.commit = func(ctx context.Context, changes []allocation.Changes) error {
			for _, c := range changes {
				if whole(s.Store, c.SKU).Version != c.Read {
					return allocation.ErrConflict
				}
			}
			pause(s)
			changes = copyOf(changes)
			for i := range changes {
				if which(changes[i]) {
					onto(s.Store, &changes[i])
				}
			}
			return s.Store.Commit(ctx, changes)
		}
	})
}
