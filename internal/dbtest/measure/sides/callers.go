// Package sides has the sides that the yardstick compares, the callers who place orders with them, and the process
// that holds a side for another program. The package compiles against the library of older commits, too: the file
// side.go alone uses the library.
package sides

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// orders numbers every order of this process, so that no number comes twice.
var orders atomic.Int64

// Run lets callers place one order after the other until d has passed or the context ends. An order begun by then is
// finished. The name is part of every order's ID and has to differ between processes that share products.
func Run(ctx context.Context, side Side, w Workload, name string, d time.Duration) (harness.Slice, error) {
	failures := make([]error, w.Callers) // the last one of each caller
	sum, err := harness.Work(w.Callers, d, func(i int) harness.Order {
		return func() (bool, error) {
			err := side.Place(ctx, w.order(name))
			if err == nil && !w.SoldOut || errors.Is(err, errShort) && w.SoldOut {
				return true, nil
			}
			failures[i] = err
			return false, ctx.Err()
		}
	})
	if err == nil && sum.Failed > sum.Done {
		err = fmt.Errorf("%d of %d orders failed: %w", sum.Failed, sum.Failed+sum.Done, errors.Join(failures...))
	}
	return sum, err
}

// order makes a new order: of one product, or of several in the order of their SKUs, so that locks form no circle.
func (w Workload) order(name string) []Line {
	id := fmt.Sprintf("order-%s-%d", name, orders.Add(1))
	lines := make([]Line, max(w.Lines, 1))
	at, step := rand.IntN(w.SKUs), max(w.SKUs/len(lines), 1)
	for i := range lines {
		lines[i] = Line{id, w.SKU((at%step + i*step) % w.SKUs)}
	}
	return lines
}

// Import places n orders of a workload with one call of AllocateEach.
func (l LibrarySide) Import(ctx context.Context, w Workload, n int) (harness.Slice, error) {
	orders := make([][]Line, n)
	for i := range orders {
		orders[i] = w.order("import")
	}
	return l.importOrders(ctx, orders)
}
