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

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// result is what a way of locking did in all of its slices.
type result struct {
	slices []harness.Slice
	races  int64 // lost ones
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
			name := fmt.Sprintf("%d-%d-%d", l.skus, round, i)
			if err := p.slice(ctx, s, dsn, y, name, l.skus, results[y.name]); err != nil {
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
	var orders atomic.Int64
	allocate := func(i int) error {
		_, err := services[i%s.pools].Allocate(ctx, allocation.Request{OrderLine: allocation.OrderLine{
			OrderID: allocation.OrderID(fmt.Sprintf("order-%s-%d", name, orders.Add(1))),
			SKU:     products[rand.IntN(len(products))], Quantity: 1,
		}})
		return err
	}
	if err := warmUp(s.pools*s.callers, allocate); err != nil {
		return err
	}
	races.Store(0)
	got, err := harness.Work(s.pools*s.callers, s.slice, func(i int) harness.Order {
		return func() (bool, error) {
			err := allocate(i)
			if errors.Is(err, allocation.ErrConflict) {
				return false, nil
			}
			return true, err
		}
	})
	into.slices, into.races = append(into.slices, got), into.races+races.Load()
	return err
}

// warmUp lets every caller allocate once, however many races are lost: connections are opened and statements prepared.
func warmUp(callers int, allocate func(i int) error) error {
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for again := true; again; again = errors.Is(errs[i], allocation.ErrConflict) {
				errs[i] = allocate(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (p *place) reportContention(w io.Writer, results map[string]*result) {
	fmt.Fprint(w, "| locking | commits/s | p50 | p99 | lost races per commit | commands failed |\n")
	fmt.Fprint(w, "|---|---:|---:|---:|---:|---:|\n")
	for _, y := range ways {
		r := results[y.name]
		if r == nil {
			fmt.Fprintf(w, "| %s | – | – | – | – | – |\n", y.name)
			continue
		}
		sum := harness.Together(r.slices)
		fmt.Fprintf(w, "| %s | %s | %.2f | %d of %d |\n", y.name, harness.Cells(r.slices),
			float64(r.races)/float64(max(sum.Done, 1)), sum.Failed, sum.Done+sum.Failed)
	}
	fmt.Fprintln(w)
}
