package allocation_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// Committed gets every stored event once, from all chunks.
func TestAllocateEachReportsAllEvents(t *testing.T) {
	j := &journal{}
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", chunk+100), stock("b2", "SOFA", 5)))
	service := serve(t, store, settings{
		units: allocation.UnitOfWorkOptions{Committed: j.hook, Now: memory.NewClock(morning).Now},
	})
	require.NoError(t, service.SetLowStock(t.Context(), "LAMP", 1))
	j.commits = nil
	orders := append(single("LAMP", 0, chunk+100), single("SOFA", chunk+100, 3)...)
	orders = append(orders, orders[0], single("LAMP", len(orders), 1)[0]) // a repeat, and an order too many
	service.AllocateEach(t.Context(), orders)
	reported := map[allocation.SKU][]allocation.Event{}
	for _, events := range j.commits {
		for _, e := range events {
			sku := allocation.SKU("LAMP") // the only product with other events
			if a, ok := e.(allocation.LineAllocated); ok {
				sku = a.SKU
			}
			reported[sku] = append(reported[sku], e)
		}
	}
	for sku, before := range map[allocation.SKU]int64{"LAMP": 2, "SOFA": 1} {
		stored, err := store.Events(t.Context(), sku, before, 1000)
		require.NoError(t, err)
		require.Len(t, reported[sku], len(stored), "events of %s", sku)
		assert.True(t, slices.Equal(stored, reported[sku]),
			"events of %s: other events than stored, or in another order", sku)
	}
}

// An order whose policy panics takes neither the stock nor the events of the orders before and after;
// the panic comes last.
func TestAPanickingOrderLeavesItsNeighboursTheirEvents(t *testing.T) {
	j := &journal{}
	store := memory.New()
	require.NoError(t,
		store.Seed(stock("b1", "A", 10), stock("b2", "B", 10), stock("b3", "B", 10), stock("b4", "C", 10)))
	service := serve(t, store, settings{
		units:   allocation.UnitOfWorkOptions{Committed: j.hook},
		service: allocation.ServiceOptions{Policy: func(allocation.Batch, allocation.Batch) int { panic("no policy") }},
	})
	assert.PanicsWithValue(t, "no policy", func() {
		service.AllocateEach(t.Context(),
			[][]allocation.Request{{want("o1", "A", 1)}, {want("o2", "B", 1)}, {want("o3", "C", 1)}})
	})
	reported := map[allocation.SKU]int{}
	for _, events := range j.commits {
		reported[events[0].(allocation.LineAllocated).SKU] += len(events)
	}
	assert.Equal(t, map[allocation.SKU]int{"A": 1, "C": 1}, reported)
	assert.Equal(t, []int{1, 0, 1}, []int{placed(store, "A"), placed(store, "B"), placed(store, "C")}, "lines")
}

// apart makes orders of two products, which are two chunks under way at once: one on the caller's goroutine and one
// on another.
func apart() [][]allocation.Request { return append(single("A", 0, chunk), single("B", chunk, 88)...) }

// explosive is a store that panics once two commits are under way.
type explosive struct {
	*memory.Store
	both sync.WaitGroup
}

func (e *explosive) Commit(context.Context, []allocation.Changes) error {
	e.both.Done()
	e.both.Wait()
	panic("a broken driver")
}

// A panic on another goroutine of the call reaches the caller, who can recover.
func TestAPanicOfAChunkReachesTheCaller(t *testing.T) {
	store := &explosive{Store: memory.New()}
	require.NoError(t, store.Seed(stock("b1", "A", 1<<40), stock("b2", "B", 1<<40)))
	store.both.Add(2)
	service := serve(t, store, settings{})
	assert.PanicsWithValue(t, "a broken driver", func() { service.AllocateEach(t.Context(), apart()) })
}

// A caller who left while another caller commits the orders learns that the outcome is unknown, and
// nothing about later events, such as a panic.
func TestABulkWhoseCallerLeftReadsNoResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		store := newGate(t, stock("b1", "LAMP", 10), stock("b2", "LAMP", 10))
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Committed: j.hook}})
		bad := service.WithPolicy(func(allocation.Batch, allocation.Batch) int { panic("no policy") })
		first := callAllocate(t.Context(), service, want("first", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("leader", "LAMP", 1))
		ctx, leave := context.WithCancel(t.Context())
		var errs []error
		bulk := call(func() ([]allocation.Allocation, error) {
			_, errs = bad.AllocateEach(ctx, single("LAMP", 0, 2))
			return nil, nil
		})
		store.let <- struct{}{}
		synctest.Wait()
		leave()
		assert.Nil(t, (<-bulk).panicked)
		for _, err := range errs {
			assert.ErrorIs(t, err, allocation.ErrUnknownOutcome)
		}
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-leader).err)
		assert.Len(t, j.commits, 2, "calls of the hook, by those who stayed")
	})
}
