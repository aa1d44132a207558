package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// lockable is a store that notes which attempts ran with locks, and how they ended.
type lockable struct {
	*memory.Store
	plain int
	ended []error
}

func (l *lockable) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	l.plain++
	return l.Store.Load(ctx, q)
}

func (l *lockable) Locked(_ context.Context, fn func(allocation.Store) error) error {
	err := fn(l.Store)
	l.ended = append(l.ended, err)
	return err
}

func newLockable(t *testing.T, opts allocation.UnitOfWorkOptions) (*lockable, *allocation.Service) {
	t.Helper()
	store := &lockable{Store: memory.New()}
	require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
	opts.Backoff, opts.MaxBackoff = 1, 1
	return store, newService(t, allocation.NewUnitOfWork(store, &opts), &allocation.ServiceOptions{CacheSize: -1})
}

func TestDoLocksAfterALostRace(t *testing.T) {
	store, service := newLockable(t, allocation.UnitOfWorkOptions{})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Empty(t, store.ended, "nothing was lost yet")

	store.FailCommit(allocation.ErrConflict, allocation.ErrConflict)
	_, err = service.Allocate(t.Context(), want("o2", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, 2, store.plain, "first attempts")
	require.Len(t, store.ended, 2)
	require.ErrorIs(t, store.ended[0], allocation.ErrConflict)
	assert.NoError(t, store.ended[1])
}

func TestDoLocksFromTheStartIfAsked(t *testing.T) {
	store, service := newLockable(t, allocation.UnitOfWorkOptions{LockFirst: true})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Zero(t, store.plain)
	assert.Equal(t, []error{nil}, store.ended)
}

func TestDoTakesBackWhatFailsUnderLock(t *testing.T) {
	store, _ := newLockable(t, allocation.UnitOfWorkOptions{})
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{LockFirst: true})
	failure := errors.New("changed my mind")
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		require.NoError(t, allocate(ctx, products, "o1", "LAMP"))
		return failure
	})
	assert.Same(t, failure, err)
	assert.Equal(t, []error{failure}, store.ended, "the store hears of it")
}

// joined is a store in a transaction of the host's own.
type joined struct{ *memory.Store }

func (joined) Joined() {}

func TestClearingIsPartOfAHostsTransaction(t *testing.T) {
	f := flood(t, 3*floodPage)
	units := allocation.NewUnitOfWork(joined{f.Store},
		&allocation.UnitOfWorkOptions{Now: f.clock.Now, PageSize: floodPage})
	_, err := newService(t, units, nil).Allocate(t.Context(), want("z", "LAMP", 3*floodPage+1))
	require.NoError(t, err)
	assert.Zero(t, f.holds(t), "lapsed holds that are left")
}

func TestDoNeverTriesAgainInAHostsTransaction(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
	for _, fault := range []error{allocation.ErrConflict, allocation.ErrDuplicate} {
		store.FailCommit(fault)
		units := allocation.NewUnitOfWork(joined{store}, nil)
		_, err := newService(t, units, nil).Allocate(t.Context(), want("o1", "LAMP", 1))
		assert.ErrorIs(t, err, fault)
	}
}

// inOrder is a store on which a read with locks is a deadlock, unless the read locks behind everything that is locked.
type inOrder struct {
	*memory.Store
	plain int                // reads without locks
	asked [][]allocation.SKU // by reads with locks, of the last attempt
	reads [][]allocation.SKU // with locks, of the last attempt
}

func (o *inOrder) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	o.plain++
	return o.Store.Load(ctx, q)
}

func (o *inOrder) Locked(_ context.Context, fn func(allocation.Store) error) error {
	o.reads, o.asked = nil, nil
	return fn(lockingInOrder{o})
}

type lockingInOrder struct{ *inOrder }

func (l lockingInOrder) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := l.Store.Load(ctx, q)
	held := slices.Concat(l.reads...)
	var skus []allocation.SKU
	for _, s := range states {
		if len(held) > 0 && s.SKU < slices.Max(held) && !slices.Contains(held, s.SKU) {
			return nil, fmt.Errorf("%w: deadlock", allocation.ErrConflict)
		}
		skus = append(skus, s.SKU)
	}
	l.asked, l.reads = append(l.asked, q.SKUs), append(l.reads, skus)
	return states, err
}

