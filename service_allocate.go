package allocation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// order is a call's requests, sorted by product.
type order struct {
	requests []Request // merged, in the order of the call
	skus     []SKU     // sorted, each once
	ids      []OrderID // sorted, each once
	shares   []share   // one for each SKU
	policy   Policy
	given    []Allocation

	one struct { // the lists of a single line, without further allocations
		requests [1]Request
		skus     [1]SKU
		ids      [1]OrderID
		shares   [1]share
	}
}

// share is a product's part of an order.
type share struct {
	product  *Product
	requests []Request
	plan     []planned
}

// newOrder checks, merges and sorts requests. The order shares no memory with the caller.
func newOrder(op string, policy Policy, requests []Request) (*order, error) {
	if len(requests) == 0 {
		return nil, invalid(op, "requests", len(requests), "must not be empty")
	}
	merged, err := merge(op, requests)
	if err != nil {
		return nil, err
	}
	o := &order{requests: merged, policy: policy}
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

// command returns the command for a Service. A line with a LineID needs a fresh read, which shows how
// many lines the order has.
func (o *order) command(op string) command {
	adds := !slices.ContainsFunc(o.requests, func(r Request) bool { return r.Line != "" })
	return command{op: op, lines: len(o.requests), skus: o.skus, orders: o.ids, adds: adds, run: o.allocate}
}

// allocate decides on the order within a unit of work. All products judge their shares before any
// product changes, and the error names every shortage (R5).
func (o *order) allocate(ctx context.Context, products Repository) error {
	loaded, err := products.GetMany(ctx, o.skus, o.ids...)
	if err != nil {
		return err
	}
	now := products.Now()
	var short []Shortage
	var lapsed []SKU // products whose shortage depends on further lapsed holds
	for i, p := range loaded {
		if err := ctx.Err(); err != nil {
			return err
		}
		share := &o.shares[i]
		share.product = p
		if share.plan, err = p.plan(now, o.policy, share.requests); err == nil {
			continue
		}
		var ofShare *OutOfStockError
		switch need := asLapsed(err); {
		case need != nil:
			lapsed = append(lapsed, need.skus...)
		case errors.As(err, &ofShare):
			short = append(short, ofShare.Shortages...)
		default:
			return err
		}
	}
	if lapsed != nil {
		return &lapsedError{op: "Allocate", skus: lapsed}
	}
	if short != nil {
		return &OutOfStockError{Shortages: short}
	}
	o.given = o.carryOut(now)
	return nil
}

// carryOut allocates as planned, and returns the allocations in the order of the requests.
func (o *order) carryOut(now time.Time) []Allocation {
	if len(o.shares) == 1 {
		return o.shares[0].product.carryOut(o.shares[0].plan, now) // already in the order of the requests
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

// Allocate promises stock to lines of one order or of several: to all lines or, with an
// [*OutOfStockError] that names every short line, to none (R5). Requests for the same line, by
// order, SKU and LineID, are added up (R4), and the allocations come in the order in which the lines
// first appear.
//
// A line that has an allocation already takes nothing more, so that a repeat returns the allocations
// of the first call, however late the repeat comes (R3). A known line with another quantity,
// NeededBy, FreshUntil, Location or Split is an [ErrMismatch] that names the field, and so is a repeat
// after the line was changed. A request without HoldUntil makes a held line firm, like
// [Service.Confirm]; a later HoldUntil extends the hold, like [Service.Extend]; an earlier HoldUntil
// changes nothing. A host that computes HoldUntil from the present time therefore extends a hold by
// every repeat.
//
// A refusal is recorded by a [LineRefused], and clears lapsed holds of the short products (R10). If the
// event can't be committed, both errors are returned, joined.
func (s *Service) Allocate(ctx context.Context, requests ...Request) ([]Allocation, error) {
	order, err := newOrder("Allocate", s.policy, requests)
	if err != nil {
		return nil, err
	}
	if err := s.do(ctx, order.command("Allocate")); err != nil {
		return nil, err
	}
	return order.given, nil
}
