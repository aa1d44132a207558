package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// run takes the rows through the library and collects the answers.
type run struct {
	units   allocation.UnitOfWork
	ledger  allocation.Ledger
	now     func() time.Time
	service *allocation.Service
	bad     *problems

	// atOnce is how many orders are given to the library in one call: enough to fill its commits, and few
	// enough to show how far the run is.
	atOnce int

	began   map[allocation.SKU]int64 // each product's version when the run began
	batches map[allocation.BatchRef]allocation.Batch
}

// ledgerStore is a store that can tell what happened to its products.
type ledgerStore interface {
	allocation.Store
	allocation.Ledger
}

func newRun(store ledgerStore, now func() time.Time, bad *problems) *run {
	units := allocation.NewUnitOfWork(store, &allocation.Options{Now: now})
	return &run{
		units:   units,
		ledger:  store,
		now:     now,
		service: allocation.New(units, &allocation.Options{Policy: policy}),
		bad:     bad,
		atOnce:  5000,
		began:   map[allocation.SKU]int64{},
		batches: map[allocation.BatchRef]allocation.Batch{},
	}
}

// policy takes from the warehouse first, and there what expires first. Where neither tells two batches
// apart, the library takes the one that arrives first.
var policy = allocation.Policy(warehouseFirst).Then(allocation.FirstExpiredFirst)

func warehouseFirst(a, b allocation.Batch) int {
	switch {
	case a.ETA.IsZero() == b.ETA.IsZero():
		return 0
	case a.ETA.IsZero():
		return -1
	}
	return 1
}

// all announces the batches, allocates the orders and looks at what is left. Every order is all or nothing by
// itself, though many share a commit: whatever ends the run in between, the next run finds what was done.
func (r *run) all(ctx context.Context, in input) (*result, error) {
	defer r.bad.show.clear()
	skus := in.skus()
	if err := r.remember(ctx, skus); err != nil {
		return nil, err
	}
	for i, row := range in.batches {
		r.bad.show.step("batches", i+1, len(in.batches))
		if err := r.announce(ctx, row); err != nil {
			return nil, err
		}
	}
	res := &result{batches: r.batches}
	good := slices.DeleteFunc(slices.Clone(in.orders), func(o *order) bool { return o.bad })
	for chunk := range slices.Chunk(good, r.atOnce) {
		if err := r.allocate(ctx, chunk, res); err != nil {
			return nil, err
		}
		r.bad.show.step("orders", len(res.orders), len(in.orders))
	}
	return res, r.finish(ctx, skus, res)
}

// skus lists the products that the files name.
func (in input) skus() []allocation.SKU {
	named := map[allocation.SKU]bool{}
	for _, row := range in.batches {
		named[row.batch.SKU] = true
	}
	for _, o := range in.orders {
		for _, row := range o.rows {
			named[row.line.SKU] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

func (r *run) announce(ctx context.Context, row batchRow) error {
	err := r.service.AddBatch(ctx, row.batch)
	if isAboutData(err) {
		r.bad.add(row.position, reason(err))
		return nil
	}
	return err
}

func (r *run) allocate(ctx context.Context, orders []*order, res *result) error {
	requests := make([][]allocation.Request, len(orders))
	for i, o := range orders {
		requests[i] = o.requests(r.now())
	}
	given, errs := r.service.AllocateEach(ctx, requests)
	for i, o := range orders {
		if err := r.note(ctx, o, given[i], errs[i], res); err != nil {
			return err
		}
	}
	return nil
}

// note takes down what became of an order.
func (r *run) note(ctx context.Context, o *order, lines []allocation.Allocation, err error, res *result) error {
	var short *allocation.OutOfStockError
	switch {
	case err == nil:
		res.orders = append(res.orders, outcome{lines: lines})
		return r.learnBatches(ctx, lines)
	case errors.As(err, &short):
		res.orders = append(res.orders, outcome{short: short.Shortages})
		return nil
	case isAboutData(err):
		r.blame(o, err)
		return nil
	}
	return err
}

// isAboutData tells an answer to bad rows from a failure that would meet every other row as well.
func isAboutData(err error) bool {
	return errors.Is(err, allocation.ErrInvalid) || errors.Is(err, allocation.ErrNotFound) || errors.Is(err, allocation.ErrMismatch)
}

// blame reports an order's error at the row whose value it names, or else at the order's first row.
func (r *run) blame(o *order, err error) {
	for _, err := range each(err) {
		at := o.rows[0].position
		var about *allocation.Error
		if errors.As(err, &about) {
			for _, row := range o.rows {
				if about.Value == any(row.line.SKU) || about.Value == any(row.line.Quantity) {
					at = row.position
					break
				}
			}
		}
		r.bad.add(at, fmt.Sprintf("%s; order %s is left out", reason(err), plain(o.id)))
	}
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// reason is an error without the name of the method, which means nothing to whoever wrote the file.
func reason(err error) string {
	var about *allocation.Error
	if !errors.As(err, &about) {
		return err.Error()
	}
	return fmt.Sprintf("%s %q: %v", about.Field, fmt.Sprint(about.Value), about.Err)
}
