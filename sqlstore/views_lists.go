package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
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
	invalid := checkPrefix(filter.Prefix)
	if after != "" && invalid == nil {
		invalid = after.Validate()
	}
	if err := s.check(ctx, op, invalid, atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	q := s.statements.views.productsOf(filter)
	var products []views.Product
	places := map[allocation.SKU]int{}
	values := idRange(filter.Prefix, string(after))
	values["now"], values["page"] = now.UnixMicro(), limit
	var free []freeUnits // may come before their product
	err := s.view(ctx, op, q, values, func(rows scanner) error {
		var p views.Product
		var eta sql.NullInt64
		var units allocation.Quantity
		var low, waiting int
		err := rows.Scan(&p.SKU, &p.Version, &eta, &units, &p.LowStock, &low, &waiting)
		if p.Version == 0 {
			free = append(free, freeUnits{p.SKU, moment(eta), units})
			return err
		}
		p.Low, p.Waiting = low != 0, waiting != 0
		places[p.SKU] = len(products)
		products = append(products, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, f := range free {
		products[places[f.sku]].Add(f.eta, f.units)
	}
	slices.SortFunc(products, func(a, b views.Product) int { return strings.Compare(string(a.SKU), string(b.SKU)) })
	return products, nil
}

// productsOf returns the statement for a filter.
func (v *viewQueries) productsOf(filter views.ProductFilter) *query {
	switch {
	case filter.Low && filter.Waiting:
		return v.lowWaitedFor
	case filter.Low:
		return v.lowProducts
	case filter.Waiting:
		return v.waitedFor
	}
	return v.products
}

// freeUnits are the free units of a batch.
type freeUnits struct {
	sku   allocation.SKU
	eta   time.Time
	units allocation.Quantity
}

// checkPrefix refuses what no identifier can begin with.
func checkPrefix(prefix string) error {
	if len(prefix) > 255 || !utf8.ValidString(prefix) || strings.ContainsRune(prefix, 0) {
		return invalid("", "prefix", prefix, "must be at most 255 bytes of UTF-8 without NUL")
	}
	return nil
}

// idRange returns the bounds of the identifiers that begin with a prefix and come behind another: from the first such
// identifier to the first text beyond. The next text behind an identifier has one more character, and none below 1
// exists. No identifier has room for so many of the last character.
func idRange(prefix, after string) map[string]any {
	from := prefix
	if after != "" {
		from = max(prefix, after+"\x01")
	}
	return map[string]any{"from": from, "until": prefix + strings.Repeat("\U0010ffff", 64)}
}

// Orders returns a page of the orders whose OrderID begins with a prefix, see [views.ListReader].
func (s *Store) Orders(
	ctx context.Context, prefix string, after allocation.OrderID, limit int,
) ([]allocation.OrderID, error) {
	const op = "Orders"
	invalid := checkPrefix(prefix)
	if after != "" && invalid == nil {
		invalid = after.Validate()
	}
	if err := s.check(ctx, op, invalid, atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	var orders []allocation.OrderID
	values := idRange(prefix, string(after))
	values["page"] = limit
	err := s.view(ctx, op, s.statements.views.orders, values, func(rows scanner) error {
		orders = append(orders, "")
		return rows.Scan(&orders[len(orders)-1])
	})
	if err != nil {
		return nil, err
	}
	return orders, nil
}

// Entries returns a page of the ledger, see [views.ListReader]. A first statement finds the next products with events
// since the time, and a second statement reads the events of these products.
func (s *Store) Entries(
	ctx context.Context, since time.Time, sku allocation.SKU, after views.Key, limit int,
) ([]views.Entry, error) {
	const op = "Entries"
	var invalid error
	if sku != "" {
		invalid = sku.Validate()
	}
	if err := s.check(ctx, op, invalid, atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	page := entryPage{limit: limit}
	from := ledger{sku: after.SKU, sequence: after.Sequence}
	for {
		some, err := s.ledgers(ctx, op, since, sku, from)
		if err != nil || len(some) == 0 {
			return page.entries, err
		}
		q := s.statements.views.entries.of(len(some))
		if err := s.view(ctx, op, q, page.values(some), page.row); err != nil {
			return nil, err
		}
		if len(page.entries) >= limit || len(some) < mostLedgers {
			return page.entries, nil
		}
		from = ledger{sku: some[len(some)-1].sku, sequence: never}
	}
}

// ledger is a product, and the number behind which the product's events are listed.
type ledger struct {
	sku      allocation.SKU
	sequence int64
}

// ledgers returns the first products, at or behind a place, that have events since a time.
func (s *Store) ledgers(
	ctx context.Context, op string, since time.Time, sku allocation.SKU, from ledger,
) (some []ledger, err error) {
	if sku != "" && since.IsZero() { // the statement would look for an event from before since in the whole ledger
		if from.sku > sku {
			return nil, nil
		}
		if from.sku < sku {
			from.sequence = 0
		}
		return []ledger{{sku: sku, sequence: from.sequence}}, nil
	}
	values := idRange("", "")
	values["from"], values["since"], values["page"] = max(string(from.sku), string(sku)), int64(-never), mostLedgers
	values["place"], values["number"] = string(from.sku), from.sequence
	if sku != "" {
		values["until"] = string(sku) + "\x01"
	}
	if !since.IsZero() {
		values["since"] = since.UnixMicro()
	}
	err = s.view(ctx, op, s.statements.views.ledgers, values, func(rows scanner) error {
		var l ledger
		err := rows.Scan(&l.sku, &l.sequence)
		if l.sku == from.sku {
			l.sequence = max(l.sequence, from.sequence)
		}
		some = append(some, l)
		return err
	})
	return some, err
}

// entryPage collects the events of a page.
type entryPage struct {
	entries []views.Entry
	limit   int
}

// values are the parameters for the events of some products that are left on the page.
func (p *entryPage) values(some []ledger) map[string]any {
	values := map[string]any{"page": p.limit - len(p.entries)}
	for i, l := range some {
		values["sku"+strconv.Itoa(i)], values["after"+strconv.Itoa(i)] = string(l.sku), l.sequence
	}
	return values
}

func (p *entryPage) row(rows scanner) error {
	var e views.Entry
	var kind, data string
	if err := rows.Scan(&e.SKU, &e.Sequence, &kind, &data); err != nil {
		return err
	}
	event, err := allocation.DecodeEvent(kind, []byte(data))
	if err != nil {
		return &subjectError{field: "event", value: e.Sequence, err: err}
	}
	e.Event = event
	p.entries = append(p.entries, e)
	return nil
}
