package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var dueKinds = []views.DueKind{
	views.DueArrival, views.DueExpiry, views.DueHold, views.DueLate, views.DueWaiting,
}

// allDue returns everything that is or will be due, by a look at every batch and line.
func allDue(s *Store) (due []views.Due) {
	for _, p := range s.products {
		for _, b := range p.batches {
			d := views.Due{SKU: p.sku, Batch: b.Ref, Quantity: b.Purchased, Promised: b.Allocated}
			if b.Purchased > 0 && !b.ETA.IsZero() {
				d.At, d.Kind = b.ETA, views.DueArrival
				due = append(due, d)
			}
			if !b.BestBefore.IsZero() && (b.Allocated > 0 || b.Purchased > 0 && !b.Expired) {
				d.At, d.Kind, d.Told = b.BestBefore, views.DueExpiry, b.Expired
				due = append(due, d)
			}
		}
		for _, first := range p.lines {
			for l := first; l != nil; l = l.next {
				due = append(due, dueOfLine(p, &l.Allocation)...)
			}
		}
		for _, a := range p.waiting {
			if !a.NeededBy.IsZero() {
				due = append(due, views.Due{
					At: overdue(a.NeededBy), Kind: views.DueWaiting, SKU: p.sku, OrderID: a.OrderID, Line: a.Line,
					Quantity: a.Waiting,
				})
			}
		}
	}
	slices.SortFunc(due, views.Due.Compare)
	return due
}

func dueOfLine(p *product, a *allocation.Allocation) (due []views.Due) {
	d := views.Due{SKU: p.sku, OrderID: a.OrderID, Line: a.Line}
	if !a.HeldUntil.IsZero() {
		d.At, d.Kind, d.Quantity = a.HeldUntil, views.DueHold, a.Quantity-a.Shipped()
		due = append(due, d)
	}
	for _, part := range a.Parts {
		at := overdue(a.NeededBy)
		if a.NeededBy.IsZero() || a.Lapsed(at) || part.Quantity == part.Shipped || p.batches[part.Batch].ETA.IsZero() {
			continue
		}
		d.At, d.Kind, d.Batch, d.Quantity, d.Told = at, views.DueLate, part.Batch, part.Quantity-part.Shipped, a.Late
		due = append(due, d)
	}
	return due
}

