package allocation_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// till is a host with rows of its own beside a store in memory.
type till struct {
	*allocation.Service
	store *memory.Store
	rows  map[allocation.OrderID]bool
	told  [][]allocation.Event // one entry for each call of Committed
	runs  int                  // of the function in the transaction
}

// newTill returns a till on a store with batches. A hook Committed in the settings is called besides the till's own.
func newTill(t *testing.T, with settings, batches ...allocation.Batch) *till {
	t.Helper()
	c := &till{store: memory.New(), rows: map[allocation.OrderID]bool{}}
	require.NoError(t, c.store.Seed(batches...))
	with.units.Backoff, with.units.Now = 1, memory.NewClock(morning).Now
	var mu sync.Mutex // the hook runs behind the gate, so that two callers may call it at a time
	also := with.units.Committed
	with.units.Committed = func(ctx context.Context, events []allocation.Event) {
		mu.Lock()
		c.told = append(c.told, events)
		mu.Unlock()
		if also != nil {
			also(ctx, events)
		}
	}
	c.Service = serve(t, c.store, with)
	return c
}

// row writes the row of an order.
func (c *till) row(tx *memory.Tx, order allocation.OrderID) error {
	return tx.Do(func() error { c.rows[order] = true; return nil }, func() { delete(c.rows, order) })
}

// place writes the row of an order and allocates its lines. Before the transaction ends, place calls end.
func (c *till) place(
	ctx context.Context, end func(ctx context.Context, inside *allocation.Service) error, lines ...allocation.Request,
) error {
	var skus []allocation.SKU
	for _, l := range lines {
		skus = append(skus, l.SKU)
	}
	return c.store.Within(ctx, c.Service, func(ctx context.Context, tx *memory.Tx, inside *allocation.Service) error {
		c.runs++
		if err := c.row(tx, lines[0].OrderID); err != nil {
			return err
		}
		if _, err := inside.Allocate(ctx, lines...); err != nil {
			return err
		}
		return end(ctx, inside)
	}, skus...)
}

// commits ends a transaction of place without an error.
func commits(context.Context, *allocation.Service) error { return nil }

// lines returns the orders with a line of a product.
func (c *till) lines(sku allocation.SKU) (orders []allocation.OrderID) {
	state, _ := c.store.Product(sku)
	for _, l := range state.Lines {
		orders = append(orders, l.OrderID)
	}
	return orders
}
