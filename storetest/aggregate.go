package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
)

var aggregateRows = []row{
	{"R3: concurrent repeats of one order get one allocation",
		"a double click, or a queue with repeated delivery, must not sell the units twice", aggregateRepeatAtOnce},
	{"R4: concurrent orders never get more units than there are",
		"preventing overselling is the purpose of this library", aggregateOverselling},
	{"R6: cutting a batch moves the lines that leave first, however many pages of lines there are",
		"the oldest promise is kept longest, and lines without another batch are reported", aggregateCut},
	{"R7: the units of a lapsed hold are sold again, and the hold can't be confirmed",
		"a hold counts until HeldUntil and not a microsecond longer, released or not", aggregateLapsed},
	{"R7: a shortage considers all lapsed holds, however many pages of holds there are",
		"the sale would be refused although the units of lapsed holds are free", aggregateLapsedPages},
	{"R7: releasing lapsed holds ends when no lapsed hold is left",
		"the events must be recorded even for products without further orders", aggregateRelease},
	{"R10: a refusal is recorded once, until the product has another event",
		"ten thousand refusals after a sell-out must cost reads, not writes", aggregateRefusal},
	{"a unit of work that fails, panics or calls Goexit changes nothing",
		"the decisions of a unit of work count only after a commit", aggregateForgotten},
	{"after commands of all kinds each counter is the sum of the lines",
		"a unit that counters and lines don't agree on is sold twice or never", aggregateBusy},
}

func aggregateRepeatAtOnce(b *bench) {
	s := b.openSeparate()
	s.add("apple", stock("a1", 5))
	s.add("apple", stock("a2", 5))
	var got [racers]string
	results := race(func(i int) error {
		allocations, err := s.service.Allocate(b.Context(), line("apple", firm("o1", 3)))
		if err == nil {
			got[i] = partsOf(allocations[0])
		}
		return err
	})
	b.must(errors.Join(results...), "concurrent Allocate of one order")
	for i, parts := range got {
		if want := `[3 from "a1", 0 shipped]`; parts != want {
			b.errorf("parts for racer %d = %s, want %s", i, parts, want)
		}
	}
	if got := b.batchOf(b.state(of("apple")), "a1").Allocated; got != 3 {
		b.errorf("allocated units of batch %q = %d, want 3", "a1", got)
	}
}

func aggregateOverselling(b *bench) {
	const units, each = 10, 3
	s := b.openSeparate()
	s.add("apple", stock("a1", units/2))
	s.add("apple", stock("a2", units/2))
	done := shopData{
		skus: []allocation.SKU{"apple"}, refs: []allocation.BatchRef{"a1", "a2"},
		orders: named[allocation.OrderID]("o", racers*each),
	}
	var sold atomic.Int64
	results := race(func(i int) error {
		for _, order := range done.orders[i*each : (i+1)*each] {
			_, err := s.service.Allocate(b.Context(), line("apple", firm(order, 1)))
			var short *allocation.OutOfStockError
			switch {
			case err == nil:
				sold.Add(1)
			case !errors.As(err, &short):
				return err
			}
		}
		return nil
	})
	b.must(errors.Join(results...), "concurrent Allocate")
	b.checkCounters(done, "apple")
	if lines := len(b.state(of("apple", done.orders...)).Lines); sold.Load() != units || lines != units {
		b.errorf("%d calls succeeded and %d lines are stored, want %d and %d", sold.Load(), lines, units, units)
	}
}

func aggregateCut(b *bench) {
	s := b.open(2)
	s.add("apple", stock("a1", 10))
	s.sell("apple", firm("o1", 2), firm("o2", 2), firm("o3", 2), firm("o4", 2), firm("o5", 2))
	s.add("apple", stock("a2", 4))
	s.now = minute(2)
	// The first step moves a line of the first page; the second step needs the lines of further pages.
	for i, step := range []struct {
		units    allocation.Quantity
		released []allocation.OrderLine
	}{
		{8, nil},
		{2, []allocation.OrderLine{
			{OrderID: "o3", SKU: "apple", Quantity: 2}, {OrderID: "o4", SKU: "apple", Quantity: 2},
		}},
	} {
		count := allocation.Count{Batch: "a1", Quantity: step.units, At: minute(i + 1)}
		released, err := s.service.ChangeBatchQuantity(b.Context(), count)
		b.must(err, "ChangeBatchQuantity(%+v)", count)
		if !slices.Equal(released, step.released) {
			b.errorf("released lines after a cut to %d units = %+v, want %+v", step.units, released, step.released)
		}
	}
	for order, want := range map[allocation.OrderID]string{
		"o1": `[2 from "a1", 0 shipped]`, "o2": `[2 from "a2", 0 shipped]`, "o3": "", "o4": "",
		"o5": `[2 from "a2", 0 shipped]`,
	} {
		s.wantParts("apple", order, want)
	}
}