// Pages of Due, from any place, up to any time and of any kinds, are cut from the list of everything.
func TestPagesOfDueAreThoseOfTheWholeList(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	start := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, clock := New(), NewClock(start)
	service, err := allocation.New(
		allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	require.NoError(t, err)
	soon := func() time.Time { return clock.Now().Add(time.Duration(1+random.IntN(9)) * time.Minute) }
	order := func() allocation.OrderID { return allocation.OrderID(fmt.Sprint("o", random.IntN(40))) }
	ref := func() allocation.BatchRef { return allocation.BatchRef(fmt.Sprint("b", random.IntN(30))) }
	kinds := map[views.DueKind]int{}
	for i := range 1500 {
		switch random.IntN(9) { // a command may be refused
		case 0:
			b := allocation.Batch{Ref: ref(), Purchased: allocation.Quantity(1 + random.IntN(9))}
			b.SKU = allocation.SKU(fmt.Sprint("SKU", len(b.Ref)))
			if random.IntN(3) > 0 {
				b.ETA = soon()
			}
			if random.IntN(2) > 0 {
				b.BestBefore = soon().Add(time.Minute)
			}
			_ = service.AddBatch(t.Context(), b)
		case 1, 2, 3:
			r := allocation.Request{Split: true, Wait: random.IntN(3) == 0, OrderLine: allocation.OrderLine{
				OrderID: order(), SKU: allocation.SKU(fmt.Sprint("SKU", 2+random.IntN(2))),
				Quantity: allocation.Quantity(1 + random.IntN(5)),
			}}
			if random.IntN(2) > 0 {
				r.NeededBy = soon()
			}
			if random.IntN(2) > 0 && !r.Wait {
				r.HoldUntil = soon()
			}
			_, _ = service.Allocate(t.Context(), r)
		case 4:
			_, _ = service.Cancel(t.Context(), order())
		case 5:
			_, _ = service.Ship(t.Context(), order())
		case 6:
			count := allocation.Count{Batch: ref(), Quantity: allocation.Quantity(random.IntN(9)), At: clock.Now()}
			_, _ = service.ReceiveBatch(t.Context(), count)
		case 7:
			_, _ = service.ChangeBatchETA(t.Context(), ref(), soon())
		default:
			clock.Advance(time.Duration(random.IntN(60)) * time.Second)
			_, _ = service.Sweep(t.Context())
		}
		wanted := allDue(store)
		for _, d := range wanted {
			kinds[d.Kind]++
		}
		var after views.Key
		if len(wanted) > 0 && random.IntN(2) > 0 {
			after = wanted[random.IntN(len(wanted))].Key()
		}
		var by time.Time
		if random.IntN(2) > 0 {
			by = soon()
		}
		some := dueKinds[random.IntN(len(dueKinds)):]
		if random.IntN(2) > 0 {
			some = nil
		}
		wanted = slices.DeleteFunc(wanted, func(d views.Due) bool {
			return !by.IsZero() && d.At.After(by) || !d.IsBehind(after) || some != nil && !slices.Contains(some, d.Kind)
		})
		limit := 1 + random.IntN(12)
		got, err := store.Due(t.Context(), by, after, limit, some...)
		require.NoError(t, err)
		if wanted = wanted[:min(len(wanted), limit)]; len(wanted) == 0 {
			wanted = nil
		}
		require.Equal(t, wanted, got, "step %d", i)
		for _, p := range store.products {
			copied := p.clone() // as a transaction does
			require.Equal(t, slices.Collect(p.arriving.all()), slices.Collect(copied.arriving.all()))
			require.Equal(t, slices.Collect(p.expiring.all()), slices.Collect(copied.expiring.all()))
			for ref, b := range p.batches {
				require.Equal(t, slices.Collect(b.dated.all()), slices.Collect(copied.batches[ref].dated.all()))
			}
		}
	}
	for _, kind := range dueKinds {
		assert.Positive(t, kinds[kind], "rows of kind %q", kind)
	}
}

// A page beside a hundred times as many lines must look at no more rows, but for the search in the index.
func TestAPageOfDueLooksAtFewRows(t *testing.T) {
	looked := map[int]int{}
	for _, lines := range []int{200, 20_000} {
		start := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
		p := newProduct("LAMP")
		p.addBatch(allocation.Batch{
			Ref: "late", SKU: "LAMP", Purchased: 1 << 40, Allocated: 1 << 30, ETA: start,
			BestBefore: start.AddDate(1, 0, 0),
		})
		for i := range lines {
			at := start.Add(time.Duration(i) * time.Second)
			a := allocation.Allocation{
				Sequence: int64(i + 2), Parts: []allocation.Part{{Batch: "late", Quantity: 2}},
			}
			a.OrderID, a.SKU, a.Quantity = allocation.OrderID(fmt.Sprint("o", i)), "LAMP", 2
			switch i % 3 {
			case 0:
				a.HeldUntil = at
			case 1:
				a.NeededBy = at
			default:
				a.Quantity, a.Waiting, a.NeededBy, a.Parts = 0, 2, at, nil
				p.addWaiting(a)
				continue
			}
			p.addLine(a)
		}
		half := start.Add(time.Duration(lines/2) * time.Second)
		for _, after := range []views.Key{{}, {At: half, Kind: views.DueHold}} {
			page := duePage{after: after}
			page.addProduct(p)
			require.Len(t, page.take(30), 30)
			looked[lines] = max(looked[lines], page.looked)
		}
	}
	assert.Less(t, looked[20_000], 2*looked[200], "rows made for a page: %v", looked)
	assert.Less(t, looked[200], 200, "rows made for a page: %v", looked)
}
