package allocation_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// chunk is how many orders of one line share a commit.
const chunk = 512

// single makes orders of one line of one unit, numbered from the first.
func single(sku allocation.SKU, first, count int) [][]allocation.Request {
	orders := make([][]allocation.Request, count)
	for i := range orders {
		orders[i] = []allocation.Request{want(numbered("o", first+i), sku, 1)}
	}
	return orders
}

// placed counts the lines of a product.
func placed(store *memory.Store, sku allocation.SKU) int {
	state, _ := store.Product(sku)
	return len(state.Lines)
}

// succeeded lists which orders have no error.
func succeeded(errs []error) (indexes []int) {
	for i, err := range errs {
		if err == nil {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// foreign is a host's own unit of work.
type foreign struct{ allocation.UnitOfWork }

// bulks are the ways in which a Service can allocate many orders.
var bulks = map[string]func(t *testing.T, store allocation.Store) *allocation.Service{
	"default": func(t *testing.T, store allocation.Store) *allocation.Service {
		t.Helper()
		return serve(t, store, settings{})
	},
	"alone": func(t *testing.T, store allocation.Store) *allocation.Service {
		t.Helper()
		return serve(t, store, settings{service: allocation.ServiceOptions{NoGroupCommit: true}})
	},
	"a foreign unit of work": func(t *testing.T, store allocation.Store) *allocation.Service {
		t.Helper()
		return newService(t, foreign{allocation.NewUnitOfWork(store, nil)}, nil)
	},
}

// Each order gets its own answer at its own place, bad orders too, and no order touches its
// neighbours.
func TestAllocateEachAnswersByIndex(t *testing.T) {
	for name, service := range bulks {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 10), stock("b2", "SOFA", 1), stock("b3", "DESK", 5)))
			given, errs := service(t, store).AllocateEach(t.Context(), [][]allocation.Request{
				{want("o0", "SOFA", 1)},
				nil,
				{want("o2", "LAMP", 2), want("o2", "DESK", 1)},
				{want("o3", "LAMP", -1)},
				{want("o4", "SOFA", 1)},
				{want("o5", "NONE", 1)},
				{want("o6", "DESK", 3)},
			})
			require.Len(t, given, 7)
			require.Len(t, errs, 7)
			assert.Equal(t, []int{0, 2, 6}, succeeded(errs))
			for i, wanted := range map[int][]allocation.OrderLine{
				0: {want("o0", "SOFA", 1).OrderLine},
				2: {want("o2", "LAMP", 2).OrderLine, want("o2", "DESK", 1).OrderLine},
				6: {want("o6", "DESK", 3).OrderLine},
			} {
				var got []allocation.OrderLine
				for _, a := range given[i] {
					got = append(got, a.OrderLine)
				}
				assert.Equal(t, wanted, got, "order %d", i)
			}
			for i, reason := range map[int]error{
				1: allocation.ErrInvalid, 3: allocation.ErrInvalid, 5: allocation.ErrNotFound,
			} {
				assert.ErrorIs(t, errs[i], reason, "order %d", i)
				assert.Nil(t, given[i], "order %d", i)
			}
			var short *allocation.OutOfStockError
			require.ErrorAs(t, errs[4], &short)
			assert.Equal(t, []allocation.Shortage{{OrderLine: want("o4", "SOFA", 1).OrderLine}}, short.Shortages)
		})
	}
}

func TestAllocateEachOfNothing(t *testing.T) {
	given, errs := serve(t, memory.New(), settings{}).AllocateEach(t.Context(), nil)
	assert.Empty(t, given)
	assert.Empty(t, errs)
}

