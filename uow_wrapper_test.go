package allocation_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// countingWrapper is a wrapper around the library's unit of work that counts.
type countingWrapper struct {
	allocation.UnitOfWork
	does, runs atomic.Int64
}

func (c *countingWrapper) Unwrap() allocation.UnitOfWork { return c.UnitOfWork }

func (c *countingWrapper) Do(ctx context.Context, fn func(context.Context, allocation.Repository) error) error {
	c.does.Add(1)
	return c.UnitOfWork.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		c.runs.Add(1)
		return fn(ctx, products)
	})
}

// A group is one Do of the outermost wrapper, and each wrapper sees every attempt once.
func TestWrapperSeesEachGroupOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100))
		var attempts atomic.Int64
		inner := &countingWrapper{UnitOfWork: allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
			Attempt: func(ctx context.Context, _ string, _ int) (context.Context, func(error)) {
				attempts.Add(1)
				return ctx, nil
			},
		})}
		outer := &countingWrapper{UnitOfWork: inner}
		var groups []int
		service := newService(t, outer, &allocation.ServiceOptions{
			Group: func(_ context.Context, commands int) { groups = append(groups, commands) },
		})
		var all []<-chan outcome
		for i := range 10 {
			all = append(all, callAllocate(t.Context(), service, want(numbered("o", i), "LAMP", 1)))
		}
		close(store.let)
		for _, one := range all {
			require.NoError(t, (<-one).err)
		}
		assert.Equal(t, []int{1, 9}, groups)
		for _, w := range []*countingWrapper{outer, inner} {
			assert.Equal(t, []int64{2, 2}, []int64{w.does.Load(), w.runs.Load()})
		}
		assert.Equal(t, int64(2), attempts.Load())
	})
}

// After a lost race the wrapper's function runs again.
func TestWrapperSeesEveryAttempt(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 100)))
	store.FailCommit(allocation.ErrConflict)
	w := &countingWrapper{UnitOfWork: allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Backoff: 1})}
	_, err := newService(t, w, nil).Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 2}, []int64{w.does.Load(), w.runs.Load()})
}

// Cache, events, Reconcile and Mend work as without a wrapper, with group commit or without.
func TestServiceWorksThroughAWrapper(t *testing.T) {
	for name, opts := range map[string]allocation.ServiceOptions{"groups": {}, "no groups": {NoGroupCommit: true}} {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
			var events []allocation.Event
			var ops []string
			var hits []bool
			if !opts.NoGroupCommit {
				opts.CacheLookup = func(_ context.Context, _ allocation.SKU, hit bool) { hits = append(hits, hit) }
			}
			w := &countingWrapper{UnitOfWork: allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
				Committed: func(_ context.Context, told []allocation.Event) { events = append(events, told...) },
				Attempt: func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
					ops = append(ops, op)
					return ctx, nil
				},
			})}
			service := newService(t, w, &opts)
			for i := range 2 {
				_, err := service.Allocate(t.Context(), want(numbered("o", i), "LAMP", 2))
				require.NoError(t, err)
			}
			_, err := service.Cancel(t.Context(), numbered("o", 0))
			require.NoError(t, err)
			var short *allocation.OutOfStockError
			_, err = service.Allocate(t.Context(), want("o9", "LAMP", 20))
			require.ErrorAs(t, err, &short)
			assert.Len(t, events, 4)
			assert.Contains(t, ops, "Allocate")
			assert.Contains(t, ops, "Cancel")
			if !opts.NoGroupCommit {
				assert.Equal(t, []bool{false, true}, hits[:2])
			}
			audit, err := service.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.False(t, audit.Drifted(), "%+v", audit)
			_, err = service.Mend(t.Context(), "LAMP")
			require.NoError(t, err)
		})
	}
}

// refusing is a wrapper that never calls the unit of work inside.
type refusing struct{ allocation.UnitOfWork }

func (r refusing) Unwrap() allocation.UnitOfWork { return r.UnitOfWork }

func (r refusing) Do(context.Context, func(context.Context, allocation.Repository) error) error {
	return errBroken
}

func TestWrapperMayRefuse(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	given, err := newService(t, refusing{allocation.NewUnitOfWork(store, nil)}, nil).Allocate(t.Context(),
		want("o1", "LAMP", 1))
	require.ErrorIs(t, err, errBroken)
	assert.Empty(t, given)
}

