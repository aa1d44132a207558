package storetest

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
)

var joinRows = []row{
	{"a store inside a host's transaction has the method Joined, and a unit of work makes one attempt",
		"a second attempt inside the transaction loses again, or works on a transaction that has ended", joinOnce},
	{"a commit inside a host's transaction is there after the host's commit",
		"the host's order row would stand without its allocation", joinCommits},
	{"a commit inside a host's transaction is gone after the host's rollback",
		"units would be promised to an order that doesn't exist", joinRollsBack},
	{"a commit inside a host's transaction is under the version check and the unique keys",
		"the last unit would be sold by each host's transaction", joinChecks},
}

// join calls Config.Join.
func (b *bench) join(fn func(joined allocation.Store) error) error {
	b.Helper()
	return b.config.Join(b.TB, b.store, fn)
}

func joinOnce(b *bench) {
	both := b.appleAndPear()
	attempts := 0
	err := b.join(func(joined allocation.Store) error {
		if _, is := joined.(interface{ Joined() }); !is {
			return errors.New("the store inside the transaction has no method Joined()")
		}
		units := allocation.NewUnitOfWork(joined, nil)
		return units.Do(b.Context(), func(ctx context.Context, products allocation.Repository) error {
			attempts++
			p, err := products.Get(ctx, "apple", "o1")
			if err != nil {
				return err
			}
			if err := b.sellOn(joined, both, "rival"); err != nil {
				return err
			}
			_, err = p.Allocate(noon, nil, line("apple", firm("o1", 1)))
			return err
		})
	})
	b.wantError(err, allocation.ErrConflict, "a unit of work that lost a race inside a host's transaction")
	if attempts != 1 {
		b.errorf("the unit of work made %d attempts, want 1", attempts)
	}
	b.wantSold(nil, "o1", "rival")
}

func joinCommits(b *bench) {
	both := b.appleAndPear()
	b.must(b.join(func(joined allocation.Store) error { return b.sellOn(joined, both, "o1") }), "a host's transaction")
	b.wantSold([]allocation.OrderID{"o1"})
}

func joinRollsBack(b *bench) {
	both := b.appleAndPear()
	for range 3 {
		committed := errNotCalled
		err := b.join(func(joined allocation.Store) error {
			committed = b.sellOn(joined, both, "o1")
			return errors.New("the host rolls back")
		})
		b.must(committed, "Commit inside a host's transaction")
		if err == nil {
			b.errorf("Config.Join with a function that returned an error = nil, want an error")
		}
		b.wantSold(nil, "o1")
	}
	b.must(b.sellOn(b.store, both, "o2"), "Commit after the host's rollback")
	b.wantSold([]allocation.OrderID{"o2"}, "o1")
}

func joinChecks(b *bench) {
	both := b.appleAndPear()
	stale, err := b.allocateOn(b.store, both, "o1")
	b.must(err, "Allocate")
	b.must(b.sellOn(b.store, both, "o2"), "Commit")
	duplicate := b.allocation("pear", firm("o1", 1))
	duplicate.NewBatches = []allocation.Batch{announcedAs("pear", stock("a1", 1))}
	for want, changes := range map[error][]allocation.Changes{
		allocation.ErrConflict: stale, allocation.ErrDuplicate: bySKU(b.allocation("apple", firm("o1", 1)), duplicate),
	} {
		err := b.join(func(joined allocation.Store) error { return joined.Commit(b.Context(), changes) })
		b.wantError(err, want, "Commit of %s inside a host's transaction", shownChanges(changes))
		b.wantSold([]allocation.OrderID{"o2"}, "o1")
	}
}
