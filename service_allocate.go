package allocation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// order is a call's requests, and the products that they are for.
type order struct {
	requests []Request // as they came
	skus     []SKU     // sorted, each once
	ids      []OrderID // sorted, each once
	shares   []share   // one for each SKU

	one struct { // where the lists begin: most orders have one line
		requests [1]Request
		skus     [1]SKU
		ids      [1]OrderID
		shares   [1]share
	}
}

// share is what one product is asked for.
type share struct {
	product  *Product
	requests []Request
	plan     []planned
}

// newOrder checks and merges requests, and sorts them by product. It keeps none of the caller's memory.
func newOrder(op string, requests []Request) (*order, error) {
	if len(requests) == 0 {
		return nil, invalid(op, "requests", len(requests), "must not be empty")
	}
	merged, err := merge(op, requests)
	if err != nil {
		return nil, err
	}
	o := &order{requests: merged}
	o.skus, o.ids, o.shares = o.one.skus[:0], o.one.ids[:0], o.one.shares[:0]
	if len(merged) == 1 {
		o.one.requests[0] = merged[0]
		o.requests = o.one.requests[:]
	}
	sorted := o.requests
	if len(sorted) > 1 {
		sorted = slices.Clone(sorted)
		slices.SortStableFunc(sorted, func(a, b Request) int { return cmp.Compare(a.SKU, b.SKU) })
	}
	for start := 0; start < len(sorted); {
		sku, end := sorted[start].SKU, start
		for end < len(sorted) && sorted[end].SKU == sku {
			o.ids = append(o.ids, sorted[end].OrderID)
			end++
		}
		o.skus = append(o.skus, sku)
		o.shares = append(o.shares, share{requests: sorted[start:end]})
		start = end
	}
	slices.Sort(o.ids)
	o.ids = slices.Compact(o.ids)
	return o, nil
}

// command is what the order needs.
func (o *order) command(op string) command {
	return command{op: op, skus: o.skus, orders: o.ids, places: true}
}

// allocate decides on the order in one unit of work.
func (o *order) allocate(ctx context.Context, products Repository, policy Policy) (got decision[[]Allocation], err error) {
	loaded, err := products.GetMany(ctx, o.skus, o.ids...)
	if err != nil {
		return got, err
	}
	for i, p := range loaded {
		o.shares[i].product = p
	}
	if got.short, err = o.plan(products.Now(), policy); err != nil {
		return got, err
	}
	if got.short == nil {
		got.given = o.carryOut(products.Now())
		return got, nil
	}
	if slices.ContainsFunc(loaded, func(p *Product) bool { return p.kept }) {
		return got, errStale
	}
	o.refuse(products.Now(), got.short.Shortages)
	return got, nil
}

// plan lets every product judge its share. It returns all shortages, unless there is any other error.
func (o *order) plan(now time.Time, policy Policy) (short *OutOfStockError, err error) {
	for i := range o.shares {
		s := &o.shares[i]
		if s.plan, err = s.product.plan(now, policy, s.requests); err == nil {
			continue
		}
		var ofShare *OutOfStockError
		if !errors.As(err, &ofShare) {
			return nil, err
		}
		if short == nil {
			short = &OutOfStockError{}
		}
		short.Shortages = append(short.Shortages, ofShare.Shortages...)
	}
	return short, nil
}

// carryOut does what was planned and returns the allocations in the order of the requests.
func (o *order) carryOut(now time.Time) []Allocation {
	if len(o.shares) == 1 {
		return o.shares[0].product.carryOut(o.shares[0].plan, now) // in the order of the requests already
	}
	given := make(map[LineKey]Allocation, len(o.requests))
	for _, s := range o.shares {
		for _, a := range s.product.carryOut(s.plan, now) {
			given[a.Key()] = a
		}
	}
	allocations := make([]Allocation, len(o.requests))
	for i, r := range o.requests {
		allocations[i] = given[r.Key()]
	}
	return allocations
}

func (o *order) refuse(now time.Time, shortages []Shortage) {
	for _, s := range o.shares {
		s.product.refuse(now, shortages)
	}
}

// Allocate promises stock to lines, of one order or of several: to all of them or, with an [*OutOfStockError]
// that names every line that is short, to none (R5). Lines of one order and SKU are one line with
// their sum, and the allocations come in the order in which the lines first appear.
//
// A line that has its allocation already keeps it and gets it again, whatever the terms now, so that a
// repeat answers what the first call did (R3): a held line stays held, [Service.Confirm] makes it firm. A
// line that is known with another quantity is [ErrMismatch]; so is a repeat after the line was changed.
//
// A refusal is told by a [LineRefused] (R10). If that can't be committed, the answer is both errors, joined.
func (s *Service) Allocate(ctx context.Context, requests ...Request) ([]Allocation, error) {
	return s.allocate(ctx, "Allocate", requests)
}

func (s *Service) allocate(ctx context.Context, op string, requests []Request) ([]Allocation, error) {
	order, err := newOrder(op, requests)
	if err != nil {
		return nil, err
	}
	got, err := decide(ctx, s, order.command(op), func(ctx context.Context, products Repository) (decision[[]Allocation], error) {
		return order.allocate(ctx, products, s.policy)
	})
	return got.answer(err)
}
