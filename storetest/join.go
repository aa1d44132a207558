package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

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
	{"a Service inside a host's transaction reads its own writes, and tells its events after the commit",
		"handlers would hear of orders that were rolled back, or hear of an order twice", joinService},
	{"a Service inside a host's transaction gets over a stale cached product",
		"a host's transaction fails after each commit of another process", joinStale},
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

// transact runs fn in a transaction of the host, with a Service inside.
func (b *bench) transact(
	service *allocation.Service, fn func(ctx context.Context, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	b.Helper()
	begin := func(_ context.Context, do func(allocation.Store) error) error { return b.join(do) }
	return service.Transact(b.Context(), begin, fn, skus...)
}

// serve returns a Service on the store that counts the events that are told.
func (b *bench) serve() (service *allocation.Service, told *atomic.Int64) {
	b.Helper()
	told = &atomic.Int64{}
	service, err := allocation.New(allocation.NewUnitOfWork(b.store, &allocation.UnitOfWorkOptions{
		Now:       func() time.Time { return noon },
		Committed: func(_ context.Context, events []allocation.Event) { told.Add(int64(len(events))) },
	}), nil)
	b.must(err, "New")
	return service, told
}

func joinService(b *bench) {
	b.appleAndPear()
	service, told := b.serve()
	both := func(order allocation.OrderID) func(context.Context, *allocation.Service) error {
		return func(ctx context.Context, inside *allocation.Service) error {
			for _, sku := range []allocation.SKU{"apple", "pear", "apple"} { // the last is a repeat
				if _, err := inside.Allocate(ctx, line(sku, firm(order, 1))); err != nil {
					return err
				}
			}
			if told.Load() > 0 {
				b.errorf("the events were told before the commit")
			}
			return nil
		}
	}
	b.must(b.transact(service, both("o1"), "apple", "pear"), "Transact")
	if got := told.Swap(0); got != 2 {
		b.errorf("%d events were told after the commit, want 2", got)
	}
	b.wantSold([]allocation.OrderID{"o1"})
	failure := errors.New("the host rolls back")
	err := b.transact(service, func(ctx context.Context, inside *allocation.Service) error {
		return errors.Join(both("o2")(ctx, inside), failure)
	})
	b.wantError(err, failure, "Transact with a function that fails")
	if got := told.Load(); got != 0 {
		b.errorf("%d events were told after the rollback, want 0", got)
	}
	b.must(b.transact(service, both("o3"), "apple", "pear"), "Transact after a rollback")
	b.wantSold([]allocation.OrderID{"o1", "o3"}, "o2")
}

func joinStale(b *bench) {
	both := b.appleAndPear()
	service, _ := b.serve()
	_, err := service.Allocate(b.Context(), line("apple", firm("o1", 1)), line("pear", firm("o1", 1)))
	b.must(err, "Allocate")
	b.must(b.sellOn(b.store, both, "rival"), "Commit")
	b.must(b.transact(service, func(ctx context.Context, inside *allocation.Service) error {
		_, err := inside.Allocate(ctx, line("apple", firm("o2", 1)), line("pear", firm("o2", 1)))
		return err
	}), "Transact after another process has changed a cached product")
	b.wantSold([]allocation.OrderID{"o1", "o2", "rival"})
}
