package allocation_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// stuckLookups is a store whose lookups by order, but for the first, wait until their context ends.
type stuckLookups struct {
	*gate
	lookups int
}

func (s *stuckLookups) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if q.Order != "" {
		if s.lookups++; s.lookups > 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return s.gate.Load(ctx, q)
}

// Once all callers of a group have left, the group is cancelled. The leader hears of its own deadline all the same.
func TestLeaderOfACancelledGroupHearsOfItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stuckLookups{gate: newGate(t, stock("b1", "LAMP", 10))}
		before := newService(t, allocation.NewUnitOfWork(store.Store, nil), nil)
		_, err := before.Allocate(t.Context(), want("o1", "LAMP", 1))
		require.NoError(t, err)
		service := newService(t, allocation.NewUnitOfWork(store, nil), nil)
		busy := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leader := call(func() ([]allocation.Allocation, error) { return service.Cancel(ctx, "o1") })
		follower := call(func() ([]allocation.Allocation, error) { return nil, service.SetLowStock(ctx, "LAMP", 0) })
		store.let <- struct{}{}
		require.NoError(t, (<-busy).err)
		for name, one := range map[string]<-chan outcome{"leader": leader, "follower": follower} {
			err := (<-one).err
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			assert.NotErrorIs(t, err, context.Canceled, name)
		}
		assert.Equal(t, 2, store.lookups)
	})
}