// Orders that compete, directly or through others, are judged in the given order, in one chunk or in
// two: any other order of judging would leave other orders short.
func TestAllocateEachJudgesInTheOrderGiven(t *testing.T) {
	both := func(order allocation.OrderID, first, second allocation.SKU) []allocation.Request {
		return []allocation.Request{want(order, first, 1), want(order, second, 1)}
	}
	connected := [][]allocation.Request{
		{want("o0", "Z", 1)}, both("o1", "A", "Z"), {want("o2", "A", 1)},
		both("o3", "M", "A"), {want("o4", "M", 1)}, {want("o5", "Z", 1)},
	}
	tests := map[string]struct {
		orders [][]allocation.Request
		stock  []allocation.Batch
		wanted []int
	}{
		"one product": {single("A", 0, 5), []allocation.Batch{stock("b1", "A", 3)}, []int{0, 1, 2}},
		"connected products": {
			connected, []allocation.Batch{stock("b1", "A", 1), stock("b2", "M", 1), stock("b3", "Z", 1)},
			[]int{0, 2, 4},
		},
		"with more of one": {
			connected, []allocation.Batch{stock("b1", "A", 1), stock("b2", "M", 1), stock("b3", "Z", 2)},
			[]int{0, 1, 4},
		},
		"across two chunks": {
			single("A", 0, chunk+3), []allocation.Batch{stock("b1", "A", chunk+1)}, firstOnes(chunk + 1),
		},
		"a small one fits yet": {
			[][]allocation.Request{{want("o0", "A", 2)}, {want("o1", "A", 2)}, {want("o2", "A", 1)}},
			[]allocation.Batch{stock("b1", "A", 3)}, []int{0, 2},
		},
	}
	for name, tt := range tests {
		for mode, service := range bulks {
			t.Run(name+", "+mode, func(t *testing.T) {
				store := memory.New()
				require.NoError(t, store.Seed(tt.stock...))
				_, errs := service(t, store).AllocateEach(t.Context(), tt.orders)
				assert.Equal(t, tt.wanted, succeeded(errs))
			})
		}
	}
}

func firstOnes(n int) []int {
	indexes := make([]int, n)
	for i := range indexes {
		indexes[i] = i
	}
	return indexes
}

// R3 holds within a call, and between calls.
func TestAllocateEachMayRepeatAnOrder(t *testing.T) {
	for name, service := range bulks {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
			each := service(t, store)
			orders := [][]allocation.Request{{want("o1", "LAMP", 2)}, {want("o1", "LAMP", 2)}, {want("o1", "LAMP", 3)}}
			for range 2 {
				given, errs := each.AllocateEach(t.Context(), orders)
				assert.Equal(t, []int{0, 1}, succeeded(errs))
				assert.Equal(t, given[0], given[1])
				require.ErrorIs(t, errs[2], allocation.ErrMismatch)
			}
			state, _ := store.Product("LAMP")
			assert.Equal(t, allocation.Quantity(2), state.Batches[0].Allocated)
			assert.EqualValues(t, 2, state.Version, "a repeat writes nothing")
		})
	}
}

// picky is a store that refuses all commits with a certain product.
type picky struct {
	*gate
	refused allocation.SKU
}

func (p *picky) Commit(ctx context.Context, changes []allocation.Changes) error {
	for _, c := range changes {
		if c.SKU == p.refused {
			return errBroken
		}
	}
	return p.gate.Commit(ctx, changes)
}

// A chunk whose commit fails is tried order by order, so that one bad order fails alone.
func TestAllocateEachNamesTheOrderThatTheStoreRefuses(t *testing.T) {
	store := &picky{newGate(t, stock("b1", "LAMP", 1000), stock("b2", "BAD", 1000)), "BAD"}
	close(store.let)
	orders := single("LAMP", 0, chunk+88)
	orders[100] = []allocation.Request{want("bad", "BAD", 1)}
	_, errs := serve(t, store, settings{}).AllocateEach(t.Context(), orders)
	require.ErrorIs(t, errs[100], errBroken)
	errs[100] = nil
	assert.Equal(t, firstOnes(len(orders)), succeeded(errs))
	assert.Equal(t, len(orders)-1, placed(store.Store, "LAMP"))
	assert.Zero(t, placed(store.Store, "BAD"))
}

// A lost answer makes the outcome of the orders in its chunk unknown and of no others, and the call
// can be repeated.
func TestAllocateEachKnowsWhichChunkIsUnknown(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 2000)))
	service := serve(t, store, settings{})
	orders := single("LAMP", 0, 2*chunk+10)
	store.LoseAnswer()
	_, errs := service.AllocateEach(t.Context(), orders)
	for i, err := range errs {
		if i < chunk {
			require.ErrorIs(t, err, allocation.ErrUnknownOutcome, "order %d", i)
		} else {
			require.NoError(t, err, "order %d", i)
		}
	}
	_, errs = service.AllocateEach(t.Context(), orders)
	assert.Len(t, succeeded(errs), len(orders))
	assert.Equal(t, len(orders), placed(store, "LAMP"))
}

// A call whose context ends midway has placed exactly the orders without an error.
func TestAllocateEachEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 2000))
		service := store.service(t)
		orders := single("LAMP", 0, 3*chunk)
		ctx, cancel := context.WithCancel(t.Context())
		var errs []error
		ended := call(func() ([]allocation.Allocation, error) {
			_, errs = service.AllocateEach(ctx, orders)
			return nil, nil
		})
		store.let <- struct{}{}
		synctest.Wait()
		cancel()
		<-ended
		assert.Equal(t, firstOnes(chunk), succeeded(errs), "the first chunk was committed")
		for i, err := range errs[chunk:] {
			require.ErrorIs(t, err, context.Canceled, "order %d", chunk+i)
		}
		assert.Equal(t, chunk, placed(store.Store, "LAMP"))
		close(store.let)
		_, errs = service.AllocateEach(t.Context(), orders)
		assert.Len(t, succeeded(errs), len(orders), "begun again from the start")
	})
}

