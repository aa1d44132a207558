package dbtest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// viewer gives every command to a database as well. The database has to give the same answers as the store in memory,
// and the views of both have to agree with the naive model.
type viewer struct {
	*machine
	readers []views.Reader
	reader  views.Reader // the reader at work
	service *allocation.Service
}

func TestPropertiesOfViews(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		db, store := e.fresh(t)
		rapid.Check(t, func(t *rapid.T) {
			for _, table := range []string{"waiting", "events", "lines", "batches", "products"} {
				_, err := db.ExecContext(t.Context(), `DELETE FROM allocation_`+table)
				require.NoError(t, err)
			}
			v := newViewer(t, store)
			actions := v.actions()
			actions[""] = v.serve
			actions["release"] = v.releaseBoth
			actions["look"] = v.look
			if rapid.Bool().Draw(t, "shipment") {
				v.expect(t)
			}
			t.Repeat(actions)
			v.look(t)
		})
	})
}

func newViewer(t *rapid.T, store *sqlstore.Store) *viewer {
	m := newMachine(t, []allocation.SKU{"lamp", "sofa"}, ids(6))
	service := newService(t, allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: m.clock.Now}), nil)
	m.trials = func(*rapid.T) []*allocation.Service { return []*allocation.Service{service} }
	return &viewer{machine: m, readers: []views.Reader{m.store, store}, service: service}
}

// expect announces a shipment, with lines that will be late unless the shipment arrives in time, and with holds. With
// luck a sweep has told already that the lines are late.
func (v *viewer) expect(t *rapid.T) {
	m := v.machine
	hours := func(least, most int, of string) time.Time {
		return m.now().Add(time.Duration(rapid.IntRange(least, most).Draw(t, of)) * time.Hour)
	}
	b := allocation.Batch{Ref: "b1", SKU: m.skus[0], Purchased: 9, ETA: hours(12, 12, "eta")}
	if rapid.Bool().Draw(t, "perishable") {
		b.BestBefore = hours(13, 40, "best before")
	}
	m.batches = 1
	m.run(t, outcome{}, func(s *allocation.Service) (any, error) { return nil, s.AddBatch(t.Context(), b) })
	b.AnnouncedQuantity, b.AnnouncedETA = b.Purchased, b.ETA
	m.naive.batches[b.Ref] = b
	requests := make([]allocation.Request, 3)
	for i := range requests {
		r := &requests[i]
		r.OrderLine = allocation.OrderLine{OrderID: m.orders[i], SKU: b.SKU, Quantity: m.some(t, 1, 3)}
		r.NeededBy = hours(12, 30, "needed by")
		if rapid.IntRange(0, 2).Draw(t, "hold") == 0 {
			r.HoldUntil = hours(1, 40, "hold until")
		}
	}
	m.run(t, m.naive.allocate(requests, m.now()), func(s *allocation.Service) (any, error) {
		given, err := s.Allocate(t.Context(), requests...)
		return quantities(given), err
	})
	if rapid.Bool().Draw(t, "late") {
		v.serve(t)
		m.clock.Advance(30*time.Hour + time.Microsecond)
		v.releaseBoth(t)
	}
}

func (v *viewer) releaseBoth(t *rapid.T) {
	want, err := v.machine.service.Sweep(t.Context())
	require.NoError(t, err)
	released, err := v.service.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, released, "released lines")
}

// look compares every view, as of now or of some hours later. The stored lines and batches, which views are compared
// with, have to be those of the naive model.
func (v *viewer) look(t *rapid.T) {
	now := v.now().Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours ahead")) * time.Hour)
	for _, state := range v.states() {
		v.checkBatches(t, state)
		v.checkLines(t, state)
	}
	for _, v.reader = range v.readers {
		v.lookAtStock(t, now)
		v.lookAtOrders(t)
		for _, sku := range v.skus { // in order, so that a failure can be repeated
			if state, there := v.store.Product(sku); there {
				v.lookAtBatches(t, now, state)
			}
		}
		v.lookAtLists(t, now)
	}
	v.lookAtSweep(t, now)
}

func (v *viewer) lookAtStock(t *rapid.T, now time.Time) {
	known := v.states()
	asked := []allocation.SKU{"unknown", "sofa", "lamp", "sofa"}
	stocks, err := v.reader.Stock(t.Context(), now, asked...)
	require.NoError(t, err)
	asked = slices.DeleteFunc(asked, func(sku allocation.SKU) bool { return known[sku].Version == 0 })
	require.Len(t, stocks, len(asked))
	for i, sku := range asked {
		require.Equal(t, sku, stocks[i].SKU)
		require.Equal(t, known[sku].Version, stocks[i].Version, "version of %q", sku)
		v.compareStock(t, now, stocks[i], "")
	}
	order := rapid.SampledFrom(v.orders).Draw(t, "order")
	asked = slices.DeleteFunc(asked, func(sku allocation.SKU) bool { return len(known[sku].Waiting) > 0 })
	own, err := v.reader.StockFor(t.Context(), now, order, asked...)
	require.NoError(t, err)
	require.Len(t, own, len(asked))
	for i := range asked {
		v.compareStock(t, now, own[i], order)
	}
}

