package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/cosmic-go/allocation"
)

const (
	rowJoinOnce   = "a store inside a host's transaction has the method Joined, and a unit of work makes one attempt"
	rowJoinCommit = "a commit inside a host's transaction is there after the host's commit"
	rowJoinBack   = "a commit inside a host's transaction is gone after the host's rollback"
	rowJoinChecks = "a commit inside a host's transaction is under the version check and the unique keys"
	rowJoinServes = "a Service inside a host's transaction reads its own writes, and tells its events after the commit"
	rowJoinStale  = "a Service inside a host's transaction gets over a stale cached product"
)

// joined is a store in a host's transaction.
type joined struct{ insider }

func (joined) Joined() {}

// hosting returns a Config.Join with a fault in the store inside the transaction; nil for none.
func hosting(
	replace func(s *lockable, i *insider),
) func(testing.TB, allocation.Store, func(allocation.Store) error) error {
	return func(_ testing.TB, store allocation.Store, fn func(allocation.Store) error) error {
		s := store.(*lockable)
		return s.transact(context.Background(), func(inside allocation.Store) error {
			i := insider{Store: inside, load: inside.Load, commit: inside.Commit}
			if replace != nil {
				replace(s, &i)
			}
			return fn(joined{i})
		})
	}
}

var brokenJoins = []broken{
	{fault: "a store in a host's transaction has no method Joined", row: rowJoinOnce, new: withLocks(nil),
		join: func(_ testing.TB, store allocation.Store, fn func(allocation.Store) error) error {
			return store.(*lockable).transact(context.Background(), fn)
		}},
	{fault: "a Commit inside is lost", row: rowJoinCommit, new: withLocks(nil),
		join: hosting(func(s *lockable, i *insider) { i.commit = s.begin().Commit })},
	{fault: "a Commit inside doesn't wait for the host", row: rowJoinBack, new: withLocks(nil),
		join: hosting(func(s *lockable, i *insider) { i.commit = s.write })},
	{fault: "a Commit inside doesn't check the version", row: rowJoinChecks, new: withLocks(nil),
		join: hosting(func(s *lockable, i *insider) {
			i.commit = func(ctx context.Context, changes []allocation.Changes) error {
				changes = copyOf(changes)
				for n := range changes {
					onto(s.store(), &changes[n])
				}
				return i.Store.Commit(ctx, changes)
			}
		})},
}

var brokenServices = []broken{
	{fault: "a Load inside doesn't see the writes of the transaction", row: rowJoinServes, new: withLocks(nil),
		join: hosting(func(s *lockable, i *insider) { i.load = s.store().Load })},
	{fault: "a lost race inside is an error without a sentinel", row: rowJoinStale, new: withLocks(nil),
		join: hosting(func(_ *lockable, i *insider) {
			lost := false
			i.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if lost {
					return errors.New("the transaction is over")
				}
				err := i.Store.Commit(ctx, changes)
				lost = errors.Is(err, allocation.ErrConflict)
				return err
			}
		})},
}

func TestAConformingLockerIsAccepted(t *testing.T) {
	sound := broken{new: withLocks(nil), join: hosting(nil)}
	for _, g := range groups {
		if g.topic == Outbox || g.topic == Upkeep || g.topic == Views || g.topic == Guests || g.topic == Within {
			continue
		}
		for name, seen := range failures(t, sound.config(), g.topic) {
			t.Errorf("%s/%s: %s", g.topic, name, seen)
		}
	}
}
