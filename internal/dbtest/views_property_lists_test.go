package dbtest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// lookAtLists compares traces, lists and queues, each with random arguments.
func (v *viewer) lookAtLists(t *rapid.T, now time.Time) {
	v.lookAtOpenBatches(t, now)
	v.lookAtLot(t, now)
	v.lookAtDue(t, now)
	v.lookAtProducts(t, now)
	v.lookAtOrderIDs(t)
	v.lookAtEntries(t)
	v.lookAtQueues(t)
}

// batchesNow are the batches of a product with the free units of the naive model, sorted by Ref.
func (v *viewer) batchesNow(state allocation.State, now time.Time) (batches []views.Batch) {
	for _, b := range state.Batches {
		batches = append(batches, views.Batch{Batch: b, Free: v.naive.forSale(b.Ref, now)})
	}
	slices.SortFunc(batches, func(a, b views.Batch) int { return cmp.Compare(a.Ref, b.Ref) })
	return batches
}

func (v *viewer) lookAtOpenBatches(t *rapid.T, now time.Time) {
	asked := []allocation.SKU{"sofa", "unknown", "lamp", "sofa"}
	var want []views.Batch
	for _, sku := range asked {
		for _, b := range v.batchesNow(v.states()[sku], now) {
			if b.Free > 0 {
				want = append(want, b)
			}
		}
	}
	open, err := v.reader.OpenBatches(t.Context(), now, asked...)
	require.NoError(t, err)
	require.Equal(t, want, open, "batches with units that can be promised")
}

// lookAtLot traces the lot of a batch, whether or not the batch exists.
func (v *viewer) lookAtLot(t *rapid.T, now time.Time) {
	refs := []allocation.BatchRef{"crate", "unknown"}
	for ref, b := range v.naive.batches {
		refs = append(refs, cmp.Or(b.Lot, ref))
	}
	slices.Sort(refs)
	lot := rapid.SampledFrom(slices.Compact(refs)).Draw(t, "lot")
	var batches []views.Batch
	var lines []views.LotLine
	for _, state := range v.states() {
		for _, b := range v.batchesNow(state, now) {
			if cmp.Or(b.Lot, b.Ref) != lot {
				continue
			}
			batches = append(batches, b)
			for _, l := range partsOf(state, b.Ref) {
				lines = append(lines, views.LotLine{SKU: state.SKU, Batch: b.Ref, BatchLine: l})
			}
		}
	}
	slices.SortFunc(batches, func(a, b views.Batch) int { return cmp.Compare(a.Ref, b.Ref) })
	slices.SortFunc(lines, func(a, b views.LotLine) int {
		return cmp.Or(cmp.Compare(a.Batch, b.Batch), a.Rank().Compare(b.Rank()))
	})
	limit := rapid.IntRange(1, 4).Draw(t, "rows of a page")
	require.Equal(t, batches, paged(t, limit, func(last views.Batch) ([]views.Batch, error) {
		return v.reader.LotBatches(t.Context(), now, lot, last.Ref, limit)
	}), "batches of lot %q", lot)
	require.Equal(t, lines, paged(t, limit, func(last views.LotLine) ([]views.LotLine, error) {
		return v.reader.LotLines(t.Context(), lot, last.Key(), limit)
	}), "lines of lot %q", lot)
}

// partsOf lists the parts of lines that come from a batch, shipped parts included.
func partsOf(state allocation.State, ref allocation.BatchRef) (lines []views.BatchLine) {
	for _, a := range state.Lines {
		for _, part := range a.Parts {
			if part.Batch == ref {
				lines = append(lines, views.BatchLine{
					OrderID: a.OrderID, Line: a.Line, Quantity: part.Quantity, Shipped: part.Shipped,
					HeldUntil: a.HeldUntil, Priority: a.Priority, Sequence: a.Sequence,
				})
			}
		}
	}
	return lines
}

var everyDue = []views.DueKind{
	views.DueArrival, views.DueExpiry, views.DueHold, views.DueLate, views.DueWaiting,
}

func (v *viewer) lookAtDue(t *rapid.T, by time.Time) {
	kinds := rapid.SliceOfDistinct(rapid.SampledFrom(everyDue), rapid.ID).Draw(t, "kinds")
	if rapid.Bool().Draw(t, "everything to come") {
		by = time.Time{}
	}
	var want []views.Due
	for _, state := range v.states() {
		for _, d := range v.dueOf(state) {
			if (by.IsZero() || !d.At.After(by)) && (len(kinds) == 0 || slices.Contains(kinds, d.Kind)) {
				want = append(want, d)
			}
		}
	}
	slices.SortFunc(want, views.Due.Compare)
	limit := rapid.IntRange(1, 4).Draw(t, "rows of a page")
	due := paged(t, limit, func(last views.Due) ([]views.Due, error) {
		return v.reader.Due(t.Context(), by, last.Key(), limit, kinds...)
	})
	require.Equal(t, want, due, "what is due by %v, of %v", by, kinds)
}

