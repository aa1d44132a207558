package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// observer repeats a query. The result alone shows whether the result belongs to a single moment.
type observer struct {
	query    func() error
	observed atomic.Int64 // number of queries so far
	err      error
}

// viewsMoment commits while observers query. On a busy machine either side may be slow, so the row ends only after
// enough commits and enough queries of each observer.
func viewsMoment(b *bench) {
	const commits, often = 40, 20
	for _, sku := range []allocation.SKU{"apple", "pear"} {
		b.announce(sku, stock(allocation.BatchRef(sku+" 1"), shelf), stock(allocation.BatchRef(sku+" 2"), shelf))
	}
	b.must(b.exchange(0), "first exchange")
	observers := b.observers()
	ended := make(chan struct{})
	var done sync.WaitGroup
	for _, l := range observers {
		done.Go(func() { l.until(ended) })
	}
	var writing error
	for i := 1; writing == nil && (i < commits || !observedOften(observers, often)); i++ {
		writing = b.exchange(i)
		runtime.Gosched()
	}
	close(ended)
	done.Wait()
	b.must(writing, "commits during queries")
	for _, l := range observers {
		if l.err != nil {
			b.errorf("%v", l.err)
		}
	}
}

func (l *observer) until(ended <-chan struct{}) {
	for last := false; !last && l.err == nil; {
		select {
		case <-ended:
			last = true
		default:
		}
		if l.err = calm(l.query); l.err != nil {
			l.observed.Add(1 << 32) // a failed observer counts as finished
		}
		l.observed.Add(1)
		runtime.Gosched()
	}
}

func observedOften(observers []*observer, often int64) bool {
	for _, l := range observers {
		if l.observed.Load() < often {
			return false
		}
	}
	return true
}

// shelf is the purchased quantity of each of the four batches.
const shelf = 1000

// unitsOf returns the quantity of the lines after a number of commits. Every commit changes the quantity.
func unitsOf(commit int64) allocation.Quantity { return allocation.Quantity(1 + commit%7) }

// firstVersion is the version after the first exchange, with the events of 2 batches and 3 lines. Each further exchange
// records 6 events.
const firstVersion = 5

// exchange cancels the three held lines of both products, and allocates new lines in the same commit: two lines of the
// first batch, and a line of double quantity of the second batch.
func (b *bench) exchange(commit int) error {
	q := ofSKUs("apple", "pear")
	q.Orders = []allocation.OrderID{"left", "left too", "right"}
	states, err := b.store.Load(b.Context(), q)
	if err != nil {
		return err
	}
	units := unitsOf(int64(commit))
	var changes []allocation.Changes
	for _, s := range states {
		p, err := s.Product(q)
		if err != nil {
			return err
		}
		for _, order := range q.Orders {
			if _, err := p.Cancel(order, noon); err != nil && !errors.Is(err, allocation.ErrNotFound) {
				return err
			}
		}
		_, left := p.Allocate(noon, nil, line(s.SKU, held("left", units, minute(1))),
			line(s.SKU, held("left too", units, minute(1))))
		_, right := p.Allocate(noon, latest, line(s.SKU, held("right", 2*units, minute(1))))
		if err := errors.Join(left, right); err != nil {
			return err
		}
		changes = append(changes, p.Changes())
	}
	return b.try(bySKU(changes...)...)
}

// observers returns observers with a check for each query. The checks hold after any number of exchanges.
func (b *bench) observers() []*observer {
	b.Helper()
	var all []*observer
	if r, able := ability[views.OrderReader](b); able {
		all = append(all, &observer{query: func() error {
			lines, err := r.Order(b.Context(), "right")
			return oneMoment(err, len(lines) == 2 && sameLine(lines[0], lines[1]), "Order", lines, describeViewLine)
		}})
	}
	if r, able := ability[views.StockReader](b); able {
		all = append(all, &observer{query: func() error {
			now, err := r.Stock(b.Context(), noon, "apple", "pear")
			whole := len(now) == 2 && now[0].Version == now[1].Version &&
				now[0].InWarehouse == unpromised(now[0].Version) && now[1].InWarehouse == unpromised(now[1].Version)
			return oneMoment(err, whole, "Stock", now, describeStock)
		}}, &observer{query: func() error {
			later, err := r.Stock(b.Context(), minute(1), "apple", "pear")
			whole := len(later) == 2 && later[0].InWarehouse == 2*shelf && later[1].InWarehouse == 2*shelf
			return oneMoment(err, whole, "Stock with all holds lapsed", later, describeStock)
		}}, &observer{query: func() error {
			own, err := r.StockFor(b.Context(), noon, "right", "apple", "pear")
			whole := len(own) == 2 && own[0].Version == own[1].Version &&
				own[0].InWarehouse == shelf+unpromised(own[0].Version)/2 && own[0].InWarehouse == own[1].InWarehouse
			return oneMoment(err, whole, "StockFor", own, describeStock)
		}})
	}
	if r, able := ability[views.BatchReader](b); able {
		all = append(all, &observer{query: func() error {
			batches, err := r.Batches(b.Context(), noon, "apple", "", plenty)
			whole := len(batches) == 2 && batches[0].Allocated == batches[1].Allocated &&
				batches[0].Free == batches[1].Free
			return oneMoment(err, whole, "Batches", batches, describeViewBatch)
		}}, &observer{query: func() error {
			batches, err := r.Batches(b.Context(), minute(1), "apple", "", plenty)
			whole := len(batches) == 2 && batches[0].Free == shelf && batches[1].Free == shelf
			return oneMoment(err, whole, "Batches with all holds lapsed", batches, describeViewBatch)
		}})
	}
	if r, able := ability[views.LineReader](b); able {
		all = append(all, &observer{query: func() error {
			lines, err := r.BatchLines(b.Context(), "apple 1", fromFirst, plenty)
			whole := len(lines) == 2 && lines[0].Quantity == lines[1].Quantity &&
				lines[0].Sequence == lines[1].Sequence+1
			return oneMoment(err, whole, "BatchLines", lines, describeBatchLine)
		}})
	}
	return all
}

// sameLine compares quantity, sequence and the single part of the lines of two products.
func sameLine(x, y views.Line) bool {
	return x.Quantity == y.Quantity && x.Sequence == y.Sequence && len(x.Parts) == 1 && len(y.Parts) == 1 &&
		x.Parts[0].Quantity == x.Quantity && y.Parts[0].Quantity == y.Quantity
}

// unpromised returns the free units of a product with the given version.
func unpromised(version int64) allocation.Quantity {
	return 2*shelf - 4*unitsOf((version-firstVersion)/6)
}

func oneMoment[A any](err error, whole bool, name string, result []A, describe func(A) string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !whole {
		return fmt.Errorf("%s mixed two moments:\n  %s", name, strings.Join(describeAll(result, describe), "\n  "))
	}
	return nil
}
