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
	reads [][]allocation.SKU // with locks, of the last attempt
}

func (o *inOrder) Locked(_ context.Context, fn func(allocation.Store) error) error {
	o.reads = nil
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
	l.reads = append(l.reads, skus)
	return states, err
}

// Reads that lock out of order meet a deadlock in one attempt, and not in the attempts that follow.
func TestAfterADeadlockAllProductsAreLockedFirst(t *testing.T) {
	type read func(context.Context, allocation.Repository) error
	for name, second := range map[string]read{
		"by SKU": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.Get(ctx, "APPLE")
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
			require.NoError(t, store.Seed(stock("b1", "APPLE", 5), stock("b2", "LAMP", 5)))
			units := allocation.NewUnitOfWork(store,
				&allocation.UnitOfWorkOptions{LockFirst: true, Backoff: 1, MaxBackoff: 1})
			_, err := newService(t, units, nil).Allocate(t.Context(), want("o1", "APPLE", 1))
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
			assert.Equal(t, []allocation.SKU{"APPLE", "LAMP"}, store.reads[0], "locked first")
		})
	}
}
