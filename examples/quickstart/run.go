package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// run gives the rows to the library and collects the answers.
type run struct {
	result
	store   store
	service *allocation.Service
	now     func() time.Time
	bad     *problems

	// atOnce is how many orders a call gives to the library: enough to fill the library's commits, and few enough
	// to show progress.
	atOnce int
}

// store keeps the products and answers questions about stock and orders. Packages sqlstore and memory have one.
type store interface {
	allocation.Store
	views.Reader
}

func newRun(store store, now func() time.Time, bad *problems) (r *run, err error) {
	r = &run{store: store, now: now, bad: bad, atOnce: 5000}
	r.places, r.happened = map[allocation.BatchRef]views.Part{}, map[string]int{}
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: now, Committed: r.count})
	r.service, err = allocation.New(units, &allocation.ServiceOptions{Policy: policy})
	return r, err
}

// policy takes from the warehouse first, and there from the batch that expires first. Batches that are equal in both
// are taken in the library's order, the earliest arrival first.
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

// count is called with the events of every commit of the run.
func (r *run) count(_ context.Context, events []allocation.Event) {
	for _, e := range events {
		r.happened[e.Kind()]++
	}
}

// all announces the batches, allocates the orders and looks at the remaining stock. Every order is all or nothing by
// itself, though many share a commit: if the run is interrupted, the next run repeats the finished orders without
// effect and goes on.
func (r *run) all(ctx context.Context, in input) (result, error) {
	defer r.bad.show.clear()
	for i, row := range in.batches {
		r.bad.show.step("batches", i+1, len(in.batches))
		if err := r.announce(ctx, row); err != nil {
			return result{}, err
		}
	}
	good := slices.DeleteFunc(slices.Clone(in.orders), func(o *order) bool { return o.bad })
	for chunk := range slices.Chunk(good, r.atOnce) {
		if err := r.allocate(ctx, chunk); err != nil {
			return result{}, err
		}
		r.bad.show.step("orders", r.allocated+r.refused, len(in.orders))
	}
	var err error
	r.stock, err = r.store.Stock(ctx, r.now(), in.skus()...)
	return r.result, err
}

// skus lists the products in the files, without names that no product can have.
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
	impossible := func(sku allocation.SKU, _ bool) bool { return sku.Validate() != nil }
	maps.DeleteFunc(named, impossible)
	return slices.Sorted(maps.Keys(named))
}

func (r *run) announce(ctx context.Context, row batchRow) error {
	err := r.service.AddBatch(ctx, row.batch)
	if isAboutData(err) {
		r.bad.add(row.position, reason(err), "")
		return nil
	}
	return err
}

func (r *run) allocate(ctx context.Context, orders []*order) error {
	requests := make([][]allocation.Request, len(orders))
	for i, o := range orders {
		requests[i] = o.requests(r.now())
	}
	given, errs := r.service.AllocateEach(ctx, requests)
	for i, o := range orders {
		if err := r.note(ctx, o, given[i], errs[i]); err != nil {
			return err
		}
	}
	return nil
}

// note adds the answer about one order to the result.
func (r *run) note(ctx context.Context, o *order, lines []allocation.Allocation, err error) error {
	var short *allocation.OutOfStockError
	switch {
	case err == nil:
		r.allocated++
		r.lines = append(r.lines, lines...)
		return r.findPlaces(ctx, lines)
	case errors.As(err, &short):
		r.refused++
		r.short = append(r.short, short.Shortages...)
		return nil
	case isAboutData(err):
		r.blame(o, err)
		return nil
	}
	return err
}

// findPlaces looks up in the read model where the batches of an order are, unless all of the batches are known.
func (r *run) findPlaces(ctx context.Context, lines []allocation.Allocation) error {
	unknown := func(part allocation.Part) bool { return r.places[part.Batch].Batch == "" }
	unplaced := func(line allocation.Allocation) bool { return slices.ContainsFunc(line.Parts, unknown) }
	if !slices.ContainsFunc(lines, unplaced) {
		return nil
	}
	stored, err := r.store.Order(ctx, lines[0].OrderID)
	for _, line := range stored {
		for _, part := range line.Parts {
			r.places[part.Batch] = part
		}
	}
	return err
}

// isAboutData tells an error about one row or order from a failure that every other row would meet as well.
func isAboutData(err error) bool {
	return errors.Is(err, allocation.ErrInvalid) || errors.Is(err, allocation.ErrNotFound) ||
		errors.Is(err, allocation.ErrMismatch)
}

// blame reports an order's error at the row whose value the error names, or else at the order's first row.
func (r *run) blame(o *order, err error) {
	for _, err := range each(err) {
		at := o.rows[0].position
		var about *allocation.Error
		if errors.As(err, &about) {
			named := func(row orderRow) bool { return same(row.value(about.Field), about.Value) }
			at = o.rows[max(0, slices.IndexFunc(o.rows, named))].position
		}
		r.bad.add(at, reason(err), o.id)
	}
}

// same reports whether two values are equal, of times whether they are the same moment.
func same(a, b any) bool {
	if at, isTime := a.(time.Time); isTime {
		other, isTime := b.(time.Time)
		return isTime && at.Equal(other)
	}
	return a == b
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// reason is an error's text with the name of the column, and without the name of the library's method, which the file's
// author doesn't know.
func reason(err error) string {
	var about *allocation.Error
	if !errors.As(err, &about) {
		return err.Error()
	}
	value := fmt.Sprint(about.Value)
	if at, isTime := about.Value.(time.Time); isTime {
		value = at.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s %q: %v", strings.ReplaceAll(about.Field, " ", "_"), value, about.Err)
}
