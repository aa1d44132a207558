package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

var lockerRows = []row{
	{"Locked commits if the function returns nil",
		"the customer has been told that the order stands", lockerCommits},
	{"Locked takes everything back if the function returns an error, and returns the error",
		"a swallowed error tells a customer yes, and no unit is promised to the customer", lockerError},
	{"Locked takes everything back if the function panics or ends its goroutine",
		"the caller takes the commands for undone, and a caller further up may recover", lockerPanic},
	{"nobody else changes a product between the Load and the end of Locked",
		"after a lost race the next attempt must win, or a caller of a busy product starves", lockerHolds},
	{"a second Locked that loads the same product waits or loses, whatever the query",
		"two callers that both have the lock sell the same unit, or lose races for ever", lockerSecond},
	{"a commit inside Locked is under the version check and the unique keys",
		"a decision may be older than the lock, and a delivery note may be repeated", lockerChecks},
	{"a commit that failed inside Locked leaves nothing, even if the function returns nil",
		"half an order would be written (R5)", lockerSwallowed},
	{"two functions that lock products in opposite orders end, and a deadlock is an ErrConflict",
		"a deadlock that isn't recognised as a lost race reaches the customer as a failure", lockerDeadlock},
	{"Locked with an ended context or a nil context writes nothing",
		"after the error the caller assumes that nothing was written", lockerContext},
	{"the store works after a function inside Locked that failed",
		"a lock or a connection that stays behind stops the shop", lockerAfter},
	{"callers of a unit of work that locks first sell no unit twice",
		"each caller that got a yes must have a unit", lockerSells},
}

// isLocker reports whether the store implements allocation.Locker.
func isLocker(store allocation.Store) bool {
	_, able := store.(allocation.Locker)
	return able
}

// lockPatience is how long a row waits for a call that a correct store doesn't let through. A row on a correct store
// passes whatever the time.
const lockPatience = 10 * time.Millisecond

// lock calls Locked of the store.
func (b *bench) lock(ctx context.Context, fn func(inside allocation.Store) error) error {
	b.Helper()
	locker, able := b.store.(allocation.Locker)
	if !able {
		b.fatalf("the store declares topic %q and doesn't implement allocation.Locker", Locker)
	}
	return locker.Locked(ctx, fn)
}

// allocateOn loads products from a store by the query, and returns the changes of an allocation of one unit of each
// product. allocateOn returns errors, because FailNow is allowed only on the goroutine of the test.
func (b *bench) allocateOn(
	store allocation.Store, q allocation.Query, order allocation.OrderID,
) ([]allocation.Changes, error) {
	q.Orders = append(q.Orders, order)
	states, err := store.Load(b.Context(), q)
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		return nil, fmt.Errorf("Load(%s) inside Locked = no products", shown(q))
	}
	var changes []allocation.Changes
	for _, s := range states {
		p, err := s.Product(q)
		if err != nil {
			return nil, err
		}
		if _, err := p.Allocate(noon, nil, line(s.SKU, firm(order, 1))); err != nil {
			return nil, err
		}
		changes = append(changes, p.Changes())
	}
	return bySKU(changes...), nil
}

// sellOn is allocateOn with the commit.
func (b *bench) sellOn(store allocation.Store, q allocation.Query, order allocation.OrderID) error {
	changes, err := b.allocateOn(store, q, order)
	if err != nil {
		return err
	}
	return store.Commit(b.Context(), changes)
}

// appleAndPear announces two products with a held and a firm line of apple, and returns the query for both products.
func (b *bench) appleAndPear() allocation.Query {
	b.Helper()
	b.announce("apple", stock("a1", 1000))
	b.announce("pear", stock("p1", 1000))
	b.allocate("apple", firm("old", 1), held("lapses", 1, minute(1)))
	return ofSKUs("apple", "pear")
}

// wantSold checks that both products have the lines of exactly these orders, besides the lines of appleAndPear.
func (b *bench) wantSold(sold []allocation.OrderID, unsold ...allocation.OrderID) {
	b.Helper()
	orders := slices.Concat(sold, unsold)
	for _, sku := range []allocation.SKU{"apple", "pear"} {
		q := of(sku, orders...)
		s := b.state(q)
		b.wantLines(s, q, sold...)
		ref := allocation.BatchRef(sku[:1] + "1")
		before := map[allocation.SKU]allocation.Quantity{"apple": 2}[sku]
		if got, want := b.batchOf(s, ref).Allocated, before+allocation.Quantity(len(sold)); got != want {
			b.errorf("allocated units of batch %q = %d, want %d", ref, got, want)
		}
	}
}

func lockerCommits(b *bench) {
	both := b.appleAndPear()
	for i, order := range []allocation.OrderID{"o1", "o2", "o3"} {
		err := b.lock(b.Context(), func(inside allocation.Store) error { return b.sellOn(inside, both, order) })
		b.must(err, "Locked")
		b.wantSold([]allocation.OrderID{"o1", "o2", "o3"}[:i+1])
	}
	b.must(b.lock(b.Context(), func(allocation.Store) error { return nil }), "Locked without a call inside")
	err := b.lock(b.Context(), func(inside allocation.Store) error {
		_, err := inside.Load(b.Context(), both)
		return err
	})
	b.must(err, "Locked with a Load inside")
	b.must(b.sellOn(b.store, both, "o4"), "Commit after Locked")
	b.wantSold([]allocation.OrderID{"o1", "o2", "o3", "o4"})
}

