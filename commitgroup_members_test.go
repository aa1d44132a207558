package allocation_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// One group has all kinds of failures, and each command gets its own answer.
func TestGroupMembersDoNotTouchEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b4", "LAMP", 10))
		service := store.service(t)
		bad := service.WithPolicy(func(allocation.Batch, allocation.Batch) int { panic("no policy") })
		ctx := t.Context()
		first := callAllocate(ctx, service, want("o0", "LAMP", 1))
		fine := callAllocate(ctx, service, want("o1", "LAMP", 2))
		short := callAllocate(ctx, service, want("o2", "LAMP", 11))
		mismatch := callAllocate(ctx, service, want("o0", "LAMP", 2))
		repeat := callAllocate(ctx, service, want("o0", "LAMP", 1))
		panics := callAllocate(ctx, bad, want("o3", "LAMP", 1), want("o3", "SOFA", 1))
		halfway := call(func() ([]allocation.Allocation, error) { return service.Cancel(ctx, "o0", "LAMP", "SOFA") })
		last := callAllocate(ctx, service, want("o4", "LAMP", 7))

		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-fine).err)
		var out *allocation.OutOfStockError
		require.ErrorAs(t, (<-short).err, &out)
		assert.Equal(t, allocation.Quantity(10), out.Shortages[0].Available)
		require.ErrorIs(t, (<-mismatch).err, allocation.ErrMismatch)
		again := <-repeat
		require.NoError(t, again.err)
		assert.Equal(t, allocation.Quantity(1), again.given[0].Quantity)
		require.ErrorIs(t, (<-halfway).err, allocation.ErrNotFound, "there is no line of SOFA")
		require.NoError(t, (<-last).err)
		assert.Equal(t, "no policy", (<-panics).panicked, "a panic is the business of its own caller")
		state, _ := store.Product("LAMP")
		assert.Equal(t, allocation.Quantity(1+2+7), state.Batches[0].Allocated+state.Batches[1].Allocated)
		assert.LessOrEqual(t, store.commits.Load(), int64(2), "commits")
	})
}

// If the outcome of a group is unknown, all answers are unknown, even of commands that wrote nothing:
// these answers may rest on the writes of others.
func TestAnswersOfAnUnknownOutcomeAreUnknown(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 100))
	p.warm(t, want("o1", "LAMP", 1))
	orders := [][]allocation.Request{{want("o1", "LAMP", 2)}, {want("o2", "LAMP", 1)}}
	p.store.LoseAnswer()
	given, errs := p.one.AllocateEach(t.Context(), orders)
	for i, err := range errs {
		assert.ErrorIs(t, err, allocation.ErrUnknownOutcome, "order %d", i)
		assert.Nil(t, given[i], "order %d", i)
	}
	_, errs = p.one.AllocateEach(t.Context(), orders)
	assert.ErrorIs(t, errs[0], allocation.ErrMismatch, "asked again")
	assert.NoError(t, errs[1], "asked again")
}

// traceStore remembers the trace parents of each order's events.
type traceStore struct {
	*gate
	mu     sync.Mutex
	traces map[allocation.OrderID]string
}

func (s *traceStore) Commit(ctx context.Context, changes []allocation.Changes) error {
	if err := s.gate.Commit(ctx, changes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		for i, e := range c.Events {
			if a, ok := e.(allocation.LineAllocated); ok {
				s.traces[a.OrderID] = ""
				if c.TraceParents != nil {
					s.traces[a.OrderID] = c.TraceParents[i]
				}
			}
		}
	}
	return nil
}

// Events of a group are stored with the trace parents of the callers who caused them, even if the
// store refuses the group and each command runs alone.
func TestTraceParentIsEachMembersOwn(t *testing.T) {
	for name, fault := range map[string]error{"together": nil, "apart": errBroken} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &traceStore{
					gate: newGate(t, stock("b1", "LAMP", 100)), traces: map[allocation.OrderID]string{},
				}
				var opts allocation.UnitOfWorkOptions
				opts.TraceParent = func(ctx context.Context) string {
					return ctx.Value(traceKey{}).(string)
				}
				service := serve(t, store, settings{units: opts})
				store.FailCommit(nil, fault, fault) // on cached and on fresh products
				wanted := map[allocation.OrderID]string{}
				var ended []<-chan outcome
				for i := range 4 {
					order, trace := numbered("o", i), fmt.Sprintf("00-%032d-%016d-01", i+1, i+1)
					if i == 1 {
						trace = "" // the first of the group has none
					}
					wanted[order] = trace
					ctx := context.WithValue(t.Context(), traceKey{}, trace)
					ended = append(ended, callAllocate(ctx, service, want(order, "LAMP", 1)))
				}
				close(store.let)
				for _, e := range ended {
					require.NoError(t, (<-e).err)
				}
				assert.Equal(t, wanted, store.traces)
			})
		})
	}
}

// slowLookUp is a store whose look-ups by batch wait.
type slowLookUp struct {
	*memory.Store
	slow    atomic.Bool
	arrived chan struct{}
	let     chan struct{}
}

func (s *slowLookUp) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if q.Batch != "" && s.slow.Load() {
		s.arrived <- struct{}{}
		<-s.let
	}
	return s.Store.Load(ctx, q)
}

// A group isn't judged at the time of its leader's lookup: a member may have counted a batch since,
// and the count would lie in the future. The scheduler decides which of the two callers leads, so
// there are several tries.
func TestMembersAreJudgedAfterTheyCalled(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that both callers often share a group
	for try := range 100 {
		clock := memory.NewClock(morning)
		store := &slowLookUp{Store: memory.New(), arrived: make(chan struct{}, 2), let: make(chan struct{})}
		require.NoError(t, store.Seed(stock("b1", "LAMP", 100), stock("b2", "LAMP", 100)))
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: clock.Now}})
		store.slow.Store(true)
		count := func(batch allocation.BatchRef) <-chan error {
			ended := make(chan error, 1)
			at := clock.Now()
			go func() {
				_, err := service.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: batch, Quantity: 50, At: at})
				ended <- err
			}()
			<-store.arrived
			return ended
		}
		one := count("b1")
		clock.Advance(time.Second)
		two := count("b2")
		store.slow.Store(false)
		close(store.let)
		require.NoError(t, <-one)
		require.NoError(t, <-two, "try %d: the batch was counted when the caller called", try)
	}
}

// The hook gets the same error whether or not a command may share the commit.
func TestAttemptHearsWhyACommandFailed(t *testing.T) {
	for name, alone := range map[string]bool{"alone": true, "default": false} {
		t.Run(name, func(t *testing.T) {
			w := &watch{}
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
			service := serve(t, store, settings{
				allocation.UnitOfWorkOptions{Attempt: w.hook}, allocation.ServiceOptions{NoGroupCommit: alone},
			})
			_, err := service.Cancel(t.Context(), "o1", "LAMP")
			require.ErrorIs(t, err, allocation.ErrNotFound)
			require.Len(t, w.attempts, 1)
			assert.Equal(t, []error{err}, w.attempts[0].ends)
		})
	}
}
