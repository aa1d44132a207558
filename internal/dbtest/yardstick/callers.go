package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// orders numbers every order of this process, so that none comes twice.
var orders atomic.Int64

// slice is what callers did in one measurement.
type slice struct {
	Done      int // orders that were placed, or refused where that is the answer
	Failed    int // by an error that is no answer, such as a deadlock
	Took      time.Duration
	Latencies []time.Duration
}

func (s slice) perSecond() float64 { return float64(s.Done) / s.Took.Seconds() }

// run lets callers place orders, one after the other, for a while. What was begun by then is finished.
func run(ctx context.Context, who side, w workload, name string, d time.Duration) (slice, error) {
	each := make([]slice, w.callers)
	errs := make([]error, w.callers)
	began := time.Now()
	until := began.Add(d)
	var all sync.WaitGroup
	for i := range each {
		all.Go(func() { errs[i] = each[i].work(ctx, who, w, name, until) })
	}
	all.Wait()
	sum := slice{Took: time.Since(began)}
	for _, one := range each {
		sum.Done += one.Done
		sum.Failed += one.Failed
		sum.Latencies = append(sum.Latencies, one.Latencies...)
	}
	if sum.Failed > sum.Done {
		return sum, fmt.Errorf("%d of %d orders failed: %w", sum.Failed, sum.Failed+sum.Done, errors.Join(errs...))
	}
	return sum, ctx.Err()
}

// work places orders until a moment, and returns the last failure.
func (s *slice) work(ctx context.Context, who side, w workload, name string, until time.Time) (last error) {
	for {
		lines := w.order(name)
		began := time.Now()
		if !began.Before(until) || ctx.Err() != nil {
			return last
		}
		err := who.place(ctx, lines)
		switch {
		case err == nil && !w.soldOut, errors.Is(err, errShort) && w.soldOut:
			s.Done++
			s.Latencies = append(s.Latencies, time.Since(began))
		default:
			s.Failed++
			last = err
		}
	}
}

// order makes a new order: of one product, or of several in the order of their SKUs, so that nobody's locks form a circle.
func (w workload) order(name string) []line {
	id := fmt.Sprintf("order-%s-%d", name, orders.Add(1))
	lines := make([]line, max(w.lines, 1))
	at, step := rand.IntN(w.skus), max(w.skus/len(lines), 1)
	for i := range lines {
		lines[i] = line{id, w.sku((at%step + i*step) % w.skus)}
	}
	return lines
}

func (w workload) sku(i int) string { return fmt.Sprintf("sku-%s-%04d", w.name, i) }
