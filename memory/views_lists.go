package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// Products returns a page of the products that pass a filter, see [views.ListReader].
func (s *Store) Products(
	ctx context.Context, now time.Time, filter views.ProductFilter, after allocation.SKU, limit int,
) ([]views.Product, error) {
	const op = "Products"
	err := cmp.Or(s.check(ctx, op), checkPrefix(op, filter.Prefix), checkAtLeastOne(op, "limit", limit))
	if after != "" {
		err = cmp.Or(err, after.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var products []views.Product
	for _, sku := range behindID(maps.Keys(s.products), filter.Prefix, after) {
		p := s.products[sku]
		if filter.Low && !p.low || filter.Waiting && len(p.waiting) == 0 {
			continue
		}
		if len(products) == limit {
			break
		}
		products = append(products, views.Product{
			Stock: p.viewStock(now, ""), LowStock: p.lowStock, Low: p.low, Waiting: len(p.waiting) > 0,
		})
	}
	return products, nil
}

// Orders returns a page of the orders whose OrderID begins with a prefix, see [views.ListReader].
func (s *Store) Orders(
	ctx context.Context, prefix string, after allocation.OrderID, limit int,
) ([]allocation.OrderID, error) {
	const op = "Orders"
	err := cmp.Or(s.check(ctx, op), checkPrefix(op, prefix), checkAtLeastOne(op, "limit", limit))
	if after != "" {
		err = cmp.Or(err, after.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	orders := behindID(maps.Keys(s.orders), prefix, after)
	return slices.Clip(orders[:min(len(orders), limit)]), nil
}

// behindID returns the identifiers that begin with a prefix and come behind another, sorted.
func behindID[ID ~string](all func(yield func(ID) bool), prefix string, after ID) []ID {
	var found []ID
	for id := range all {
		if id > after && strings.HasPrefix(string(id), prefix) {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	return found
}

// checkPrefix refuses what no identifier can begin with.
func checkPrefix(op, prefix string) error {
	if len(prefix) > 255 || !utf8.ValidString(prefix) || strings.ContainsRune(prefix, 0) {
		return invalid(op, "prefix", prefix, "must be at most 255 bytes of UTF-8 without NUL")
	}
	return nil
}

// Entries returns a page of the ledger, see [views.ListReader].
func (s *Store) Entries(
	ctx context.Context, since time.Time, sku allocation.SKU, after views.Key, limit int,
) ([]views.Entry, error) {
	const op = "Entries"
	err := cmp.Or(s.check(ctx, op), checkAtLeastOne(op, "limit", limit))
	if sku != "" {
		err = cmp.Or(err, sku.Validate())
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []views.Entry
	for _, one := range slices.Sorted(maps.Keys(s.products)) {
		if one < after.SKU || sku != "" && one != sku {
			continue
		}
		number := int64(0)
		if one == after.SKU {
			number = after.Sequence
		}
		for _, e := range s.products[one].entriesSince(since) {
			if e.Sequence > number {
				entries = append(entries, e)
			}
		}
		if len(entries) >= limit {
			return slices.Clip(entries[:limit]), nil
		}
	}
	return entries, nil
}

// entriesSince returns the events behind the last event from before a time.
func (p *product) entriesSince(since time.Time) (entries []views.Entry) {
	for _, r := range slices.Backward(p.events) {
		if r.Event.Time().Before(since) {
			break
		}
		entries = append(entries, views.Entry{SKU: p.sku, Sequence: r.Sequence, Event: r.Event})
	}
	slices.Reverse(entries)
	return entries
}