// AllocateEach needs units of work of its own.
func TestAllocateEachIsRefusedWithinAUnitOfWork(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10))
	require.NoError(t, s.units.Do(t.Context(), func(ctx context.Context, _ allocation.Repository) error {
		_, errs := s.AllocateEach(ctx, single("LAMP", 0, 2))
		for _, err := range errs {
			assert.ErrorIs(t, err, allocation.ErrInvalid)
			assert.Contains(t, err.Error(), "AllocateEach")
		}
		return nil
	}))
	assert.Empty(t, s.product("LAMP").Lines)
}

// sizes notes how many lines each commit has.
type sizes struct {
	allocation.Store
	mu    sync.Mutex
	lines []int
}

func (s *sizes) Commit(ctx context.Context, changes []allocation.Changes) error {
	lines := 0
	for _, c := range changes {
		lines += len(c.NewLines)
	}
	s.mu.Lock()
	s.lines = append(s.lines, lines)
	s.mu.Unlock()
	return s.Store.Commit(ctx, changes)
}

// Two chunks that have a product in common can't be under way at the same time.
func TestAllocateEachKeepsConnectedOrdersInOneChunk(t *testing.T) {
	store := &sizes{Store: memory.New()}
	service := serve(t, store, settings{})
	var orders [][]allocation.Request
	for i, sku := range []allocation.SKU{"A", "B", "C"} {
		require.NoError(t, service.AddBatch(t.Context(), stock(allocation.BatchRef(sku), sku, 2000)))
		orders = append(orders, single(sku, 1000*i, []int{300, 300, chunk + 10}[i])...)
	}
	store.lines = nil
	_, errs := service.AllocateEach(t.Context(), orders)
	assert.Len(t, succeeded(errs), len(orders))
	slices.Sort(store.lines)
	assert.Equal(t, []int{10, 300, 300, chunk}, store.lines, "lines of commits")
}

// If one chunk of a bulk panics and another one ends its goroutine, the caller hears of the panic, in either order.
func TestPanicOfAChunkOutweighsAnExit(t *testing.T) {
	for name, order := range map[string][]allocation.SKU{
		"panic first": {"LAMP", "SOFA"}, "exit first": {"SOFA", "LAMP"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				skus := []allocation.SKU{"LAMP", "SOFA"}
				store := &ending{newDoors(t, skus, stock("b1", "LAMP", 1000), stock("b2", "SOFA", 1000))}
				service := serve(t, store, settings{service: allocation.ServiceOptions{CacheSize: -1}})
				orders := slices.Concat(single("LAMP", 0, chunk), single("SOFA", chunk, chunk))
				ended := bulkToExit(t.Context(), service, orders)
				for _, sku := range order {
					close(store.of[sku])
					synctest.Wait()
				}
				assert.Equal(t, "broken", (<-ended).panicked)
			})
		})
	}
}

// If a chunk of a bulk ends its goroutine, the events of the other chunks are reported all the same.
func TestExitOfAChunkLeavesTheEventsOfOthers(t *testing.T) {
	for range 20 { // which goroutine has which chunk is up to the scheduler
		synctest.Test(t, func(t *testing.T) {
			skus := []allocation.SKU{"SOFA", "DESK"}
			store := &ending{newDoors(t, skus, stock("b2", "SOFA", 1000), stock("b3", "DESK", 1000))}
			events := 0
			service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{
				Committed: func(_ context.Context, told []allocation.Event) { events += len(told) },
			}})
			orders := slices.Concat(single("SOFA", 0, chunk), single("DESK", chunk, chunk))
			ended := bulkToExit(t.Context(), service, orders)
			close(store.of["DESK"])
			synctest.Wait()
			close(store.of["SOFA"])
			requireExited(t, ended, "the bulk")
			assert.Equal(t, chunk, events)
		})
	}
}

// ending is a store whose commits panic for lamps, and end the goroutine for sofas.
type ending struct{ *doors }

func (e *ending) Commit(ctx context.Context, changes []allocation.Changes) error {
	<-e.of[changes[0].SKU]
	if changes[0].SKU == "LAMP" {
		panic("broken")
	}
	if changes[0].SKU == "SOFA" {
		runtime.Goexit()
	}
	return e.Store.Commit(ctx, changes)
}