// compareStock asks the product for the available units at every time that makes a difference, after cancelling the
// order unless the order is "".
func (v *viewer) compareStock(t *rapid.T, now time.Time, stock views.Stock, order allocation.OrderID) {
	times := []time.Time{now, now.AddDate(0, 0, 2), now.AddDate(9, 0, 0)}
	for i, a := range stock.Arriving {
		times = append(times, a.ETA, a.ETA.Add(-time.Microsecond))
		require.Positive(t, a.Quantity, "units of %q arriving at %v", stock.SKU, a.ETA)
		require.True(t, i == 0 || a.ETA.After(stock.Arriving[i-1].ETA),
			"arrivals of %q by ETA, each once: %v", stock.SKU, stock.Arriving)
	}
	units := allocation.NewUnitOfWork(v.store, &allocation.UnitOfWorkOptions{Now: func() time.Time { return now }})
	require.ErrorIs(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		var without []allocation.OrderID
		if order != "" {
			without = append(without, order)
		}
		p, err := products.Get(ctx, stock.SKU, without...)
		require.NoError(t, err)
		if order != "" {
			if _, err := p.Cancel(order, now); !errors.Is(err, allocation.ErrNotFound) {
				require.NoError(t, err)
			}
		}
		here, err := p.Available(now)
		require.NoError(t, err)
		require.Equal(t, here, stock.InWarehouse, "InWarehouse of %q, and Available()", stock.SKU)
		for _, by := range times {
			want, err := p.AvailableBy(by, now)
			require.NoError(t, err)
			require.Equal(t, want, stock.AvailableBy(by), "AvailableBy(%v) of %q", by, stock.SKU)
		}
		return errUndo
	}), errUndo)
}

var errUndo = errors.New("undo what was cancelled")

func (v *viewer) lookAtOrders(t *rapid.T) {
	states := v.states()
	for _, order := range v.orders {
		var want []views.Line
		for _, sku := range slices.Sorted(maps.Keys(states)) {
			for _, a := range linesOf(states[sku]) {
				if a.OrderID == order {
					want = append(want, viewed(a, states[sku].Batches))
				}
			}
		}
		slices.SortStableFunc(want, func(a, b views.Line) int {
			return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.OrderLine.Line, b.OrderLine.Line))
		})
		lines, err := v.reader.Order(t.Context(), order)
		require.NoError(t, err)
		require.Equal(t, want, lines, "lines of order %q", order)
	}
}

// viewed adds to a line the batches' columns of the view.
func viewed(a allocation.Allocation, batches []allocation.Batch) views.Line {
	line := views.Line{
		OrderLine: a.OrderLine, HeldUntil: a.HeldUntil, Sequence: a.Sequence,
		NeededBy: a.NeededBy, FreshUntil: a.FreshUntil, Location: a.Location, Priority: a.Priority, Late: a.Late,
		Waiting: a.Waiting,
	}
	for _, part := range a.Parts {
		b := batches[slices.IndexFunc(batches, func(b allocation.Batch) bool { return b.Ref == part.Batch })]
		line.Parts = append(line.Parts,
			views.Part{Part: part, ETA: b.ETA, Location: b.Location, BestBefore: b.BestBefore})
	}
	return line
}

func (v *viewer) lookAtBatches(t *rapid.T, now time.Time, state allocation.State) {
	want := v.batchesNow(state, now)
	for _, b := range want {
		v.lookAtLines(t, state, b.Ref)
	}
	limit := rapid.IntRange(1, 4).Draw(t, "batches of a page")
	batches := paged(t, limit, func(last views.Batch) ([]views.Batch, error) {
		return v.reader.Batches(t.Context(), now, state.SKU, last.Ref, limit)
	})
	require.Equal(t, want, batches, "batches of %q", state.SKU)
}

func (v *viewer) lookAtLines(t *rapid.T, state allocation.State, ref allocation.BatchRef) {
	var want []views.BatchLine
	for _, l := range partsOf(state, ref) {
		if l.Shipped < l.Quantity {
			want = append(want, l)
		}
	}
	slices.SortFunc(want, func(a, b views.BatchLine) int { return a.Rank().Compare(b.Rank()) })
	limit := rapid.IntRange(1, 4).Draw(t, "lines of a page")
	lines := paged(t, limit, func(last views.BatchLine) ([]views.BatchLine, error) {
		return v.reader.BatchLines(t.Context(), ref, last.Rank(), limit)
	})
	require.Equal(t, want, lines, "lines of batch %q", ref)
}

// paged reads page after page, each after the last row of the page before, until a page isn't full.
func paged[T any](t *rapid.T, limit int, next func(last T) ([]T, error)) (all []T) {
	var last T
	for {
		page, err := next(last)
		require.NoError(t, err)
		all = append(all, page...)
		require.LessOrEqual(t, len(page), limit, "rows of a page")
		require.Less(t, len(all), 1000, "rows of all pages: does each page begin after the page before?")
		if len(page) < limit {
			return all
		}
		last = page[limit-1]
	}
}
