package storetest

import (
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var batchViewRows = []row{
	{"Batches: batches come sorted by Ref as bytes, used-up batches included",
		"a person who looks for a sold-out batch must find the batch in its place", batchViewSorted},
	{"Batches: a page has at most limit batches with a Ref greater than after, known or not",
		"a person who turns the pages must see each batch once, and must reach the end", batchViewPages},
	{"Batches: a limit below 1 is refused as invalid",
		"an empty page would be taken for the last page", batchViewLimit},
	{"Batches: a batch comes with all of its fields",
		"the page is compared with the stock on the shelf", batchViewFields},
	{"Batches: Free includes the units of lapsed holds, and is 0 for a batch without free units",
		"units of lapsed holds count as allocated and can still be promised (R7)", batchViewFree},
	{"Batches: the page has only batches of the product, and none for an unknown product",
		"counting one shelf must not count another (R12)", batchViewOthers},
	{"Batches: in a busy shop the result agrees with loads and with the model",
		"the page must not contradict the Service", batchViewBusy},
}

// assorted returns batches in no order, and the references sorted as bytes.
func assorted() (batches []allocation.Batch, sorted []allocation.BatchRef) {
	for i, ref := range []allocation.BatchRef{
		"b", "a b", "A", "é", "10", "a", "Z", "9", "aa", "a\u00a0b", "日本", "B", "1", "e\u0301", "a-b", "z", "'", "%",
	} {
		batches = append(batches, stock(ref, allocation.Quantity(i+1)))
		sorted = append(sorted, ref)
	}
	slices.Sort(sorted)
	return batches, sorted
}

func refsOfView(batches []views.Batch) []allocation.BatchRef {
	refs := make([]allocation.BatchRef, len(batches))
	for i, batch := range batches {
		refs[i] = batch.Ref
	}
	return refs
}

// wantPage checks that a page has exactly the wanted batches, in order.
func (b *bench) wantPage(sku allocation.SKU, after allocation.BatchRef, limit int, want []allocation.BatchRef) {
	b.Helper()
	if got := refsOfView(b.viewBatches(noon, sku, after, limit)); !slices.Equal(got, want) {
		b.errorf("Batches(%q, after %q, limit %d) = %q, want %q", sku, after, limit, got, want)
	}
}

func batchViewSorted(b *bench) {
	batches, sorted := assorted()
	b.announce("apple", batches...)
	b.wantPage("apple", "", plenty, sorted)
	for i, ref := range []allocation.BatchRef{"a", "é", "日本"} {
		order := named[allocation.OrderID]("o", 3)[i]
		b.change(of("apple", order), func(p *allocation.Product) error {
			at := slices.IndexFunc(batches, func(batch allocation.Batch) bool { return batch.Ref == ref })
			_, err := p.Allocate(noon, prefer(ref), line("apple", firm(order, batches[at].Purchased)))
			return err
		})
		b.wantPage("apple", "", plenty, sorted)
	}
	for order, units := range map[allocation.OrderID]allocation.Quantity{"o1": 6, "o3": 11} {
		b.ship("apple", order, units)
	}
	b.wantPage("apple", "", plenty, sorted)
}

func batchViewPages(b *bench) {
	batches, sorted := assorted()
	b.announce("apple", batches...)
	b.allocate("apple", firm("o1", allocation.Quantity(len(batches)))) // uses up the last batch
	afters := append([]allocation.BatchRef{"", "\x01", "A0", "a!", "zz", "\U0010ffff"}, sorted...)
	for _, after := range afters {
		from, known := slices.BinarySearch(sorted, after)
		if known {
			from++
		}
		rest := sorted[from:]
		for _, limit := range []int{1, 2, len(sorted) - 1, len(sorted), math.MaxInt} {
			b.wantPage("apple", after, limit, rest[:min(limit, len(rest))])
		}
	}
}

func batchViewLimit(b *bench) {
	b.announce("apple", stock("a1", 5))
	for _, limit := range []int{0, -1} {
		_, err := reader[views.BatchReader](b).Batches(b.Context(), noon, "apple", "", limit)
		b.wantInvalid(err, "Batches with limit %d", limit)
	}
}

func batchViewFields(b *bench) {
	full := allocation.Batch{Ref: "a1", Purchased: 9, ETA: minute(60), Location: "north", BestBefore: minute(90)}
	b.announce("apple", full, stock("a2", 8), stock("a3", 7))
	b.change(ofBatch("a1"), func(p *allocation.Product) error { return changeETA(p, "a1", minute(70), noon) })
	b.count("a1", 8, minute(1).Add(time.Microsecond))
	b.count("a2", 6, noon)
	b.allocate("apple", firm("o1", 4), firm("o2", 7), held("o3", 3, minute(5)))
	b.ship("apple", "o1", 3)
	one, two := announcedAs("apple", full), announcedAs("apple", stock("a2", 8))
	one.ETA, one.Purchased, one.Allocated, one.CountedAt = minute(70), 8, 3, minute(1).Add(time.Microsecond)
	two.Purchased, two.Allocated, two.CountedAt, two.ShippedAt = 3, 1, noon, noon
	one.CountedQuantity, two.CountedQuantity = 8, 6
	three := announcedAs("apple", stock("a3", 7))
	three.Allocated = 7
	wantResult(b, b.viewBatches(noon, "apple", "", plenty),
		[]views.Batch{{Batch: one, Free: 5}, {Batch: two, Free: 2}, {Batch: three}},
		describeViewBatch, "Batches(%q)", "apple")
}

func batchViewFree(b *bench) {
	b.announce("apple", stock("a1", 5), stock("a2", 4), stock("a3", 3), stock("a4", 2), shipment("a5", 6, minute(60)))
	both := split("o2", 5)
	both.HoldUntil = minute(9)
	b.allocate("apple", held("o1", 2, minute(5)), both, firm("o3", 1), firm("o4", 3), held("o5", 6, minute(9)))
	for _, c := range []struct {
		now  time.Time
		want []allocation.Quantity
	}{
		{noon, []allocation.Quantity{0, 1, 0, 2, 0}},
		{minute(5).Add(-time.Nanosecond), []allocation.Quantity{0, 1, 0, 2, 0}},
		{minute(5), []allocation.Quantity{2, 1, 0, 2, 0}},
		{minute(9).Add(-time.Microsecond), []allocation.Quantity{2, 1, 0, 2, 0}},
		{minute(9), []allocation.Quantity{5, 3, 0, 2, 6}},
	} {
		var got []allocation.Quantity
		for _, batch := range b.viewBatches(c.now, "apple", "", plenty) {
			got = append(got, batch.Free)
		}
		if !slices.Equal(got, c.want) {
			b.errorf("free units of the batches at %s = %d, want %d", moment(c.now), got, c.want)
		}
		for _, batch := range b.viewBatches(c.now, "apple", "a1", 1) {
			if batch.Free != c.want[1] {
				b.errorf("free units of batch %q at %s on a page with limit 1 = %d, want %d",
					batch.Ref, moment(c.now), batch.Free, c.want[1])
			}
		}
	}
}

func batchViewOthers(b *bench) {
	ids := slices.Concat(alike, odd)
	refs := named[allocation.BatchRef]("a", len(ids))
	for i, id := range ids {
		b.announce(allocation.SKU(id), stock(refs[i], 5))
	}
	for i, id := range ids {
		b.wantPage(allocation.SKU(id), "", plenty, refs[i:i+1])
	}
	for _, sku := range []allocation.SKU{"aBC", "a%", "x_", "É"} {
		b.wantPage(sku, "", plenty, nil)
	}
}

func batchViewBusy(b *bench) {
	b.watchedShop(func(now time.Time, t shopData) {
		for _, sku := range t.skus {
			b.agreeBatches(now, sku, t.refs)
			b.agreeBatches(now.Add(time.Hour), sku, t.refs)
		}
	})
}

// agreeBatches checks that Batches agrees with loads and with the model.
func (b *bench) agreeBatches(now time.Time, sku allocation.SKU, refs []allocation.BatchRef) {
	b.Helper()
	lapsed := b.state(at(now, of(sku))).Lines
	var want []views.Batch
	var here, all allocation.Quantity
	for _, ref := range slices.Sorted(slices.Values(refs)) {
		for _, s := range b.load(ofBatch(ref)) {
			if s.SKU != sku {
				continue
			}
			batch := b.batchOf(s, ref)
			want = append(want, views.Batch{Batch: batch, Free: batch.Available() + heldOn(lapsed, ref)})
		}
	}
	got := b.viewBatches(now, sku, "", plenty)
	wantResult(b, got, want, describeViewBatch, "Batches(%s, %q)", moment(now), sku)
	for _, batch := range got {
		all += batch.Free
		if batch.ETA.IsZero() {
			here += batch.Free
		}
	}
	if stock := b.promised(now, sku); here != stock.InWarehouse || all != stock.AvailableBy(minute(100_000)) {
		b.errorf("free units in the warehouse and in total at %s = %d and %d, want the units of the model: %s",
			moment(now), here, all, describeStock(stock))
	}
}

// heldOn returns the unshipped units of the lines in a batch.
func heldOn(lines []allocation.Allocation, ref allocation.BatchRef) (units allocation.Quantity) {
	for _, l := range lines {
		for _, part := range l.Parts {
			if part.Batch == ref {
				units += part.Quantity - part.Shipped
			}
		}
	}
	return units
}
