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

// queues says how much is measured beside those who wait.
type queues struct {
	waiting int // lines, for Berlin; units are free in Munich
	receipt int // units for Berlin, of each of two receipts
	slices  int
	calls   int // of each side in a slice
}

// queued is one of the two products that are compared: a product with a queue, or a product for which nobody waits.
type queued struct {
	sku     allocation.SKU
	store   allocation.Store
	service *allocation.Service
	cached  *allocation.Service // with group commit and cache
	orders  int
	commits int

	took map[string][]time.Duration // one call's share of each slice, by the name of the call
}

// besideQueue are the calls that must cost the same beside a queue.
var besideQueue = [...]struct {
	name string
	call func(q *queued, ctx context.Context) error
}{
	{"load", (*queued).load},
	{"refusal", (*queued).refused},
	{"walk-in", func(q *queued, ctx context.Context) error { return q.walkIn(ctx, q.service) }},
	{"walk-in, the default `Service`", func(q *queued, ctx context.Context) error { return q.walkIn(ctx, q.cached) }},
}

// queue compares a product with a queue with a product for which nobody waits, in the same tables, and measures
// receipts that serve a part of the queue.
func (p *place) queue(ctx context.Context, s queues, w io.Writer) (err error) {
	store, db, err := p.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := p.LoadQueue(ctx, db, "nobody", 0); err != nil {
		return err
	}
	if err := p.LoadQueue(ctx, db, lamp, s.waiting); err != nil {
		return err
	}
	sides := []*queued{{sku: lamp, store: store}, {sku: "nobody", store: store}}
	for _, one := range sides {
		one.took = map[string][]time.Duration{}
		opts := &allocation.UnitOfWorkOptions{Commit: func(context.Context) func(error) { one.commits++; return nil }}
		if one.service, err = newService(store, opts); err != nil {
			return err
		}
		if one.cached, err = allocation.New(allocation.NewUnitOfWork(store, nil), nil); err != nil {
			return err
		}
	}
	for slice := range s.slices + 1 {
		for i := range sides {
			if err := sides[(slice+i)%2].slice(ctx, s.calls, slice > 0); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(w, "## %s, %d lines wait\n\n", p.Name, s.waiting)
	fmt.Fprint(w, "| call | they wait | nobody waits | ratio |\n|---|---:|---:|---:|\n")
	for _, c := range besideQueue {
		fmt.Fprintf(w, "| %s | %s | %s | %.2f |\n", c.name, harness.Milliseconds(harness.Median(sides[0].took[c.name])),
			harness.Milliseconds(harness.Median(sides[1].took[c.name])),
			harness.Median(harness.Ratios(sides[0].took[c.name], sides[1].took[c.name])))
	}
	return sides[0].receipts(ctx, s, w)
}

func (q *queued) slice(ctx context.Context, calls int, counts bool) error {
	for _, c := range besideQueue {
		took, err := share(calls, func() error { return c.call(q, ctx) })
		if err != nil {
			return fmt.Errorf("%s of %s: %w", c.name, q.sku, err)
		}
		if counts {
			q.took[c.name] = append(q.took[c.name], took)
		}
	}
	return nil
}

func (q *queued) load(ctx context.Context) error { return loadProduct(ctx, q.store, q.sku) }

func (q *queued) request(location allocation.Location) allocation.Request {
	q.orders++
	return allocation.Request{Location: location, OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(fmt.Sprintf("walk-in-%d-%s", q.orders, q.sku)), SKU: q.sku, Quantity: 1,
	}}
}

func (q *queued) walkIn(ctx context.Context, service *allocation.Service) error {
	_, err := service.Allocate(ctx, q.request("Munich"))
	return err
}

// refused asks for a unit where none is.
func (q *queued) refused(ctx context.Context) error {
	_, err := q.service.Allocate(ctx, q.request("Berlin"))
	var short *allocation.OutOfStockError
	switch {
	case !errors.As(err, &short):
		return fmt.Errorf("no refusal: %w", err)
	case short.Shortages[0].Available != 0:
		return fmt.Errorf("%d units available, want none", short.Shortages[0].Available)
	}
	return nil
}

// receipts measures two receipts for Berlin. After the first receipt the sweep serves whoever is left, after the second
// a walk-in serves them before the walk-in is refused.
func (q *queued) receipts(ctx context.Context, s queues, w io.Writer) error {
	states, err := q.store.Load(ctx, allocation.Query{SKUs: []allocation.SKU{q.sku}, Now: time.Now(), Limit: 1})
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\n| units for Berlin | the receipt | commits | then | took | commits |\n")
	fmt.Fprint(w, "|---:|---:|---:|---|---:|---:|\n")
	for i, then := range []struct {
		name string
		call func() error
	}{
		{"the sweep", func() error { _, err := q.service.Sweep(ctx); return err }},
		{"a walk-in, who is refused", func() error { return q.refused(ctx) }},
	} {
		var took [2]time.Duration
		var commits [2]int
		for at, call := range []func() error{func() error {
			return q.service.AddBatch(ctx, allocation.Batch{
				Ref: allocation.BatchRef(fmt.Sprint("berlin-", i)), SKU: q.sku,
				Purchased: allocation.Quantity(s.receipt), Location: "Berlin",
			})
		}, then.call} {
			q.commits = 0
			if took[at], err = share(1, call); err != nil {
				return err
			}
			commits[at] = q.commits
		}
		fmt.Fprintf(w, "| %d | %s | %d | %s | %s | %d |\n", s.receipt,
			harness.Milliseconds(took[0]), commits[0], then.name, took[1].Round(time.Millisecond), commits[1])
	}
	fmt.Fprintln(w)
	return q.inOrder(ctx, states[0].Version, 2*s.receipt)
}

// inOrder checks in the ledger that the first in line got all units for Berlin, one after the other, and nobody else.
func (q *queued) inOrder(ctx context.Context, after int64, units int) error {
	ledger, able := q.store.(allocation.Ledger)
	if !able {
		return errors.New("the store is no ledger")
	}
	served := 0
	for {
		const page = 1000
		events, err := ledger.Events(ctx, q.sku, after, page)
		if err != nil {
			return err
		}
		for _, e := range events {
			given, is := e.(allocation.LineAllocated)
			if !is {
				continue
			}
			served++
			if want := allocation.OrderID(fmt.Sprint("waits-", served)); given.OrderID != want {
				return fmt.Errorf("order %q got a unit out of turn, want %q", given.OrderID, want)
			}
		}
		if len(events) < page {
			break
		}
		after += page
	}
	if served != units {
		return fmt.Errorf("%d lines were served, want %d", served, units)
	}
	return nil
}