func lockerError(b *bench) {
	both := b.appleAndPear()
	for _, mine := range []error{
		errors.New("a mistake of the host"), fmt.Errorf("another unit of work: %w", allocation.ErrConflict),
		&allocation.OutOfStockError{},
	} {
		for _, writes := range []bool{true, false} {
			var writing error
			err := b.lock(b.Context(), func(inside allocation.Store) error {
				if writes {
					writing = b.sellOn(inside, both, "o1")
				}
				return mine
			})
			b.must(writing, "Commit inside Locked")
			if err != mine { //nolint:errorlint // the error itself
				b.errorf("Locked with a function that returned the error %q = %v, want the same error", mine, err)
			}
			b.wantSold(nil, "o1")
		}
	}
	var inside error
	b.allocate("apple", firm("o2", 1))
	stale := checkOnly(allocation.State{SKU: "apple", Version: 1})
	err := b.lock(b.Context(), func(store allocation.Store) error {
		inside = store.Commit(b.Context(), []allocation.Changes{stale})
		return inside
	})
	b.wantError(inside, allocation.ErrConflict, "Commit of an outdated version inside Locked")
	b.wantError(err, allocation.ErrConflict, "Locked with a function that returned the error of the Commit inside")
}

func lockerPanic(b *bench) {
	both := b.appleAndPear()
	for _, writes := range []bool{true, false} {
		for name, end := range map[string]func(){
			"panics": func() { panic("a mistake of the host") }, "ends its goroutine": runtime.Goexit,
		} {
			writing := errNotCalled
			returned := b.apart(func() {
				_ = b.lock(b.Context(), func(inside allocation.Store) error {
					if writing = nil; writes {
						writing = b.sellOn(inside, both, "o1")
					}
					end()
					return nil
				})
			})
			b.must(writing, "Commit inside Locked")
			if returned {
				b.errorf("Locked with a function that %s returned, want the same end of the caller", name)
			}
			b.wantSold(nil, "o1")
		}
	}
}

// errNotCalled is the result of a function that was not called.
var errNotCalled = errors.New("the function was not called")

// apart runs fn on another goroutine, and reports whether fn returned, rather than panicked or ended the goroutine.
func (b *bench) apart(fn func()) (returned bool) {
	var done sync.WaitGroup
	done.Go(func() {
		defer func() { _ = recover() }()
		fn()
		returned = true
	})
	done.Wait()
	return returned
}

func lockerContext(b *bench) {
	both := b.appleAndPear()
	sell := func(inside allocation.Store) error { return b.sellOn(inside, both, "o1") }
	for want, ctx := range b.endedContexts() {
		b.wantError(b.lock(ctx, sell), want, "Locked with an ended context")
		b.wantSold(nil, "o1")
		within := b.lock(b.Context(), func(inside allocation.Store) error {
			_, err := inside.Load(ctx, both)
			return err
		})
		b.wantError(within, want, "Load inside Locked with an ended context")
		changes, err := b.allocateOn(b.store, both, "o1")
		b.must(err, "Allocate")
		within = b.lock(b.Context(), func(inside allocation.Store) error { return inside.Commit(ctx, changes) })
		b.wantError(within, want, "Commit inside Locked with an ended context")
		b.wantSold(nil, "o1")
	}
	var none context.Context
	b.wantInvalid(calm(func() error { return b.lock(none, sell) }), "Locked")
	b.wantSold(nil, "o1")
	for i, ending := range []bool{false, true} {
		order := allocation.OrderID(fmt.Sprint("o", i+2))
		changes, err := b.allocateOn(b.store, both, order)
		b.must(err, "Allocate")
		before := b.snapshot(changes...)
		ctx, cancel := context.WithCancel(b.Context())
		err = b.lock(ctx, func(inside allocation.Store) error {
			err := inside.Commit(b.Context(), changes)
			if ending {
				cancel()
			}
			return err
		})
		b.wantOutcome(err, before, changes...)
		cancel()
	}
}

func lockerAfter(b *bench) {
	both := b.appleAndPear()
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	for range 20 {
		for _, end := range []func() error{
			func() error { return errNotCalled }, func() error { panic("a mistake of the host") },
			func() error { runtime.Goexit(); return nil },
			func() error { return ctx.Err() },
		} {
			b.apart(func() {
				_ = b.lock(b.Context(), func(inside allocation.Store) error {
					return errors.Join(b.sellOn(inside, both, "o1"), end())
				})
			})
		}
		b.apart(func() { _ = b.lock(ctx, func(inside allocation.Store) error { return b.sellOn(inside, both, "o1") }) })
	}
	limited, stop := context.WithTimeout(b.Context(), deadlockPatience)
	defer stop()
	err := b.lock(limited, func(inside allocation.Store) error { return b.sellOn(inside, both, "o1") })
	b.must(err, "Locked after functions that failed")
	changes, err := b.allocateOn(b.store, both, "o2")
	b.must(err, "Load after Locked")
	b.must(b.store.Commit(limited, changes), "Commit after Locked")
	b.wantSold([]allocation.OrderID{"o1", "o2"})
}