// dueOf lists whatever is or will be due of a product, by the words of [views.DueKind].
func (v *viewer) dueOf(state allocation.State) (due []views.Due) {
	note := func(kind views.DueKind, at time.Time, d views.Due) {
		d.Kind, d.At, d.SKU = kind, at, state.SKU
		due = append(due, d)
	}
	for _, b := range state.Batches {
		d := views.Due{Batch: b.Ref, Quantity: b.Purchased, Promised: b.Allocated}
		if !b.ETA.IsZero() && b.Purchased > 0 {
			note(views.DueArrival, b.ETA, d)
		}
		if d.Told = b.Expired; !b.BestBefore.IsZero() && (b.Purchased > 0 && !b.Expired || b.Allocated > 0) {
			note(views.DueExpiry, b.BestBefore, d)
		}
	}
	for _, a := range linesOf(state) {
		d, missed := views.Due{OrderID: a.OrderID, Line: a.Line}, a.NeededBy.Add(time.Microsecond)
		if d.Quantity = a.Quantity - a.Shipped(); !a.HeldUntil.IsZero() && d.Quantity > 0 {
			note(views.DueHold, a.HeldUntil, d)
		}
		if d.Quantity = a.Waiting; a.Waiting > 0 && !a.NeededBy.IsZero() {
			note(views.DueWaiting, missed, d)
		}
		d.Told = a.Late
		for _, part := range a.Parts {
			d.Batch, d.Quantity = part.Batch, part.Quantity-part.Shipped
			onTheWay := !v.naive.batches[part.Batch].ETA.IsZero()
			if onTheWay && d.Quantity > 0 && !a.NeededBy.IsZero() && !a.Lapsed(missed) {
				note(views.DueLate, missed, d)
			}
		}
	}
	return due
}

// lookAtSweep compares what is due at a time with the events of a sweep at that time, in a copy of the store.
func (v *viewer) lookAtSweep(t *rapid.T, now time.Time) {
	due, err := v.reader.Due(t.Context(), now, views.Key{}, 1000)
	require.NoError(t, err)
	want, lapsed := map[string]bool{}, map[allocation.LineKey]bool{}
	for _, state := range v.states() {
		for _, a := range state.Lines {
			lapsed[a.Key()] = a.Lapsed(now)
		}
	}
	for _, d := range due {
		key := allocation.LineKey{OrderID: d.OrderID, SKU: d.SKU, Line: d.Line}
		if d.Kind == views.DueArrival || d.Kind == views.DueLate && lapsed[key] || d.Told {
			continue
		}
		if d.Kind == views.DueLate {
			d.Batch = "" // a line is late once, on however many batches
		}
		want[fmt.Sprint(d.Kind, d.SKU, d.Batch, d.OrderID, d.Line)] = true
	}
	copied := v.copied(t)
	units := allocation.NewUnitOfWork(copied, &allocation.UnitOfWorkOptions{Now: memory.NewClock(now).Now})
	_, err = newService(t, units, nil).Sweep(t.Context())
	require.NoError(t, err)
	told := map[string]bool{}
	for sku, state := range v.states() {
		events, err := copied.Events(t.Context(), sku, state.Version, math.MaxInt32)
		require.NoError(t, err)
		for _, e := range events {
			switch e := e.(type) {
			case allocation.BatchExpired:
				told[fmt.Sprint(views.DueExpiry, sku, e.Batch)] = true
			case allocation.HoldLapsed:
				told[fmt.Sprint(views.DueHold, sku, e.OrderID, e.Line)] = true
			case allocation.LineLate:
				if e.Late {
					told[fmt.Sprint(views.DueLate, sku, e.OrderID, e.Line)] = true
				}
			case allocation.LineWaiting:
				if e.Quantity == 0 && passed(e.NeededBy, now) {
					told[fmt.Sprint(views.DueWaiting, sku, e.OrderID, e.Line)] = true
				}
			}
		}
	}
	require.Equal(t, want, told, "what is due at %v, and what a sweep tells", now)
}

