package allocation_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// recovered runs a command and returns the value of its panic.
func recovered(fn func() error) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, fn()
}

// A caller whose command succeeds in a later attempt gets no panic of an earlier attempt; a caller
// who gets a panic has no line.
func TestPanicOfALostAttemptIsForgotten(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, p *processes){
		"on a cached product": func(t *testing.T, p *processes) {
			t.Helper()
			p.warm(t, want("o1", "LAMP", 1))
		},
		"before a conflict": func(t *testing.T, p *processes) {
			t.Helper()
			p.store.FailCommit(allocation.ErrConflict)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcesses(t, settings{}, stock("b1", "LAMP", 10), stock("b2", "LAMP", 10))
			prepare(t, p)
			once := true
			service := p.one.WithPolicy(func(allocation.Batch, allocation.Batch) int {
				if once {
					once = false
					panic("only once")
				}
				return 0
			})
			panicked, err := recovered(func() error {
				_, err := service.Allocate(t.Context(), want("o2", "LAMP", 1))
				return err
			})
			require.NoError(t, err)
			state, _ := p.store.Product("LAMP")
			placed := slices.ContainsFunc(state.Lines, func(a allocation.Allocation) bool { return a.OrderID == "o2" })
			assert.Equal(t, placed, panicked == nil, "placed: %v, panicked with %v", placed, panicked)
		})
	}
}

// If the store has refused the group and each command runs alone, a panic reaches its own caller
// only: the leader goes on for all others.
func TestPanicApartIsItsOwnCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100), stock("b2", "LAMP", 100))
		service := store.service(t)
		store.place(t, service, want("o0", "LAMP", 1))
		judged := 0
		bad := service.WithPolicy(func(allocation.Batch, allocation.Batch) int {
			if judged++; judged > 1 {
				panic("the member's")
			}
			return 0
		})
		store.FailCommit(nil, errBroken)
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("leader", "LAMP", 1))
		cancelled := call(func() ([]allocation.Allocation, error) { return service.Cancel(t.Context(), "o0", "LAMP") })
		member := callAllocate(t.Context(), bad, want("member", "LAMP", 1))
		close(store.let)
		require.NoError(t, (<-first).err)
		led := <-leader
		assert.Nil(t, led.panicked, "the leader's policy is fine")
		require.NoError(t, led.err)
		assert.Equal(t, "the member's", (<-member).panicked)
		assert.NoError(t, (<-cancelled).err, "it was committed")
	})
}

// armed is a store, and a hook, that panics once after a written commit.
type armed struct {
	*gate
	store, hook atomic.Bool
}

func (a *armed) Commit(ctx context.Context, changes []allocation.Changes) error {
	err := a.gate.Commit(ctx, changes)
	if a.store.CompareAndSwap(true, false) {
		panic("a broken driver")
	}
	return err
}

func (a *armed) attempt(ctx context.Context, _ string, _ int) (context.Context, func(error)) {
	return ctx, func(error) {
		if a.hook.CompareAndSwap(true, false) {
			panic("a broken exporter of spans")
		}
	}
}

// If the leader panics in or after the commit, the commands of the other callers don't run again: in
// a second run each command would find its own line and answer wrongly. After a panic of a hook the
// outcome is known; after a panic of the store the outcome is unknown.
func TestPanicAfterTheCommitRunsNothingTwice(t *testing.T) {
	for name, tt := range map[string]struct {
		arm  func(*armed)
		want error
	}{
		"in the hook":  {func(a *armed) { a.hook.Store(true) }, nil},
		"in the store": {func(a *armed) { a.store.Store(true) }, allocation.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &armed{gate: newGate(t, stock("b1", "LAMP", 100))}
				service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Attempt: store.attempt}})
				store.place(t, service, want("o0", "LAMP", 1))
				first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
				leader := callAllocate(t.Context(), service, want("leader", "LAMP", 1))
				cancelled := call(
					func() ([]allocation.Allocation, error) { return service.Cancel(t.Context(), "o0", "LAMP") },
				)
				store.let <- struct{}{}
				require.NoError(t, (<-first).err)
				synctest.Wait()
				tt.arm(store)
				close(store.let)
				assert.NotNil(t, (<-leader).panicked)
				assert.ErrorIs(t, (<-cancelled).err, tt.want)
				_, err := service.Allocate(t.Context(), want("o2", "LAMP", 1))
				assert.NoError(t, err, "the product is free again")
			})
		})
	}
}

// Members of a group whose leader ended before the commit wait again, and lose nothing but time.
func TestPanicBeforeTheCommitLetsMembersWaitAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100))
		var opts allocation.UnitOfWorkOptions
		opts.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
			if op == "Group" {
				panic("a broken exporter of spans")
			}
			return ctx, nil
		}
		service := serve(t, store, settings{units: opts})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("leader", "LAMP", 1))
		member := callAllocate(t.Context(), service, want("member", "LAMP", 1))
		close(store.let)
		require.NoError(t, (<-first).err)
		assert.NotNil(t, (<-leader).panicked)
		require.NoError(t, (<-member).err)
		state, _ := store.Product("LAMP")
		assert.Len(t, state.Lines, 2)
	})
}

// A policy that panics while a split is planned leaves nothing of the part behind, in a group, too.
func TestAPanicOfASplitLeavesNoPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 6), stock("b2", "LAMP", 9), stock("b3", "LAMP", 9))
		service := store.service(t)
		store.place(t, service, want("o0", "LAMP", 6)) // all of b1
		bad := service.WithPolicy(func(_, _ allocation.Batch) int { panic("policy") })
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		member := call(func() ([]allocation.Allocation, error) {
			_, err := bad.SplitBatch(t.Context(), "b1", allocation.Batch{Ref: "part", Purchased: 3})
			return nil, err
		})
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-leader).err)
		assert.Equal(t, "policy", (<-member).panicked)
		audit, err := service.Reconcile(t.Context(), "LAMP")
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
	})
}

// The hook Attempt hears that a command has panicked, also if the command shares the commit with nobody.
func TestAttemptHearsOfACommandThatPanics(t *testing.T) {
	for mode, opts := range modes {
		store, w := memory.New(), &watch{}
		require.NoError(t, store.Seed(stock("b1", "LAMP", 9), stock("b2", "LAMP", 9)))
		opts.units.Attempt = w.hook
		bad := serve(t, store, opts).WithPolicy(func(allocation.Batch, allocation.Batch) int { panic("no policy") })
		place := func() { _, _ = bad.Allocate(t.Context(), want("o1", "LAMP", 1)) }
		assert.PanicsWithValue(t, "no policy", place, mode)
		require.Len(t, w.attempts, 1, mode)
		require.Len(t, w.attempts[0].ends, 1, mode)
		require.ErrorContains(t, w.attempts[0].ends[0], "did not return", mode)
	}
}
