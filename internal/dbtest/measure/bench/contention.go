package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// result is what a way of locking did in all of its slices.
type result struct {
	throughputs []float64 // commits per second of each slice
	latencies   []time.Duration
	races       int64 // lost ones
	failed      int   // commands that lost their last attempt, too
}

// load is what the callers want.
type load struct {
	name string
	skus int
}

// contention lets all callers allocate at once, in each way of locking, to one product and to many.
func (p *place) contention(ctx context.Context, s size, w io.Writer) error {
	dsn, err := p.create(ctx)
	if err != nil {
		return err
	}
	for _, l := range []load{{"One SKU", 1}, {fmt.Sprintf("%d SKUs", s.many), s.many}} {
		results, err := p.rounds(ctx, s, dsn, l)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s, %d callers in each of %d pools, %d × %s for each way:\n\n",
			l.name, s.callers, s.pools, s.rounds, s.slice)
		p.reportContention(w, results)
	}
	return nil
}

// rounds gives every way a slice in each round, with products that nobody has used before.
func (p *place) rounds(ctx context.Context, s size, dsn string, l load) (map[string]*result, error) {
	results := map[string]*result{}
	for round := range s.rounds {
		for i := range ways {
			y := ways[(round+i)%len(ways)]
			if y.isolation != sql.LevelDefault && p.Server == nil {
				continue
			}
			if results[y.name] == nil {
				results[y.name] = &result{}
			}
			if err := p.slice(ctx, s, dsn, y, fmt.Sprintf("%d-%d-%d", l.skus, round, i), l.skus, results[y.name]); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", l.name, y.name, err)
			}
		}
	}
	return results, nil
}

// slice is one measurement: pools of connections are opened, warmed up and closed again.
func (p *place) slice(ctx context.Context, s size, dsn string, y way, name string, skus int, into *result) (err error) {
	var races atomic.Int64
	products := make([]allocation.SKU, skus)
	for i := range products {
		products[i] = allocation.SKU(fmt.Sprintf("sku-%s-%d", name, i))
	}
	services := make([]*allocation.Service, s.pools)
	for i := range services {
		db, store, err := p.Open(dsn, s.callers, &sqlstore.Options{Isolation: y.isolation})
		if err != nil {
			return err
		}
		defer db.Close()
		if services[i], err = y.service(store, &races); err != nil {
			return err
		}
		if i == 0 {
			if err := harness.Stock(ctx, store, harness.Plenty, products...); err != nil {
				return err
			}
		}
	}
	callers := make([]*caller, s.pools*s.callers)
	for i := range callers {
		callers[i] = &caller{service: services[i%s.pools], products: products, name: fmt.Sprintf("%s-%d", name, i)}
	}
	// Every caller allocates once before: connections are opened and statements prepared.
	if err := together(callers, func(c *caller) error { return c.warmUp(ctx) }); err != nil {
		return err
	}
	races.Store(0)
	began := time.Now()
	err = together(callers, func(c *caller) error { return c.work(ctx, began.Add(s.slice)) })
	into.add(callers, time.Since(began), races.Load())
	return err
}

// together runs something for all callers at once.
func together(callers []*caller, do func(*caller) error) error {
	errs := make([]error, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		all.Go(func() { errs[i] = do(c) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// caller sends one command after the other.
type caller struct {
	service  *allocation.Service
	products []allocation.SKU
	name     string

	orders    int
	latencies []time.Duration
	failed    int
}

// warmUp allocates once, however many races that loses.
func (c *caller) warmUp(ctx context.Context) error {
	for {
		if err := c.allocate(ctx); !errors.Is(err, allocation.ErrConflict) {
			return err
		}
	}
}

// work allocates until a moment. What was begun by then is finished.
func (c *caller) work(ctx context.Context, until time.Time) error {
	for {
		began := time.Now()
		if !began.Before(until) {
			return nil
		}
		err := c.allocate(ctx)
		switch {
		case err == nil:
			c.latencies = append(c.latencies, time.Since(began))
		case errors.Is(err, allocation.ErrConflict):
			c.failed++
		default:
			return err
		}
	}
}

func (c *caller) allocate(ctx context.Context) error {
	c.orders++
	_, err := c.service.Allocate(ctx, allocation.Request{OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(fmt.Sprintf("order-%s-%d", c.name, c.orders)),
		SKU:     c.products[rand.IntN(len(c.products))], Quantity: 1,
	}})
	return err
}

// add notes a slice.
func (r *result) add(callers []*caller, took time.Duration, races int64) {
	commits := 0
	for _, c := range callers {
		commits += len(c.latencies)
		r.latencies = append(r.latencies, c.latencies...)
		r.failed += c.failed
	}
	r.races += races
	r.throughputs = append(r.throughputs, float64(commits)/took.Seconds())
}

func (p *place) reportContention(w io.Writer, results map[string]*result) {
	fmt.Fprintf(w, "| locking | commits/s | p50 | p99 | lost races per commit | commands failed |\n|---|---:|---:|---:|---:|---:|\n")
	for _, y := range ways {
		r := results[y.name]
		if r == nil {
			fmt.Fprintf(w, "| %s | – | – | – | – | – |\n", y.name)
			continue
		}
		commits := len(r.latencies)
		fmt.Fprintf(w, "| %s | %.0f | %s | %s | %.2f | %d of %d |\n", y.name, harness.Median(r.throughputs),
			harness.Milliseconds(harness.Quantile(r.latencies, 0.5)), harness.Milliseconds(harness.Quantile(r.latencies, 0.99)),
			float64(r.races)/float64(max(commits, 1)), r.failed, commits+r.failed)
	}
	fmt.Fprintln(w)
}