func aggregateLapsed(b *bench) {
	s := b.open(plenty)
	s.add("apple", stock("a1", 5))
	s.sell("apple", held("o1", 3, minute(1)), held("o2", 2, minute(3)))
	s.now = minute(1).Add(-time.Microsecond)
	if short := s.refuses("apple", firm("o3", 3)); short[0].Available != 0 {
		b.errorf("available units just before a hold lapses = %d, want 0", short[0].Available)
	}
	s.now = minute(1)
	_, err := s.service.Confirm(b.Context(), "o1")
	b.wantError(err, allocation.ErrLapsed, "Confirm of a hold at its HeldUntil")
	s.sell("apple", firm("o3", 3))
	s.wantParts("apple", "o1", "")
	s.wantParts("apple", "o3", `[3 from "a1", 0 shipped]`)
	_, err = s.service.Confirm(b.Context(), "o2")
	b.must(err, "Confirm of a live hold")
	s.now = minute(9)
	s.refuses("apple", firm("o4", 1))
}

func aggregateLapsedPages(b *bench) {
	s := b.open(1)
	s.add("apple", stock("a1", 3))
	s.add("apple", stock("a2", 1))
	s.sell("apple", held("o1", 1, minute(3)), held("o2", 1, minute(1)), held("o3", 1, minute(2)),
		held("o4", 1, minute(9)))
	s.now = minute(5)
	s.sell("apple", firm("o5", 3))
	s.wantParts("apple", "o5", `[3 from "a1", 0 shipped]`)
	if short := s.refuses("apple", firm("o6", 1)); short[0].Available != 0 {
		b.errorf("available units beside a live hold = %d, want 0", short[0].Available)
	}
}

func aggregateRelease(b *bench) {
	s := b.open(2)
	skus := named[allocation.SKU]("sku", 5)
	for i, sku := range skus {
		s.add(sku, stock(allocation.BatchRef(fmt.Sprint("b", i)), 9))
		s.sell(sku, held("o1", 2, minute(i+1)), held("o2", 1, minute(7-i)), firm("o3", 1), held("live", 1, minute(20)))
	}
	s.now = minute(10)
	for _, want := range []int{2 * len(skus), 0} {
		released, err := s.service.Sweep(b.Context())
		b.must(err, "Sweep")
		if released != want {
			b.errorf("Sweep = %d lines, want %d", released, want)
		}
	}
	for i, sku := range skus {
		if got := b.batchOf(b.state(of(sku)), allocation.BatchRef(fmt.Sprint("b", i))).Allocated; got != 2 {
			b.errorf("allocated units of %q after Sweep = %d, want 2", sku, got)
		}
	}
}

func aggregateRefusal(b *bench) {
	s := b.open(plenty)
	s.add("apple", stock("a1", 5))
	before := s.version("apple")
	for range 3 {
		s.refuses("apple", firm("o1", 6))
	}
	if got := b.state(of("apple")); got.Version != before+1 || got.Refused != before+1 {
		b.errorf("version and refused after 3 refusals = %d and %d, want both %d", got.Version, got.Refused, before+1)
	}
	s.sell("apple", firm("o2", 1))
	s.refuses("apple", firm("o1", 6))
	if got := b.state(of("apple")); got.Version != before+3 || got.Refused != before+3 {
		b.errorf("version and refused after a sale and a refusal = %d and %d, want both %d", got.Version, got.Refused,
			before+3)
	}
}

func aggregateForgotten(b *bench) {
	s := b.open(plenty)
	s.add("apple", stock("a1", 5))
	s.sell("apple", firm("o1", 2))
	q := of("apple", "o1", "o2")
	before := describe(b.load(q)...)
	failure := errors.New("the host's own")
	for name, end := range map[string]func() error{
		"error": func() error { return failure },
		"panic": func() error { panic(failure) },
		"exit":  func() error { runtime.Goexit(); return nil },
	} {
		var ended sync.WaitGroup
		ended.Go(func() {
			defer func() { _ = recover() }()
			_ = s.units.Do(b.Context(), func(ctx context.Context, products allocation.Repository) error {
				if err := s.everything(ctx, products); err != nil {
					return err
				}
				return end()
			})
		})
		ended.Wait()
		if d := difference(describe(b.load(q)...), before); d != "" {
			b.errorf("a unit of work that ended by %s changed the store:%s", name, d)
		}
	}
}

// everything changes a product by several commands.
func (s *shop) everything(ctx context.Context, products allocation.Repository) error {
	p, err := products.Get(ctx, "apple", "o1", "o2")
	if err != nil {
		return err
	}
	if _, err := p.Cancel("o1", noon); err != nil {
		return err
	}
	if _, err := p.Allocate(noon, nil, line("apple", firm("o2", 4))); err != nil {
		return err
	}
	return p.AddBatch(allocation.Batch{Ref: "a2", SKU: "apple", Purchased: 1}, noon)
}

func aggregateBusy(b *bench) {
	done := b.busyShop(2, 150)
	for _, sku := range done.skus {
		b.checkCounters(done, sku)
	}
}
