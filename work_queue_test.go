package allocation_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// contested is a store of which another process changes a product after each read, but for reads under locks.
type contested struct {
	*memory.Store
	change       func()
	reads, locks int
}

func (r *contested) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	r.reads++
	states, err := r.Store.Load(ctx, q)
	if !q.Waiting && r.change != nil {
		r.change()
	}
	return states, err
}

func (r *contested) Locked(_ context.Context, fn func(allocation.Store) error) error {
	r.locks++
	return fn(r.Store)
}

// While another process changes the product all the time, a command that frees units still ends: outside of locks the
// command has lost a race, and under locks the queue is read in the same transaction.
func TestR15_ACommandThatFreesUnitsEndsBesideABusyProcess(t *testing.T) {
	for name, held := range map[string]bool{"everybody was offered what is free": false, "serving goes on": true} {
		t.Run(name, func(t *testing.T) {
			store := &contested{Store: memory.New()}
			require.NoError(t, store.Seed(stock("old", "LAMP", 4)))
			clock := memory.NewClock(morning)
			opts := settings{units: allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: 1, Attempts: 5}}
			service, other := serve(t, store, opts), serve(t, store.Store, opts)
			_, err := service.Allocate(t.Context(), want("paid", "LAMP", 4))
			require.NoError(t, err)
			for _, order := range []allocation.OrderID{"first", "second", "third"} {
				_, err := service.Allocate(t.Context(), mayWait(order, "LAMP", 1))
				require.NoError(t, err)
			}
			if held {
				_, err = service.ChangeLine(t.Context(), want("paid", "LAMP", 2).OrderLine)
				require.NoError(t, err)
				p, _ := store.Product("LAMP")
				require.NotZero(t, p.Serving)
			}
			low := allocation.Quantity(0)
			store.change = func() {
				low++
				require.NoError(t, other.SetLowStock(t.Context(), "LAMP", low))
			}
			store.reads = 0
			require.NoError(t, service.AddBatch(t.Context(), stock("new", "LAMP", 4)))
			assert.LessOrEqual(t, store.reads, 8)
			assert.LessOrEqual(t, store.locks, 1)
			store.change = nil
			s := shop{t: t, store: store.Store}
			assert.EqualValues(t, 1, s.has("first", "LAMP"))
		})
	}
}

// outpaced is a store of which a queue is always read at a later version than the product.
type outpaced struct{ *memory.Store }

func (o outpaced) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := o.Store.Load(ctx, q)
	for i := range states {
		if q.Waiting {
			states[i].Version++
		}
	}
	return states, err
}

func TestR15_AQueueOfALaterVersionIsALostRace(t *testing.T) {
	store := outpaced{memory.New()}
	require.NoError(t, store.Seed(stock("old", "LAMP", 4)))
	clock := memory.NewClock(morning)
	service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: clock.Now, Attempts: 2}})
	_, err := service.Allocate(t.Context(), want("paid", "LAMP", 4), mayWait("waiter", "LAMP", 3))
	require.NoError(t, err)
	err = service.AddBatch(t.Context(), stock("new", "LAMP", 4))
	require.ErrorIs(t, err, allocation.ErrConflict)
	p, _ := store.Product("LAMP")
	require.Len(t, p.Batches, 1, "nothing was announced")
}
