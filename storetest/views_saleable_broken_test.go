package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

var (
	rowSaleableStock   = saleableViewRows[0].name
	rowSaleableBatches = saleableViewRows[1].name
)

// sellFaults say which batches a store takes for saleable that are not.
var sellFaults = map[string]func(b allocation.Batch) bool{
	"blocked batches": func(b allocation.Batch) bool { return b.Blocked != "" },
	"expired batches": func(b allocation.Batch) bool { return b.Expired },
	"batches that spoil before they come": func(b allocation.Batch) bool {
		return !b.ETA.IsZero() && !b.BestBefore.IsZero() && !b.BestBefore.After(b.ETA)
	},
}

var brokenSaleableViews = slices.Concat(soldTooMuch(), []broken{
	{fault: "Stock has batches of which the best-before date has just come", row: rowSaleableStock,
		new: shifted(func(now time.Time) time.Time { return now.Add(-time.Microsecond) })},
	{fault: "Stock has lapsed holds of blocked batches", row: rowSaleableStock,
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			for _, l := range whole(s, stock.SKU).Lines {
				if l.OrderID == "blocked" && l.Lapsed(now) {
					stock.InWarehouse += l.Quantity
				}
			}
		})},
	{fault: "Stock has no perishable batches", row: rowSaleableStock,
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			stock.InWarehouse -= freeOf(s, now, stock.SKU, "soon")
		})},
	{fault: "Batches gives no free units to perishable batches", row: rowSaleableBatches,
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			for i := range batches {
				if !batches[i].BestBefore.IsZero() {
					batches[i].Free = 0
				}
			}
			return batches
		})},
})

func freeOf(s *memory.Store, now time.Time, sku allocation.SKU, ref allocation.BatchRef) allocation.Quantity {
	for _, b := range freeUnits(s, now, sku) {
		if b.Ref == ref {
			return b.Free
		}
	}
	return 0
}

// soldTooMuch are stores that count the units of batches that can't be sold.
func soldTooMuch() (all []broken) {
	for fault, sold := range sellFaults {
		all = append(all,
			broken{fault: "Stock has " + fault, row: rowSaleableStock,
				new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
					for _, b := range whole(s, stock.SKU).Batches {
						if sold(b) && !b.Saleable(now) {
							stock.Add(b.ETA, b.Available())
						}
					}
				})},
			broken{fault: "Batches has free units of " + fault, row: rowSaleableBatches,
				new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
					for i := range batches {
						if b := &batches[i]; sold(b.Batch) {
							b.Free = b.Available()
						}
					}
					return batches
				})})
	}
	return all
}