// The hook is called around each call of the store's Commit, with the error.
func TestCommitHookHearsEachCommit(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	store.FailCommit(allocation.ErrConflict)
	var heard []error
	opts := allocation.UnitOfWorkOptions{Backoff: 1, Commit: func(context.Context) func(error) {
		return func(err error) { heard = append(heard, err) }
	}}
	units := allocation.NewUnitOfWork(store, &opts)
	_, err := newService(t, units, nil).Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	require.Len(t, heard, 2)
	assert.ErrorIs(t, heard[0], allocation.ErrConflict)
	require.NoError(t, heard[1])
	_, err = newService(t, units, nil).Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Len(t, heard, 2, "a repeat commits nothing")
}

// If the store refuses a group, each command is a Do of the wrapper by itself.
func TestWrapperSeesTheCommandsOfARefusedGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100))
		w := &countingWrapper{UnitOfWork: allocation.NewUnitOfWork(store, nil)}
		service := newService(t, w, &allocation.ServiceOptions{CacheSize: -1})
		store.FailCommit(nil, errBroken)
		var all []<-chan outcome
		for i := range 4 {
			all = append(all, callAllocate(t.Context(), service, want(numbered("o", i), "LAMP", 1)))
		}
		close(store.let)
		for _, one := range all {
			require.NoError(t, (<-one).err)
		}
		assert.Equal(t, []int64{5, 5}, []int64{w.does.Load(), w.runs.Load()}, "one, the group of three, each of them")
	})
}

// The hook Commit hears of a store that panics.
func TestCommitHookHearsOfAPanic(t *testing.T) {
	store := &explosive{Store: memory.New()}
	store.both.Add(1)
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	var heard []error
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Commit: func(context.Context) func(error) { return func(err error) { heard = append(heard, err) } },
	})
	assert.Panics(t, func() { _, _ = newService(t, units, nil).Allocate(t.Context(), want("o1", "LAMP", 1)) })
	require.Len(t, heard, 1)
	require.ErrorContains(t, heard[0], "did not return")
}

// bookkeeper is a Ledger that audits pages of products.
type bookkeeper interface {
	allocation.Ledger
	Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error)
}

// ownBooks is a host's unit of work with a ledger of its own, inside or outside of which there may be another.
type ownBooks struct {
	allocation.UnitOfWork
	bookkeeper
}

// The ledger of the outermost unit of work counts.
func TestReconcileAsksTheLedgerOfTheHostsUnitOfWork(t *testing.T) {
	books := memory.New()
	require.NoError(t, books.Seed(stock("b1", "LAMP", 10)))
	inner := allocation.NewUnitOfWork(memory.New(), nil)
	for name, units := range map[string]allocation.UnitOfWork{
		"a wrapper":     unwrapping{ownBooks{inner, books}},
		"a foreign one": ownBooks{foreign{inner}, books},
	} {
		service := newService(t, units, nil)
		audit, err := service.Reconcile(t.Context(), "LAMP")
		require.NoError(t, err, name)
		assert.EqualValues(t, 1, audit.LastEvent, name)
		audited := 0
		for _, err := range service.ReconcileAll(t.Context(), "") {
			require.NoError(t, err, name)
			audited++
		}
		assert.Equal(t, 1, audited, name)
	}
	service := newService(t, foreign{inner}, nil)
	_, err := service.Reconcile(t.Context(), "LAMP")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	for _, err := range service.ReconcileAll(t.Context(), "") {
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
}

// unwrapping is a wrapper.
type unwrapping struct{ ownBooks }

func (u unwrapping) Unwrap() allocation.UnitOfWork { return u.UnitOfWork }

// The unit of work is a Ledger if the store is one.
func TestUnitOfWorkIsTheLedgerOfItsStore(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	ledger, is := allocation.NewUnitOfWork(store, nil).(allocation.Ledger)
	require.True(t, is)
	events, err := ledger.Events(t.Context(), "LAMP", 0, 9)
	require.NoError(t, err)
	assert.Len(t, events, 1)
	audit, err := ledger.Audit(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.EqualValues(t, 1, audit.LastEvent)
	ledger = allocation.NewUnitOfWork(&plain{Store: store}, nil).(allocation.Ledger)
	_, err = ledger.Events(t.Context(), "LAMP", 0, 9)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = ledger.Audit(t.Context(), "LAMP")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	none := allocation.NewUnitOfWork(nil, nil).(bookkeeper)
	_, err = none.Events(t.Context(), "LAMP", 0, 9)
	require.ErrorIs(t, err, allocation.ErrInvalid)
	_, err = none.Audit(t.Context(), "LAMP")
	require.ErrorIs(t, err, allocation.ErrInvalid)
	_, err = none.Audits(t.Context(), "", 9)
	require.ErrorIs(t, err, allocation.ErrInvalid)
}
