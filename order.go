package allocation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// order is a call's requests with the products that they are for, both by SKU.
type order struct {
	requests []Request // as they came
	shares   []share
}

// share is what one product is asked for.
type share struct {
	product  *Product
	requests []Request
	plan     []planned
}

// loadOrder reads all products of merged requests at once.
func loadOrder(ctx context.Context, products Repository, requests []Request) (*order, error) {
	o := &order{requests: requests}
	sorted := slices.Clone(requests)
	slices.SortStableFunc(sorted, func(a, b Request) int { return cmp.Compare(a.SKU, b.SKU) })
	var skus []SKU
	var orders []OrderID
	for start := 0; start < len(sorted); {
		sku, end := sorted[start].SKU, start
		for end < len(sorted) && sorted[end].SKU == sku {
			orders = append(orders, sorted[end].OrderID)
			end++
		}
		skus = append(skus, sku)
		o.shares = append(o.shares, share{requests: sorted[start:end]})
		start = end
	}
	loaded, err := products.GetMany(ctx, skus, slices.Compact(slices.Sorted(slices.Values(orders)))...)
	if err != nil {
		return nil, err
	}
	for i, p := range loaded {
		o.shares[i].product = p
	}
	return o, nil
}

// plan lets every product judge its share. It returns all shortages, unless there is any other error.
func (o *order) plan(now time.Time, policy Policy) (short *OutOfStockError, err error) {
	for i := range o.shares {
		s := &o.shares[i]
		var ofShare *OutOfStockError
		if s.plan, err = s.product.plan(now, policy, s.requests); err == nil {
			continue
		}
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
	type key struct {
		order OrderID
		sku   SKU
	}
	given := make(map[key]Allocation, len(o.requests))
	for _, s := range o.shares {
		for _, a := range s.product.carryOut(s.plan, now) {
			given[key{a.OrderID, a.SKU}] = a
		}
	}
	allocations := make([]Allocation, len(o.requests))
	for i, r := range o.requests {
		allocations[i] = given[key{r.OrderID, r.SKU}]
	}
	return allocations
}

func (o *order) refuse(now time.Time, shortages []Shortage) {
	for _, s := range o.shares {
		s.product.refuse(now, shortages)
	}
}