// Reads that lock out of order meet a deadlock in one attempt, and not in the attempts that follow.
func TestAfterADeadlockAllProductsAreLockedFirst(t *testing.T) {
	type read func(context.Context, allocation.Repository) error
	for name, second := range map[string]read{
		"by SKU": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetMany(ctx, []allocation.SKU{"ZEBRA", "APPLE"})
			return err
		},
		"by order": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetByOrder(ctx, "o1")
			return err
		},
		"by batch": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetByBatch(ctx, "b1")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &inOrder{Store: memory.New()}
			require.NoError(t, store.Seed(stock("b1", "APPLE", 5), stock("b2", "LAMP", 5), stock("b3", "ZEBRA", 5)))
			units := allocation.NewUnitOfWork(store,
				&allocation.UnitOfWorkOptions{LockFirst: true, Backoff: 1, MaxBackoff: 1})
			_, err := newService(t, units, nil).Allocate(t.Context(), want("o1", "APPLE", 1), want("o1", "ZEBRA", 1))
			require.NoError(t, err)
			runs := 0
			require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				runs++
				if _, err := products.Get(ctx, "LAMP"); err != nil {
					return err
				}
				return second(ctx, products)
			}))
			assert.Equal(t, 2, runs, "attempts")
			wanted := []allocation.SKU{"APPLE", "LAMP", "ZEBRA"}
			if name == "by batch" {
				wanted = wanted[:2]
			}
			assert.Equal(t, wanted, store.reads[0], "locked first")
			assert.Equal(t, wanted, store.asked[0], "asked for first")
			assert.Equal(t, map[bool]int{true: 0, false: 1}[name == "by SKU"], store.plain, "lookups of products")
		})
	}
}

// vague is a store whose transactions with locks commit, and lose the answer.
type vague struct{ *lockable }

func (v vague) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	if err := v.lockable.Locked(ctx, fn); err != nil {
		return err
	}
	return allocation.ErrUnknownOutcome
}

// Nobody hears events of a transaction whose COMMIT has an unknown outcome.
func TestCommittedHearsNothingOfATransactionOfUnknownOutcome(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			j := &journal{}
			store, _ := newLockable(t, allocation.UnitOfWorkOptions{})
			opts.units = allocation.UnitOfWorkOptions{LockFirst: true, Committed: j.hook}
			_, err := serve(t, vague{store}, opts).Allocate(t.Context(), want("o1", "LAMP", 1))
			require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
			assert.Empty(t, j.commits)
		})
	}
}

// A read that lost a race while nothing was locked met no deadlock, so the next attempt reads nothing beforehand.
func TestAfterALostReadWithoutLocksNothingIsLockedBeforehand(t *testing.T) {
	for name, tt := range map[string]struct {
		lockFirst bool
		faults    []error
	}{
		"the first read, with locks":     {true, []error{allocation.ErrConflict}},
		"the first read, without locks":  {false, []error{allocation.ErrConflict}},
		"the second read, without locks": {false, []error{nil, allocation.ErrConflict}},
	} {
		store := &inOrder{Store: memory.New()}
		require.NoError(t, store.Seed(stock("b1", "APPLE", 5), stock("b2", "LAMP", 5)))
		opts := allocation.UnitOfWorkOptions{LockFirst: tt.lockFirst, Backoff: 1}
		store.FailLoad(tt.faults...)
		require.NoError(t, allocation.NewUnitOfWork(store, &opts).Do(t.Context(),
			func(ctx context.Context, products allocation.Repository) error {
				if err := allocate(ctx, products, "o1", "APPLE"); err != nil {
					return err
				}
				return allocate(ctx, products, "o1", "LAMP")
			}), name)
		assert.Equal(t, [][]allocation.SKU{{"APPLE"}, {"LAMP"}}, store.reads, name)
	}
}

// A read that fails, while the products to lock are looked up or locked, ends the unit of work.
func TestAReadThatFailsBetweenTwoAttemptsIsTheAnswer(t *testing.T) {
	for name, reads := range map[string]int{"the lookup of the products": 2, "the read that locks them all": 3} {
		t.Run(name, func(t *testing.T) {
			store := &inOrder{Store: memory.New()}
			require.NoError(t, store.Seed(stock("b1", "APPLE", 5), stock("b2", "LAMP", 5)))
			units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{LockFirst: true, Backoff: 1})
			store.FailLoad(append(make([]error, reads), errBroken)...)
			runs := 0
			require.ErrorIs(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				runs++
				if _, err := products.Get(ctx, "LAMP"); err != nil {
					return err
				}
				_, err := products.GetByBatch(ctx, "b1")
				return err
			}), errBroken)
			assert.Equal(t, 1, runs, "attempts in which the function ran")
		})
	}
}
