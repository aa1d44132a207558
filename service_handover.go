package allocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// HandOver makes the lines of one order the lines of another: a cart becomes an order. Each line keeps
// units, batches, terms, hold and age. Without SKUs all lines of from are handed over, with SKUs the
// lines of these SKUs: all of them, or none. HandOver returns the lines, by SKU and LineID.
//
// A SKU for which from has no line is [ErrNotFound], a lapsed hold is [ErrLapsed], and a line that to has
// already under the same SKU and LineID is [ErrMismatch]. Other lines of to are no obstacle. As with
// [Service.Confirm], a missing line is noticed only if the line's SKU is given.
//
// A line keeps the order from which the line came. If any line of to, or of the given SKUs, came from the
// order from, the call is a repeat: the repeat changes nothing and returns the lines that came, whatever
// from has got since. If from was cancelled before, the answer is ErrNotFound. An Allocate for from that
// comes after the hand-over makes a new line of from, so use the id of a cart once.
func (s *Service) HandOver(ctx context.Context, from, to OrderID, skus ...SKU) ([]Allocation, error) {
	const op = "HandOver"
	if err := checkHandOver(from, to); err != nil {
		return nil, err
	}
	for _, sku := range skus {
		if err := checkID(op, "sku", sku); err != nil {
			return nil, err
		}
	}
	skus = slices.Compact(slices.Sorted(slices.Values(skus)))
	c := command{op: op, order: from, to: to}
	if len(skus) > 0 {
		c = command{op: op, skus: skus, orders: slices.Sorted(slices.Values([]OrderID{from, to}))}
	}
	lines, err := decide(ctx, s, c, func(ctx context.Context, products Repository) ([]Allocation, error) {
		concerned, err := ofBoth(ctx, products, from, to, skus)
		if err != nil {
			return nil, err
		}
		return handOver(concerned, from, to, len(skus) > 0, products)
	})
	if errors.Is(err, ErrDuplicate) { // in a transaction that doesn't see later commits
		return nil, &Error{Op: op, Field: "to", Value: to, Err: fmt.Errorf("%w: %w", ErrMismatch, err)}
	}
	return lines, err
}

// ofBoth loads the products with lines of any of the two orders, with the lines of both: all of them, or
// the given SKUs. The products come by SKU.
func ofBoth(ctx context.Context, products Repository, from, to OrderID, skus []SKU) ([]*Product, error) {
	if len(skus) > 0 {
		return products.GetMany(ctx, skus, from, to)
	}
	given, err := products.GetByOrder(ctx, from, to)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	taking, err := products.GetByOrder(ctx, to, from)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	both := slices.Concat(given, taking)
	slices.SortFunc(both, func(a, b *Product) int { return cmp.Compare(a.sku, b.sku) })
	return slices.Compact(both), nil
}

// handOver hands over the lines of an order in several products, or returns the lines of a repeat. If all
// is set, every product must have a line of from.
func handOver(concerned []*Product, from, to OrderID, all bool, products Repository) ([]Allocation, error) {
	now := clean(products.Now())
	var lines []Allocation
	for _, p := range concerned {
		came, err := p.cameFrom(from, to, now)
		if err != nil {
			return nil, err
		}
		lines = append(lines, copies(came)...)
	}
	if lines != nil {
		return lines, nil
	}
	if !all {
		concerned = slices.DeleteFunc(concerned, func(p *Product) bool { return !p.hasLine(from) })
	}
	if len(concerned) == 0 {
		return nil, &Error{Op: "HandOver", Field: "from", Value: from, Err: ErrNotFound}
	}
	for _, p := range concerned { // before any product changes
		if err := p.canHandOver(from, to, now); err != nil {
			return nil, err
		}
	}
	for _, p := range concerned {
		lines = append(lines, p.handOver(from, to, now)...)
	}
	return lines, nil
}
