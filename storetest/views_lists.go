package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var listRows = []row{
	{"Due: everything that is due comes at its moment, the earliest first, in pages",
		"what nobody sees coming is late, lapsed or spoilt", dueEverything},
	{"Due: with kinds only these kinds come",
		"a list of holds must not be a list of everything", dueKinds},
	{"Products: the products of the filter come by SKU, in pages, with the units of Stock",
		"somebody who looks for a product must find it, and what is low", listProducts},
	{"Orders: the orders with the prefix come sorted as bytes, in pages",
		"a customer on the telephone knows the beginning of a number", listOrders},
	{"Entries: the events since a time come by SKU and number, in pages",
		"somebody has to find out what happened last night", listEntries},
	{"Lists: a limit below 1, an unknown kind and a bad prefix are refused as invalid",
		"an empty page would be taken for the last page", listInvalid},
}

// dueRows reads what is due by a time in pages, each row as "kind sku batch order quantity/promised told at minute".
func (b *bench) dueRows(by time.Time, limit int, kinds ...views.DueKind) (rows []string) {
	b.Helper()
	for after := (views.Key{}); ; {
		page, err := reader[views.DueReader](b).Due(b.Context(), by, after, limit, kinds...)
		b.must(err, "Due(%s, after %+v, limit %d)", moment(by), after, limit)
		for _, d := range page {
			rows = append(rows, fmt.Sprintf("%s %s %s%s%s %d/%d %t at %s", d.Kind, d.SKU, d.Batch, d.OrderID, d.Line,
				d.Quantity, d.Promised, d.Told, d.At.Sub(noon)))
			after = d.Key()
		}
		if len(page) < limit || len(rows) > plenty {
			return rows
		}
	}
}

// announceKinds commits something of each kind that may become due.
func (b *bench) announceKinds() {
	b.Helper()
	milk, gone := stock("milk", 4), stock("gone", 2)
	milk.BestBefore, gone.BestBefore = minute(30), minute(1)
	b.announce("apple", gone, milk, shipment("ship", 9, minute(10)), shipment("late-ship", 3, minute(10)))
	needed := firm("o1", 5)
	needed.NeededBy = minute(20)
	waits := firm("o3", 50)
	waits.NeededBy, waits.Wait = minute(25), true
	b.allocate("apple", firm("o0", 2), firm("o9", 4), needed, held("o2", 1, minute(15)), waits)
	b.announce("pear", stock("p", 5))
	b.allocate("pear", as("x", held("o2", 2, minute(15))))
	b.change(dueAt(minute(1), "apple"), func(p *allocation.Product) error {
		p.Sweep(minute(1))
		return nil
	})
}

// dueAt is a query for a product with what is due.
func dueAt(now time.Time, sku allocation.SKU) allocation.Query {
	q := at(now, of(sku))
	q.Due = true
	return q
}

func dueEverything(b *bench) {
	b.announceKinds()
	all := []string{
		"expiry apple gone 2/2 true at 1m0s", "arrival apple late-ship 3/1 false at 10m0s",
		"arrival apple ship 9/5 false at 10m0s", "hold apple o2 1/0 false at 15m0s", "hold pear o2x 2/0 false at 15m0s",
		"late apple shipo1 5/0 false at 20m0.000001s", "waiting apple o3 50/0 false at 25m0.000001s",
		"expiry apple milk 4/4 false at 30m0s",
	}
	for _, limit := range []int{1, 2, plenty} {
		if got := b.dueRows(time.Time{}, limit); !slices.Equal(got, all) {
			b.errorf("everything that is due, in pages of %d:\n%q, want\n%q", limit, got, all)
		}
	}
	for by, want := range map[time.Time]int{minute(1): 1, minute(15): 5, minute(20): 5, minute(21): 6, minute(30): 8} {
		if got := b.dueRows(by, plenty); !slices.Equal(got, all[:want]) {
			b.errorf("due by %s:\n%q, want\n%q", moment(by), got, all[:want])
		}
	}
}

func dueKinds(b *bench) {
	b.announceKinds()
	want := b.dueRows(time.Time{}, plenty)
	want = slices.DeleteFunc(want, func(row string) bool {
		return !strings.HasPrefix(row, string(views.DueHold)) && !strings.HasPrefix(row, string(views.DueExpiry))
	})
	got := b.dueRows(time.Time{}, 1, views.DueHold, views.DueExpiry)
	if !slices.Equal(got, want) {
		b.errorf("holds and expiries: %q, want %q", got, want)
	}
}

