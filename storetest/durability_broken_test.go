package storetest

import (
	"context"
	"slices"
	"sync"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// journal is a store with a list of all commits. Reopening repeats the commits of the list.
type journal struct {
	*memory.Store
	mu      sync.Mutex
	commits [][]allocation.Changes
	failed  [][]allocation.Changes
}

func (j *journal) Commit(ctx context.Context, changes []allocation.Changes) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.Store.Commit(ctx, changes)
	if err == nil {
		j.commits = append(j.commits, copyOf(changes))
	} else {
		j.failed = append(j.failed, copyOf(changes))
	}
	return err
}

func newJournal() allocation.Store { return &journal{Store: memory.New()} }

// replayed reopens a journal with a fault in the repeated changes.
func replayed(spoil func(c *allocation.Changes)) func(allocation.Store) allocation.Store {
	return func(store allocation.Store) allocation.Store {
		old, again := store.(*journal), &journal{Store: memory.New()}
		for _, changes := range old.commits {
			for i := range changes {
				spoil(&changes[i])
			}
			_ = again.Commit(context.Background(), changes)
		}
		return again
	}
}

// reopenedWith reopens a journal as a store with a fault in the states of Load.
func reopenedWith(
	spoil func(s *memory.Store, q allocation.Query, state *allocation.State),
) func(allocation.Store) allocation.Store {
	return func(store allocation.Store) allocation.Store {
		again := replayed(func(*allocation.Changes) {})(store).(*journal)
		s := &faulty{Store: again.Store, commit: again.Commit, events: again.Events, audit: again.Audit}
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			states, err := again.Load(ctx, q)
			for i := range states {
				spoil(again.Store, q, &states[i])
			}
			return states, err
		}
		return s
	}
}

var brokenDurability = []broken{
	{fault: "reopening loses the number of the refusal",
		row: "a refusal's number and a used-up batch are there after the data are opened again", new: newJournal,
		reopen: replayed(func(c *allocation.Changes) { c.Refused = 0 })},
	{fault: "reopening loses used-up batches",
		row: "a refusal's number and a used-up batch are there after the data are opened again", new: newJournal,
		reopen: reopenedWith(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches,
				func(b allocation.Batch) bool { return b.Available() == 0 })
		})},
	{fault: "after reopening a used-up batch is not found by its Ref",
		row: "a refusal's number and a used-up batch are there after the data are opened again", new: newJournal,
		reopen: func(store allocation.Store) allocation.Store {
			s := reopenedWith(func(*memory.Store, allocation.Query, *allocation.State) {})(store).(*faulty)
			load := s.load
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := load(ctx, q)
				return slices.DeleteFunc(states, func(state allocation.State) bool {
					return q.Batch != "" && !slices.ContainsFunc(state.Batches, func(b allocation.Batch) bool {
						return b.Ref == q.Batch && b.Available() > 0
					})
				}), err
			}
			return s
		}},
	{fault: "reopening loses the last commit",
		row: "all committed data are there after the data are opened again", new: newJournal,
		reopen: func(store allocation.Store) allocation.Store {
			j := store.(*journal)
			j.commits = j.commits[:len(j.commits)-1]
			return replayed(func(*allocation.Changes) {})(j)
		}},
	{fault: "reopening turns holds into firm lines",
		row: "all committed data are there after the data are opened again", new: newJournal,
		reopen: replayed(func(c *allocation.Changes) {
			for i := range c.NewLines {
				c.NewLines[i].HeldUntil = noon.AddDate(1, 0, 0)
			}
		})},
	{fault: "reopening loses the events", ledger: true,
		row: "all committed data are there after the data are opened again", new: newJournal,
		reopen: replayed(func(c *allocation.Changes) {
			for i := range c.Events {
				c.Events[i] = allocation.LowStockSet{SKU: c.SKU, At: noon}
			}
		})},
	{fault: "reopening restores removed lines",
		row: "removed lines and failed commits are not there after the data are opened again",
		new: newJournal, reopen: replayed(func(c *allocation.Changes) { c.Removed = nil })},
	{fault: "reopening repeats failed commits",
		row: "removed lines and failed commits are not there after the data are opened again",
		new: newJournal, reopen: func(store allocation.Store) allocation.Store {
			j := store.(*journal)
			for _, changes := range j.failed {
				for _, c := range changes {
					_ = j.Commit(context.Background(), []allocation.Changes{c})
				}
			}
			return j
		}},
	{fault: "versions are not checked after reopening",
		row: "versions and keys are checked after the data are opened again", new: newJournal,
		reopen: func(store allocation.Store) allocation.Store {
			j := store.(*journal)
			s := &faulty{Store: j.Store, load: j.Load, events: j.Events, audit: j.Audit}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				changes = copyOf(changes)
				for i := range changes {
					onto(j.Store, &changes[i])
				}
				return j.Store.Commit(ctx, changes)
			}
			return s
		}},
}
