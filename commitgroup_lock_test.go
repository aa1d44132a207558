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
)

// ordered is a gate that can lock, and notes the products that each attempt with locks locked, in their order.
type ordered struct {
	*gate
	mu       sync.Mutex
	attempts [][]allocation.SKU
}

func (o *ordered) Locked(_ context.Context, fn func(allocation.Store) error) error {
	l := &locking{Store: o.gate}
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.attempts = append(o.attempts, l.skus)
	}()
	return fn(l)
}

// locking is one attempt with locks.
type locking struct {
	allocation.Store
	skus []allocation.SKU
}

func (l *locking) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := l.Store.Load(ctx, q)
	for _, s := range states {
		if !slices.Contains(l.skus, s.SKU) {
			l.skus = append(l.skus, s.SKU)
		}
	}
	return states, err
}

// Two groups that lock the same products in different orders are a deadlock. A lookup that loses the connection is
// tried again, so that the group knows all products.
func TestAGroupLocksItsProductsInOrder(t *testing.T) {
	for name, lost := range map[string][]error{
		"found at once": nil, "found by another connection": {allocation.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ordered{gate: newGate(t, stock("b1", "APPLE", 9), stock("b2", "LAMP", 9))}
				require.NoError(t, store.Seed(stock("b3", "o1", 9))) // a product with the name of an order
				service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{LockFirst: true}})
				store.place(t, service, want("o1", "APPLE", 1), want("o1", "LAMP", 1))

				first := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
				lamp := callAllocate(t.Context(), service, want("o3", "LAMP", 1))
				store.FailLoad(lost...)
				both := call(func() ([]allocation.Allocation, error) { return service.Cancel(t.Context(), "o1") })
				close(store.let)
				for _, ended := range []<-chan outcome{first, lamp, both} {
					require.NoError(t, (<-ended).err)
				}
				require.Len(t, store.attempts, 3, "the two who waited are a group")
				for _, skus := range store.attempts {
					assert.True(t, slices.IsSorted(skus), "locked %q", skus)
					assert.NotContains(t, skus, allocation.SKU("o1"), "locked")
				}
			})
		})
	}
}

// A lookup that loses a race is tried once more if the unit of work may try anything again, and then left to the
// attempts.
func TestALookupIsTriedTwiceAtMost(t *testing.T) {
	conflict := allocation.ErrConflict
	for name, tt := range map[string]struct {
		attempts, lost, loads int
		answer                error
	}{
		"one attempt":                {1, 1, 1, conflict},
		"two attempts, lost once":    {2, 1, 2, nil},
		"two attempts, lost twice":   {2, 2, 3, nil},
		"two attempts, lost for all": {2, 4, 4, conflict},
	} {
		s, _ := newSpy(t, stock("b1", "LAMP", 5))
		require.NoError(t, outside(s, "o1"))
		service := serve(t, s, settings{units: allocation.UnitOfWorkOptions{Attempts: tt.attempts, Backoff: 1}})
		s.FailLoad(slices.Repeat([]error{conflict}, tt.lost)...)
		_, err := service.Cancel(t.Context(), "o1")
		require.ErrorIs(t, err, tt.answer, name)
		assert.Len(t, s.queries, tt.loads, "%s: reads", name)
	}
}
