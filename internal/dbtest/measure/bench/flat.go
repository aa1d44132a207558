package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// side is one of the products whose costs are compared. It is for one caller.
type side struct {
	sku     allocation.SKU
	store   allocation.Store
	service *allocation.Service
	orders  int

	allocations, reads []time.Duration // one call's share of each slice
}

// The product that has a past, and the one in the same tables that has none.
const (
	withHistory = allocation.SKU("with-history")
	withoutAny  = allocation.SKU("without")
)

// flat compares allocating a line of a product with a history, of a product without one in the same tables, and of
// one in tables of its own.
func (p *place) flat(ctx context.Context, s size, w io.Writer) (err error) {
	shared, db, err := p.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	alone, other, err := p.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	machine, err := p.Describe(ctx, db)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := p.LoadHistory(ctx, db, withHistory, s.lines, s.batches); err != nil {
		return err
	}
	loaded := time.Since(began)
	sides := []*side{
		{sku: withHistory, store: shared}, {sku: withoutAny, store: shared}, {sku: withoutAny, store: alone},
	}
	for _, one := range sides {
		if one.service, err = newService(one.store, nil); err != nil {
			return err
		}
		if err := harness.Stock(ctx, one.store, harness.Plenty, one.sku); err != nil {
			return err
		}
	}
	if err := compare(ctx, s, sides); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s. The history took %s to load.\n\n", machine, loaded.Round(time.Second))
	p.reportFlat(w, s, sides)
	return nil
}

func newService(store allocation.Store, opts *allocation.UnitOfWorkOptions) (*allocation.Service, error) {
	return allocation.New(allocation.NewUnitOfWork(store, opts), &allocation.ServiceOptions{NoGroupCommit: true})
}

// compare lets the sides take turns. Each slice begins with another side; the first slice warms up and doesn't count.
func compare(ctx context.Context, s size, sides []*side) error {
	for slice := range s.slices + 1 {
		for i := range sides {
			one := sides[(slice+i)%len(sides)]
			if err := one.slice(ctx, s.calls, slice > 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *side) slice(ctx context.Context, calls int, counts bool) error {
	allocation, err := share(calls, func() error { return d.allocate(ctx) })
	if err != nil {
		return err
	}
	read, err := share(calls, func() error { return d.read(ctx) })
	if err != nil {
		return err
	}
	if counts {
		d.allocations, d.reads = append(d.allocations, allocation), append(d.reads, read)
	}
	return nil
}

// share is what one of several calls took.
func share(calls int, call func() error) (time.Duration, error) {
	began := time.Now()
	for range calls {
		if err := call(); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / time.Duration(calls), nil
}

func (d *side) allocate(ctx context.Context) error {
	d.orders++
	_, err := d.service.Allocate(ctx, allocation.Request{OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(fmt.Sprintf("order-%d-of-%s", d.orders, d.sku)), SKU: d.sku, Quantity: 1,
	}})
	return err
}

// read is the load of an allocation by itself, which no wait for the disk blurs.
func (d *side) read(ctx context.Context) error { return loadProduct(ctx, d.store, d.sku) }

// loadProduct reads a product as an allocation does.
func loadProduct(ctx context.Context, store allocation.Store, sku allocation.SKU) error {
	states, err := store.Load(ctx, allocation.Query{
		SKUs: []allocation.SKU{sku}, Orders: []allocation.OrderID{"unknown"}, Now: time.Now(), Limit: 100,
	})
	if err == nil && len(states) != 1 {
		err = fmt.Errorf("%d products loaded, want 1", len(states))
	}
	return err
}

// reportFlat prints what a call took, and the medians of the ratios of slices that were measured side by side.
func (p *place) reportFlat(w io.Writer, s size, sides []*side) {
	history, empty, alone := sides[0], sides[1], sides[2]
	fmt.Fprintf(w, "| product | its Allocate | the read of it |\n|---|---:|---:|\n")
	row := func(name string, one *side) {
		fmt.Fprintf(w, "| %s | %s | %s |\n", name,
			harness.Milliseconds(harness.Median(one.allocations)), harness.Milliseconds(harness.Median(one.reads)))
	}
	row(fmt.Sprintf("%d earlier lines, %d used-up batches", s.lines, s.batches), history)
	row("none, in the same tables", empty)
	row("none, in tables of its own", alone)
	ratio := func(name string, above, below []time.Duration) {
		fmt.Fprintf(w, "ratio %s %s %.2f\n", p.Name, name, harness.Median(harness.Ratios(above, below)))
	}
	fmt.Fprintln(w)
	ratio("flat", history.allocations, empty.allocations)
	ratio("flat-read", history.reads, empty.reads)
	ratio("flat-alone", history.allocations, alone.allocations)
	fmt.Fprintln(w)
}
