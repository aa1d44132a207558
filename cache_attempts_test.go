package allocation_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A stale cached product doesn't count as a lost race: with a single attempt the answers are the same
// as without a cache.
func TestStaleCachedProductTakesNoAttempt(t *testing.T) {
	fresh := func(t *testing.T) *processes {
		t.Helper()
		p := newProcesses(t, settings{units: allocation.UnitOfWorkOptions{Attempts: 1}}, stock("b1", "LAMP", 10))
		p.warm(t, want("o1", "LAMP", 1))
		return p
	}
	t.Run("a repeat", func(t *testing.T) {
		p := fresh(t)
		given, _, _, err := p.allocate(t, want("o1", "LAMP", 1))
		require.NoError(t, err)
		assert.Len(t, given, 1)
	})
	t.Run("outdated by another process", func(t *testing.T) {
		p := fresh(t)
		_, err := p.two.Allocate(t.Context(), want("o2", "LAMP", 1))
		require.NoError(t, err)
		given, _, _, err := p.allocate(t, want("o3", "LAMP", 1))
		require.NoError(t, err, "nobody raced")
		assert.Len(t, given, 1)
	})
	t.Run("sold out by a cut", func(t *testing.T) {
		p := fresh(t)
		_, err := p.one.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 1, At: morning})
		require.NoError(t, err)
		_, _, _, err = p.allocate(t, want("o3", "LAMP", 1))
		var short *allocation.OutOfStockError
		assert.ErrorAs(t, err, &short, "there is one process and one caller")
	})
}

// A command whose product can't be cached leaves no older copy in the cache; the next command would
// lose a race because of the older copy.
func TestCachedProductIsDroppedIfTheNextCannotBeCached(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 10))
	p.warm(t, want("o1", "LAMP", 1))
	_, err := p.one.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 1, At: morning})
	require.NoError(t, err)
	_, loads, commits, err := p.allocate(t, want("o3", "LAMP", 1))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, []int{1, 1}, []int{loads, commits}, "reads and commits, one of them for the refusal")
}

// A cached product doesn't hold the memory of the commit: the other products and orders of the chunk
// are free.
func TestCachedProductsAreSmall(t *testing.T) {
	const orders, lines = 256, 4
	inUse := func(cacheSize int) uint64 {
		store := memory.New()
		service := serve(t, store, settings{service: allocation.ServiceOptions{CacheSize: cacheSize}})
		bulk := make([][]allocation.Request, orders)
		for i := range bulk {
			for k := range lines {
				sku := allocation.SKU(numbered("s", i, k))
				require.NoError(t, store.Seed(stock(allocation.BatchRef(sku), sku, 100)))
				bulk[i] = append(bulk[i], want(numbered("o", i), sku, 1))
			}
		}
		_, errs := service.AllocateEach(t.Context(), bulk)
		for _, err := range errs {
			require.NoError(t, err)
		}
		var heap runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&heap)
		runtime.KeepAlive(service)
		return heap.HeapAlloc
	}
	none, all := inUse(-1), inUse(0)
	assert.Greater(t, all, none, "nothing was cached")
	assert.Less(t, (int64(all)-int64(none))/(orders*lines), int64(2<<10), "bytes for each cached product")
}

// The cache is for products that can be sold: without units left, the next command reads afresh.
func TestASoldOutProductIsNotCached(t *testing.T) {
	var hits []bool
	p := newProcesses(t, settings{service: allocation.ServiceOptions{
		CacheLookup: func(_ context.Context, _ allocation.SKU, hit bool) { hits = append(hits, hit) },
	}}, stock("b1", "LAMP", 2))
	p.warm(t, want("o1", "LAMP", 1))
	p.warm(t, want("o2", "LAMP", 1))
	_, _, _, err := p.allocate(t, want("o3", "LAMP", 1))
	require.ErrorAs(t, err, new(*allocation.OutOfStockError))
	assert.Equal(t, []bool{false, true, false}, hits)
}

// dying is a store whose commits may fail in a way of the test's own.
type dying struct {
	*memory.Store
	die func() error
}

func (d *dying) Commit(ctx context.Context, changes []allocation.Changes) error {
	if d.die != nil {
		return d.die()
	}
	return d.Store.Commit(ctx, changes)
}

// A commit of a cached product that fails when the context ends is the answer, since no fresh read can follow.
func TestAFailureAtTheEndOfTheContextIsTheAnswer(t *testing.T) {
	store := &dying{Store: memory.New()}
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	service := serve(t, store, settings{})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1)) // caches the product
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	store.die = func() error { leave(); return errBroken }
	_, err = service.Allocate(ctx, want("o2", "LAMP", 1))
	require.ErrorIs(t, err, errBroken)
}