func listProducts(b *bench) {
	for i, sku := range []allocation.SKU{"a%", "a", "ab", "b", "Ab"} {
		ref := allocation.BatchRef(sku)
		b.announce(sku, stock("of "+ref, 3), shipment("s of "+ref, 2, minute(9)))
		b.allocate(sku, held("o", allocation.Quantity(i%3+1), minute(5)))
	}
	b.change(of("ab"), func(p *allocation.Product) error { return p.SetLowStock(9, noon) })
	waits := firm("q", 90)
	waits.Wait = true
	b.allocate("b", waits)
	r := reader[views.ListReader](b)
	for _, c := range []struct {
		filter views.ProductFilter
		after  allocation.SKU
		limit  int
		want   []allocation.SKU
	}{
		{views.ProductFilter{}, "", plenty, []allocation.SKU{"Ab", "a", "a%", "ab", "b"}},
		{views.ProductFilter{Prefix: "a"}, "", plenty, []allocation.SKU{"a", "a%", "ab"}},
		{views.ProductFilter{Prefix: "a"}, "a", 1, []allocation.SKU{"a%"}},
		{views.ProductFilter{Prefix: "a%"}, "", plenty, []allocation.SKU{"a%"}},
		{views.ProductFilter{Low: true}, "", plenty, []allocation.SKU{"ab"}},
		{views.ProductFilter{Prefix: "b", Low: true}, "", plenty, nil},
		{views.ProductFilter{Waiting: true}, "", 1, []allocation.SKU{"b"}},
		{views.ProductFilter{Waiting: true}, "b", plenty, nil},
		{views.ProductFilter{Prefix: "a", Waiting: true}, "", plenty, nil},
		{views.ProductFilter{Low: true, Waiting: true}, "", plenty, nil},
	} {
		for _, now := range []time.Time{noon, minute(5)} {
			products, err := r.Products(b.Context(), now, c.filter, c.after, c.limit)
			b.must(err, "Products(%+v)", c.filter)
			var got []allocation.SKU
			for _, p := range products {
				got = append(got, p.SKU)
				want := b.viewStock(now, p.SKU)
				wantResult(b, []views.Stock{p.Stock}, want, describeStock, "stock of product %q", p.SKU)
				if p.Low != (p.SKU == "ab") || (p.LowStock == 9) != p.Low || p.Waiting != (p.SKU == "b") {
					b.errorf("product %q is low %t below %d, and waited for %t", p.SKU, p.Low, p.LowStock, p.Waiting)
				}
			}
			if !slices.Equal(got, c.want) {
				b.errorf("Products(%+v, after %q, limit %d) = %q, want %q", c.filter, c.after, c.limit, got, c.want)
			}
		}
	}
}

func listOrders(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 9))
	b.allocate("apple", firm("c-1", 1), firm("c-10", 1), firm("C-1", 1), firm("c_2", 1))
	waits := firm("c-2", 90)
	waits.Wait = true
	b.allocate("pear", firm("c-1", 1), firm("c\u00e9", 1), waits)
	b.ship("apple", "c-10", 1)
	r := reader[views.ListReader](b)
	for _, c := range []struct {
		prefix string
		after  allocation.OrderID
		limit  int
		want   []allocation.OrderID
	}{
		{"c-", "", plenty, []allocation.OrderID{"c-1", "c-10", "c-2"}}, {"c-", "c-1", 1, []allocation.OrderID{"c-10"}},
		{"c-1", "", plenty, []allocation.OrderID{"c-1", "c-10"}}, {"c_", "", plenty, []allocation.OrderID{"c_2"}},
		{"", "c-2", plenty, []allocation.OrderID{"c_2", "c\u00e9"}}, {"d", "", plenty, nil},
	} {
		got, err := r.Orders(b.Context(), c.prefix, c.after, c.limit)
		b.must(err, "Orders(%q)", c.prefix)
		if !slices.Equal(got, c.want) {
			b.errorf("Orders(%q, after %q, limit %d) = %q, want %q", c.prefix, c.after, c.limit, got, c.want)
		}
	}
}

func listEntries(b *bench) {
	for _, sku := range []allocation.SKU{"apple", "pear"} {
		b.announce(sku, stock(allocation.BatchRef(sku), 9))
		for i, order := range named[allocation.OrderID]("o", 3) {
			b.change(at(minute(i), of(sku, order)), func(p *allocation.Product) error {
				_, err := p.Allocate(minute(i), nil, line(sku, firm(order, 1)))
				return err
			})
		}
	}
	all := []string{"apple 1", "apple 2", "apple 3", "apple 4", "pear 1", "pear 2", "pear 3", "pear 4"}
	for _, c := range []struct {
		since time.Time
		sku   allocation.SKU
		want  []string
	}{
		{time.Time{}, "", all}, {noon, "", all}, {noon, "pear", all[4:]}, {minute(1), "apple", all[2:4]},
		{minute(2), "", []string{"apple 4", "pear 4"}}, {minute(3), "", nil}, {noon, "unknown", nil},
	} {
		for _, limit := range []int{1, 3, plenty} {
			var got []string
			for after := (views.Key{}); ; {
				page, err := reader[views.ListReader](b).Entries(b.Context(), c.since, c.sku, after, limit)
				b.must(err, "Entries(%s, %q)", moment(c.since), c.sku)
				for _, e := range page {
					got, after = append(got, fmt.Sprintf("%s %d", e.SKU, e.Sequence)), e.Key()
				}
				if len(page) < limit || len(got) > len(all) {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				b.errorf("events of %q since %s in pages of %d = %q, want %q",
					c.sku, moment(c.since), limit, got, c.want)
			}
		}
	}
}

func listInvalid(b *bench) {
	if r, able := ability[views.LotReader](b); able {
		_, err := r.LotLines(b.Context(), "lot", views.Key{}, 0)
		b.wantInvalid(err, "LotLines with limit 0")
		_, err = r.LotBatches(b.Context(), noon, "lot", "", -1)
		b.wantInvalid(err, "LotBatches with limit -1")
	}
	if r, able := ability[views.DueReader](b); able {
		_, err := r.Due(b.Context(), noon, views.Key{}, 0)
		b.wantInvalid(err, "Due with limit 0")
		_, err = r.Due(b.Context(), noon, views.Key{}, 1, "birthday")
		b.wantInvalid(err, "Due with an unknown kind")
	}
	if r, able := ability[views.ListReader](b); able {
		_, err := r.Products(b.Context(), noon, views.ProductFilter{Prefix: "\xff"}, "", 1)
		b.wantInvalid(err, "Products with a bad prefix")
		_, err = r.Orders(b.Context(), "a\x00", "", 1)
		b.wantInvalid(err, "Orders with a bad prefix")
		_, err = r.Entries(b.Context(), noon, "", views.Key{}, 0)
		b.wantInvalid(err, "Entries with limit 0")
	}
}
