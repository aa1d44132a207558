package allocation_test

import (
	"context"
	"errors"
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
