package allocation_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A caller whose context ends in the queue gets the error of the context, and the command never runs.
func TestCallerLeavesTheQueueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		ctx, cancel := context.WithCancel(t.Context())
		second := callAllocate(ctx, service, want("o2", "LAMP", 1))
		cancel()
		assert.Equal(t, context.Canceled, (<-second).err, "the command had not begun, and nothing is unknown")
		close(store.let)
		require.NoError(t, (<-first).err)
		_, err := service.Cancel(t.Context(), "o2")
		require.ErrorIs(t, err, allocation.ErrNotFound)
	})
}

// A caller whose context ends during the commit gets ErrUnknownOutcome; the leader and the others get
// the outcome.
func TestCallerLeavesARunningCommitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leading, stopLeading := context.WithCancel(t.Context())
		second := callAllocate(leading, service, want("o2", "LAMP", 1)) // will lead
		taken, leave := context.WithCancel(t.Context())
		third := callAllocate(taken, service, want("o3", "LAMP", 1))
		fourth := callAllocate(t.Context(), service, want("o4", "LAMP", 1))
		store.let <- struct{}{}
		synctest.Wait()
		stopLeading()
		leave()
		synctest.Wait()
		left := <-third
		require.ErrorIs(t, left.err, allocation.ErrUnknownOutcome)
		require.ErrorIs(t, left.err, context.Canceled)
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err, "the leader hears the real outcome")
		require.NoError(t, (<-fourth).err, "the commit goes on for the others")
		again, err := service.Allocate(t.Context(), want("o3", "LAMP", 1))
		require.NoError(t, err)
		assert.Len(t, again, 1)
		state, _ := store.Product("LAMP")
		assert.Equal(t, allocation.Quantity(4), state.Batches[0].Allocated, "the caller who left got the line once")
	})
}

func TestGroupEndsWhenEverybodyHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o0", "LAMP", 1))
		ctx, cancel := context.WithCancel(t.Context())
		var ended []<-chan outcome
		for i := range 3 {
			ended = append(ended, callAllocate(ctx, service, want(numbered("o", i+1), "LAMP", 1)))
		}
		store.let <- struct{}{}
		require.NoError(t, (<-first).err)
		synctest.Wait()
		cancel()
		for _, e := range ended {
			require.ErrorIs(t, (<-e).err, context.Canceled)
		}
		close(store.let)
		_, err := service.Allocate(t.Context(), want("o9", "LAMP", 1))
		require.NoError(t, err, "the lead is not lost")
	})
}

// A leader stays beyond its own deadline while any other caller waits for the commit, and returns
// once all others have left.
func TestLeaderStaysForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leader := callAllocate(soon, service, want("o2", "LAMP", 1))
		patient, leave := context.WithCancel(t.Context())
		other := callAllocate(patient, service, want("o3", "LAMP", 1))
		store.let <- struct{}{}
		require.NoError(t, (<-first).err)
		<-time.After(time.Hour) // the store hangs
		synctest.Wait()
		assert.Empty(t, leader, "the leader has returned, and nobody carries out the commit")
		leave()
		synctest.Wait()
		require.ErrorIs(t, (<-other).err, allocation.ErrUnknownOutcome)
		require.Len(t, leader, 1, "leaders that returned after all others had left")
		assert.ErrorIs(t, (<-leader).err, context.DeadlineExceeded, "the commit was called off")
	})
}

// A command that goes on without its caller reads none of the caller's memory: a later attempt would
// allocate lines that nobody asked for.
func TestCallerWhoLeftMayReuseItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100))
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		second := callAllocate(t.Context(), service, want("o2", "LAMP", 1)) // will lead
		ctx, leave := context.WithCancel(t.Context())
		mine := []allocation.Request{want("o3", "LAMP", 1)}
		third := callAllocate(ctx, service, mine...)
		store.FailCommit(nil, allocation.ErrConflict)
		store.let <- struct{}{}
		synctest.Wait()
		leave()
		require.ErrorIs(t, (<-third).err, allocation.ErrUnknownOutcome)
		mine[0].Quantity = -1
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err)
		state, _ := store.Product("LAMP")
		assert.Equal(t, allocation.Quantity(3), state.Batches[0].Allocated)
		for _, l := range state.Lines {
			assert.Equal(t, allocation.Quantity(1), l.Quantity, "order %s", l.OrderID)
		}
	})
}