func (v *viewer) lookAtProducts(t *rapid.T, now time.Time) {
	filter := views.ProductFilter{
		Prefix:  rapid.SampledFrom([]string{"", "l", "lamp", "lamp ", "s", "x"}).Draw(t, "prefix"),
		Low:     rapid.Bool().Draw(t, "low"),
		Waiting: rapid.Bool().Draw(t, "waiting"),
	}
	var want []views.Product
	states := v.states()
	for _, sku := range slices.Sorted(maps.Keys(states)) {
		state := states[sku]
		p := views.Product{LowStock: state.LowStock, Low: state.Low, Waiting: len(state.Waiting) > 0}
		if !strings.HasPrefix(string(sku), filter.Prefix) || filter.Low && !p.Low || filter.Waiting && !p.Waiting {
			continue
		}
		p.SKU, p.Version = sku, state.Version
		for _, b := range v.batchesNow(state, now) {
			p.Add(b.ETA, b.Free)
		}
		want = append(want, p)
	}
	limit := rapid.IntRange(1, 2).Draw(t, "products of a page")
	require.Equal(t, want, paged(t, limit, func(last views.Product) ([]views.Product, error) {
		return v.reader.Products(t.Context(), now, filter, last.SKU, limit)
	}), "products of %+v", filter)
}

func (v *viewer) lookAtOrderIDs(t *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "o", "o1", "x"}).Draw(t, "prefix")
	var want []allocation.OrderID
	for _, state := range v.states() {
		for _, a := range linesOf(state) {
			if strings.HasPrefix(string(a.OrderID), prefix) {
				want = append(want, a.OrderID)
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	limit := rapid.IntRange(1, 4).Draw(t, "orders of a page")
	require.Equal(t, want, paged(t, limit, func(last allocation.OrderID) ([]allocation.OrderID, error) {
		return v.reader.Orders(t.Context(), prefix, last, limit)
	}), "orders that begin with %q", prefix)
}

// lookAtEntries compares the ledger of a product, or of all, since a time.
func (v *viewer) lookAtEntries(t *rapid.T) {
	since := v.now().Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "hours back")) * time.Hour)
	if rapid.Bool().Draw(t, "from the beginning") {
		since = time.Time{}
	}
	asked := rapid.SampledFrom([]allocation.SKU{"", "lamp", "sofa", "unknown"}).Draw(t, "sku")
	var want []views.Entry
	states := v.states()
	for _, sku := range slices.Sorted(maps.Keys(states)) {
		events, err := v.store.Events(t.Context(), sku, 0, math.MaxInt32)
		require.NoError(t, err)
		old := 1 + lastIndexFunc(events, func(e allocation.Event) bool { return e.Time().Before(since) })
		for i, e := range events[old:] {
			if asked == "" || asked == sku {
				want = append(want, views.Entry{SKU: sku, Sequence: int64(old + i + 1), Event: e})
			}
		}
	}
	limit := rapid.SampledFrom([]int{1, 3, 50}).Draw(t, "events of a page")
	if limit == 1 && len(want) > 10 {
		limit = 7
	}
	require.Equal(t, want, paged(t, limit, func(last views.Entry) ([]views.Entry, error) {
		return v.reader.Entries(t.Context(), since, asked, last.Key(), limit)
	}), "events of %q since %v", asked, since)
}

// lastIndexFunc returns the place of the last element that meets a condition, or -1.
func lastIndexFunc[E any](all []E, meets func(E) bool) int {
	for i, e := range slices.Backward(all) {
		if meets(e) {
			return i
		}
	}
	return -1
}

func (v *viewer) lookAtQueues(t *rapid.T) {
	asked := []allocation.SKU{"sofa", "unknown", "lamp", "sofa"}
	order := rapid.SampledFrom(v.orders).Draw(t, "order")
	var queues []views.Queue
	var places []views.Place
	states := v.states()
	for _, sku := range asked {
		state, known := states[sku]
		if !known {
			continue
		}
		q := views.Queue{SKU: sku, Lines: len(state.Waiting)}
		for _, a := range state.Waiting {
			q.Units += a.Waiting
		}
		queues = append(queues, q)
	}
	for _, state := range states {
		for _, a := range state.Waiting {
			if a.OrderID != order {
				continue
			}
			place := views.Place{SKU: a.SKU, Line: a.Line, Waiting: a.Waiting}
			for _, other := range state.Waiting {
				if cmp.Or(a.Priority-other.Priority, cmp.Compare(other.Sequence, a.Sequence)) < 0 {
					place.Before++
				}
			}
			places = append(places, place)
		}
	}
	slices.SortFunc(places, func(a, b views.Place) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Line, b.Line))
	})
	got, err := v.reader.Queues(t.Context(), asked...)
	require.NoError(t, err)
	require.Equal(t, queues, got, "queues")
	gotPlaces, err := v.reader.Places(t.Context(), order)
	require.NoError(t, err)
	require.Equal(t, places, gotPlaces, "places of order %q", order)
}
