package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var traceRows = []row{
	{"LotLines: every line with units of the lot comes once for each batch, shipped lines included",
		"a recall must reach every customer who got units of the lot", traceEveryLine},
	{"LotLines: paging while lines ship neither skips nor repeats",
		"goods go on leaving the house while somebody lists who has them", traceWhileShipping},
	{"LotBatches: the lot's own batch, split parts and returns come by Ref, in pages",
		"a recall must find all places where units of the lot are", traceBatches},
	{"OpenBatches: only batches with units that can be promised, with the units of Stock",
		"a page that says where and when goods are to be had must not show what can't be sold", openBatchesOnly},
}

func (b *bench) lotLines(lot allocation.BatchRef, after views.Key, limit int) []views.LotLine {
	b.Helper()
	lines, err := reader[views.LotReader](b).LotLines(b.Context(), lot, after, limit)
	b.must(err, "LotLines(%q, after %+v, limit %d)", lot, after, limit)
	if len(lines) > limit {
		b.errorf("LotLines with limit %d = %d lines", limit, len(lines))
	}
	return lines
}

// wantTrace reads the lines of a lot in pages, and compares the lines with the wanted lines, each "batch order
// quantity/shipped".
func (b *bench) wantTrace(lot allocation.BatchRef, want ...string) {
	b.Helper()
	for _, limit := range []int{1, 2, plenty} {
		var got []string
		for after := (views.Key{}); ; {
			page := b.lotLines(lot, after, limit)
			for _, l := range page {
				got = append(got, fmt.Sprintf("%s %s%s %d/%d", l.Batch, l.OrderID, l.Line, l.Quantity, l.Shipped))
				after = l.Key()
			}
			if len(page) < limit || len(got) > len(want) {
				break
			}
		}
		if !slices.Equal(got, want) {
			b.errorf("lines of lot %q in pages of %d = %q, want %q", lot, limit, got, want)
		}
	}
}

// ofLot returns a batch of a lot.
func ofLot(lot allocation.BatchRef, batch allocation.Batch) allocation.Batch {
	batch.Lot = lot
	return batch
}

func traceEveryLine(b *bench) {
	b.announce("apple", stock("lot", 3), ofLot("lot", stock("part", 4)), stock("zz", 9))
	b.announce("pear", ofLot("lot", stock("a-pear", 2)), ofLot("zz", stock("z", 1)))
	b.allocate("apple", as("x", split("o1", 6)), firm("o2", 1), held("o3", 1, minute(5)))
	b.allocate("pear", firm("o1", 1), firm("o4", 1), firm("o5", 1))
	b.wantTrace("lot", "a-pear o4 1/0", "a-pear o1 1/0", "lot o1x 3/0", "part o2 1/0", "part o1x 3/0")
	b.change(of("apple", "o1"), func(p *allocation.Product) error {
		_, err := p.ShipPart(allocation.OrderLine{OrderID: "o1", SKU: "apple", Line: "x", Quantity: 5}, noon)
		return err
	})
	b.ship("pear", "o1", 1)
	b.wantTrace("lot", "a-pear o4 1/0", "a-pear o1 1/1", "lot o1x 3/3", "part o2 1/0", "part o1x 3/2")
	b.wantTrace("zz", "z o5 1/0", "zz o3 1/0")
	b.wantTrace("part")
	b.wantTrace("unknown")
}

func traceWhileShipping(b *bench) {
	b.announce("apple", stock("lot", 9), ofLot("lot", stock("part", 6)))
	orders := named[allocation.OrderID]("o", 15)
	for i, order := range orders {
		r := firm(order, 1)
		r.Priority = i % 2
		b.allocate("apple", r)
	}
	var met []allocation.OrderID
	after := views.Key{}
	for turn := 0; ; turn++ {
		page := b.lotLines("lot", after, 3)
		for _, l := range page {
			met, after = append(met, l.OrderID), l.Key()
		}
		if len(page) < 3 || turn > len(orders) {
			break
		}
		for _, order := range []allocation.OrderID{met[len(met)-1], orders[turn*4%15], orders[14-turn]} {
			b.ship("apple", order, 1)
		}
	}
	slices.Sort(met)
	if want := slices.Sorted(slices.Values(orders)); !slices.Equal(met, want) {
		b.errorf("orders met while lines ship = %q, want %q", met, want)
	}
}

func traceBatches(b *bench) {
	b.announce("apple", stock("lot", 9), ofLot("lot", stock("a-return", 2)), stock("other", 5))
	b.announce("pear", ofLot("lot", stock("z", 1)))
	b.change(ofBatch("lot"), func(p *allocation.Product) error {
		_, err := p.SplitBatch("lot", allocation.Batch{Ref: "part", Purchased: 4}, noon, nil)
		return err
	})
	b.allocate("apple", firm("o1", 5))
	all := []string{`"a-return" of "apple" from "", 2 free`, `"lot" of "apple" from "", 0 free`,
		`"part" of "apple" from "lot", 4 free`, `"z" of "pear" from "", 1 free`}
	for _, limit := range []int{1, 3, plenty} {
		var got []string
		for after := allocation.BatchRef(""); ; {
			page, err := reader[views.LotReader](b).LotBatches(b.Context(), noon, "lot", after, limit)
			b.must(err, "LotBatches after %q", after)
			for _, batch := range page {
				after = batch.Ref
				got = append(got,
					fmt.Sprintf("%q of %q from %q, %d free", after, batch.SKU, batch.SplitFrom, batch.Free))
			}
			if len(page) < limit || len(got) > len(all) {
				break
			}
		}
		if !slices.Equal(got, all) {
			b.errorf("batches of the lot in pages of %d = %q, want %q", limit, got, all)
		}
	}
}

func openBatchesOnly(b *bench) {
	soon, wet := stock("soon", 4), stock("wet", 5)
	soon.BestBefore, wet.Blocked = minute(9), "wet"
	b.announce("apple", stock("used", 2), soon, wet, shipment("later", 6, minute(60)), stock("held", 3))
	b.announce("pear", stock("p", 1))
	b.allocate("apple", held("o1", 3, minute(5)), firm("o2", 2))
	r := reader[views.BatchReader](b)
	for _, now := range []time.Time{noon, minute(5), minute(9).Add(-time.Microsecond), minute(9)} {
		open, err := r.OpenBatches(b.Context(), now, "pear", "unknown", "apple", "pear")
		b.must(err, "OpenBatches(%s)", moment(now))
		var want []views.Batch
		for _, sku := range []allocation.SKU{"pear", "apple", "pear"} {
			for _, batch := range b.viewBatches(now, sku, "", plenty) {
				if batch.Free > 0 {
					want = append(want, batch)
				}
			}
		}
		wantResult(b, open, want, describeViewBatch, "OpenBatches(%s)", moment(now))
	}
}