// leaveOrder leaves the order "mine" while it is being committed together with a second one, after a first.
func leaveOrder(t *testing.T, store *gate, service *allocation.Service) (first, second <-chan outcome) {
	t.Helper()
	first = callAllocate(t.Context(), service, want("o1", "LAMP", 1))
	second = callAllocate(t.Context(), service, want("o2", "LAMP", 1))
	ctx, leave := context.WithCancel(t.Context())
	mine := callAllocate(ctx, service, want("mine", "LAMP", 1))
	store.let <- struct{}{}
	synctest.Wait()
	leave()
	require.ErrorIs(t, (<-mine).err, allocation.ErrUnknownOutcome)
	return first, second
}

// A caller who left with an unknown outcome may cancel to be sure. The Cancel waits for the commit
// that may still place the order, with SKUs or without.
func TestCancelAfterLeavingWaitsForTheRunningCommit(t *testing.T) {
	for name, skus := range map[string][]allocation.SKU{"by order": nil, "by SKU": {"LAMP"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newGate(t, stock("b1", "LAMP", 100))
				service := store.service(t)
				first, second := leaveOrder(t, store, service)
				cancelled := call(
					func() ([]allocation.Allocation, error) { return service.Cancel(t.Context(), "mine", skus...) },
				)
				close(store.let)
				require.NoError(t, (<-first).err)
				require.NoError(t, (<-second).err)
				require.NoError(t, (<-cancelled).err)
				state, _ := store.Product("LAMP")
				assert.Equal(t, allocation.Quantity(2), state.Batches[0].Allocated, "the order was cancelled last")
			})
		})
	}
}

// slowByOrder is a gate whose answers to look-ups by order wait.
type slowByOrder struct {
	*gate
	answer chan struct{}
}

func (s *slowByOrder) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := s.gate.Load(ctx, q)
	if q.Order != "" {
		<-s.answer
	}
	return states, err
}

// The Cancel sees the line even if the commit ends during the lookup of the order: the outdated
// lookup is no answer.
func TestCancelAfterLeavingTrustsNoOutdatedLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowByOrder{newGate(t, stock("b1", "LAMP", 100)), make(chan struct{})}
		service := serve(t, store, settings{})
		first, second := leaveOrder(t, store.gate, service)
		cancelled := call(func() ([]allocation.Allocation, error) { return service.Cancel(t.Context(), "mine") })
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err)
		close(store.answer)
		require.NoError(t, (<-cancelled).err)
		state, _ := store.Product("LAMP")
		assert.Equal(t, allocation.Quantity(2), state.Batches[0].Allocated, "the order was cancelled last")
	})
}

// A caller who leaves costs a small share, and no search through the whole queue: every waiting
// caller has a product of its own, so that the memory used would show a search.
func TestManyMayLeaveAtOnce(t *testing.T) {
	const callers = 500
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 1<<40))
		for i := range callers {
			require.NoError(t,
				store.Seed(stock(allocation.BatchRef(numbered("b", i)), allocation.SKU(numbered("s", i)), 1)))
		}
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o", "LAMP", 1))
		ctx, leave := context.WithCancel(t.Context())
		var ended []<-chan outcome
		for i := range callers {
			order := numbered("o", i)
			ended = append(ended,
				callAllocate(ctx, service, want(order, "LAMP", 1), want(order, allocation.SKU(numbered("s", i)), 1)))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		leave()
		synctest.Wait()
		runtime.ReadMemStats(&after)
		for _, e := range ended {
			require.Equal(t, context.Canceled, (<-e).err)
		}
		assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/callers, uint64(4<<10), "bytes for each caller who left")
		last := callAllocate(t.Context(), service, want("last", "LAMP", 1))
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-last).err)
		state, _ := store.Product("LAMP")
		assert.Len(t, state.Lines, 2)
	})
}
