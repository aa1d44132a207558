// Package sides has the sides that the yardstick compares, the callers who place orders with them, and the process
// that holds a side for another program. Everything here compiles against the library of older commits, too: the file
// side.go alone uses it.
package sides

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// orders numbers every order of this process, so that no number comes twice.
var orders atomic.Int64

// Slice reports how many orders callers placed in one measurement, and how long each order took.
type Slice struct {
	Done      int // orders placed, or refused where a refusal is the right answer
	Failed    int // orders that ended with an error that is no answer, such as a deadlock
	Took      time.Duration
	Latencies []time.Duration
}

// PerSecond is the throughput in orders.
func (s Slice) PerSecond() float64 { return float64(s.Done) / s.Took.Seconds() }

// Together adds up slices of callers who worked at the same time.
func Together(parts []Slice) Slice {
	sum := Slice{}
	for _, part := range parts {
		sum.Done, sum.Failed, sum.Took = sum.Done+part.Done, sum.Failed+part.Failed, max(sum.Took, part.Took)
		sum.Latencies = append(sum.Latencies, part.Latencies...)
	}
	return sum
}

// Run lets callers place one order after the other until d has passed. An order begun by then is finished. The name
// is part of every order's ID and has to differ between processes that share products.
func Run(ctx context.Context, who Side, w Workload, name string, d time.Duration) (Slice, error) {
	each := make([]Slice, w.Callers)
	errs := make([]error, w.Callers)
	began := time.Now()
	until := began.Add(d)
	var all sync.WaitGroup
	for i := range each {
		all.Go(func() { errs[i] = each[i].work(ctx, who, w, name, until) })
	}
	all.Wait()
	sum := Together(each)
	sum.Took = time.Since(began)
	if sum.Failed > sum.Done {
		return sum, fmt.Errorf("%d of %d orders failed: %w", sum.Failed, sum.Failed+sum.Done, errors.Join(errs...))
	}
	return sum, ctx.Err()
}

// work places orders until a moment, and returns the last failure.
func (s *Slice) work(ctx context.Context, who Side, w Workload, name string, until time.Time) (last error) {
	for {
		lines := w.order(name)
		began := time.Now()
		if !began.Before(until) || ctx.Err() != nil {
			return last
		}
		err := who.Place(ctx, lines)
		switch {
		case err == nil && !w.SoldOut, errors.Is(err, errShort) && w.SoldOut:
			s.Done++
			s.Latencies = append(s.Latencies, time.Since(began))
		default:
			s.Failed++
			last = err
		}
	}
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
func (l Library) Import(ctx context.Context, w Workload, n int) (Slice, error) {
	orders := make([][]Line, n)
	for i := range orders {
		orders[i] = w.order("import")
	}
	return l.importOrders(ctx, orders)
}
