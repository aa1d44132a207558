package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// shifted returns a store with a fault in the time of Stock.
func shifted(shift func(now time.Time) time.Time) func() allocation.Store {
	return reading(func(s *misread) {
		s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
			return s.Store.Stock(ctx, shift(now), skus...)
		}
	})
}

// recounted returns a store with a fault in each product's stock.
func recounted(count func(s *memory.Store, now time.Time, stock *views.Stock)) func() allocation.Store {
	return showingStock(func(s *memory.Store, now time.Time, stock []views.Stock) []views.Stock {
		for i := range stock {
			count(s, now, &stock[i])
		}
		return stock
	})
}

// freeUnits returns the batches of a product with their free units.
func freeUnits(s *memory.Store, now time.Time, sku allocation.SKU) []views.Batch {
	batches, _ := s.Batches(context.Background(), now, sku, "", 100_000)
	return batches
}

var brokenStockViews = []broken{
	{fault: "Stock has the version before the last event",
		row: "Stock: the result agrees with the model after every command and at any time",
		new: recounted(func(_ *memory.Store, _ time.Time, stock *views.Stock) { stock.Version-- })},
	{fault: "shipped units are subtracted twice",
		row: "Stock: the result agrees with the model after every command and at any time",
		new: recounted(func(s *memory.Store, _ time.Time, stock *views.Stock) {
			for _, l := range whole(s, stock.SKU).Lines {
				stock.InWarehouse = max(0, stock.InWarehouse-l.Shipped())
			}
		})},
	{fault: "Stock is sorted by SKU",
		row: "Stock: products come in the requested order, repeated SKUs twice, unknown SKUs not at all",
		new: showingStock(func(_ *memory.Store, _ time.Time, stock []views.Stock) []views.Stock {
			slices.SortFunc(stock, func(x, y views.Stock) int { return cmp.Compare(x.SKU, y.SKU) })
			return stock
		})},
	{fault: "a repeated SKU comes once",
		row: "Stock: products come in the requested order, repeated SKUs twice, unknown SKUs not at all",
		new: showingStock(func(_ *memory.Store, _ time.Time, stock []views.Stock) []views.Stock {
			var once []views.Stock
			for _, s := range stock {
				if !slices.ContainsFunc(once, func(other views.Stock) bool { return other.SKU == s.SKU }) {
					once = append(once, s)
				}
			}
			return once
		})},
	{fault: "an unknown SKU comes with 0 units",
		row: "Stock: products come in the requested order, repeated SKUs twice, unknown SKUs not at all",
		new: reading(func(s *misread) {
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				stock, err := s.Store.Stock(ctx, now, skus...)
				for i, sku := range skus {
					if _, known := s.Product(sku); err == nil && !known {
						stock = slices.Insert(stock, i, views.Stock{SKU: sku})
					}
				}
				return stock, err
			}
		})},
	{fault: "Stock leaves out a sold-out product",
		row: "Stock: a product that is sold out, or never had a batch, comes with 0 units",
		new: showingStock(func(_ *memory.Store, _ time.Time, stock []views.Stock) []views.Stock {
			return slices.DeleteFunc(stock, func(s views.Stock) bool {
				return s.InWarehouse == 0 &&
					len(s.Arriving) == 0
			})
		})},
	{fault: "a batch with a past ETA counts as arrived",
		row: "Stock: arriving units come by ETA, each ETA once, past ETAs included, apart from the warehouse",
		new: recounted(func(_ *memory.Store, now time.Time, stock *views.Stock) {
			for len(stock.Arriving) > 0 && !stock.Arriving[0].ETA.After(now) {
				stock.InWarehouse += stock.Arriving[0].Quantity
				stock.Arriving = stock.Arriving[1:]
			}
		})},
	{fault: "each batch is an Arrival of its own",
		row: "Stock: arriving units come by ETA, each ETA once, past ETAs included, apart from the warehouse",
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			stock.Arriving = nil
			for _, b := range freeUnits(s, now, stock.SKU) {
				if b.Free > 0 && !b.ETA.IsZero() {
					stock.Arriving = append(stock.Arriving, views.Arrival{ETA: b.ETA, Quantity: b.Free})
				}
			}
		})},
	{fault: "Arriving is sorted with the latest first",
		row: "Stock: arriving units come by ETA, each ETA once, past ETAs included, apart from the warehouse",
		new: recounted(func(_ *memory.Store, _ time.Time, stock *views.Stock) { slices.Reverse(stock.Arriving) })},
	{fault: "ETAs are truncated to minutes",
		row: "Stock: arriving units come by ETA, each ETA once, past ETAs included, apart from the warehouse",
		new: recounted(func(_ *memory.Store, _ time.Time, stock *views.Stock) {
			arriving := stock.Arriving
			stock.Arriving = nil
			for _, a := range arriving {
				stock.Add(a.ETA.Truncate(time.Minute), a.Quantity)
			}
		})},
	{fault: "the units of lapsed holds aren't free",
		row: "Stock: the units of a hold are free from exactly HeldUntil on",
		new: shifted(func(time.Time) time.Time { return time.Time{} })},
	{fault: "a hold lapses a microsecond before its HeldUntil",
		row: "Stock: the units of a hold are free from exactly HeldUntil on",
		new: shifted(func(now time.Time) time.Time { return now.Add(time.Microsecond) })},
	{fault: "a hold lapses after its HeldUntil", row: "Stock: the units of a hold are free from exactly HeldUntil on",
		new: shifted(func(now time.Time) time.Time { return now.Add(-time.Microsecond) })},
	{fault: "a lapsed hold frees the units of the whole order",
		row: "Stock: each lapsed line of an order frees its own units once, and other lines free nothing",
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			lines := whole(s, stock.SKU).Lines
			for _, l := range lines {
				lapsed := func(other allocation.Allocation) bool {
					return other.OrderID == l.OrderID && other.Lapsed(now)
				}
				if !l.Lapsed(now) && slices.ContainsFunc(lines, lapsed) {
					stock.InWarehouse += l.Quantity
				}
			}
		})},
	{fault: "now is rounded to microseconds", row: "Stock: the units of a hold are free from exactly HeldUntil on",
		new: shifted(func(now time.Time) time.Time { return now.Round(time.Microsecond) })},
	{fault: "lapsed holds free units of open batches only",
		row: "Stock: the units of a hold are free from exactly HeldUntil on",
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			stock.InWarehouse, stock.Arriving = 0, nil
			for _, b := range freeUnits(s, now, stock.SKU) {
				if b.Available() > 0 {
					stock.Add(b.ETA, b.Free)
				}
			}
		})},
	{fault: "SKUs are compared without regard to case", row: "Stock: similar and unusual identifiers are told apart",
		new: reading(func(s *misread) {
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				skus = slices.Clone(skus)
				for i, sku := range skus {
					if other := allocation.SKU(strings.ToLower(string(sku))); whole(s.Store, other).Version > 0 {
						skus[i] = other
					}
				}
				return s.Store.Stock(ctx, now, skus...)
			}
		})},
	{fault: "Stock considers a hundred lapsed holds at most",
		row: "Stock: all units count, however many products, batches and lapsed holds there are",
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			states, _ := s.Load(context.Background(), first(100, at(now, of(stock.SKU))))
			stock.InWarehouse, stock.Arriving = 0, nil
			for _, b := range states[0].Batches {
				stock.Add(b.ETA, b.Available()+heldOn(states[0].Lines, b.Ref))
			}
		})},
	{fault: "Stock returns a hundred products at most",
		row: "Stock: all units count, however many products, batches and lapsed holds there are",
		new: showingStock(func(_ *memory.Store, _ time.Time, stock []views.Stock) []views.Stock {
			return stock[:min(len(stock), 100)]
		})},
	{fault: "a sum overflows", row: "Stock: a sum beyond the largest number is the largest number",
		new: recounted(func(s *memory.Store, now time.Time, stock *views.Stock) {
			stock.InWarehouse = 0
			for _, b := range freeUnits(s, now, stock.SKU) {
				if b.ETA.IsZero() {
					stock.InWarehouse += b.Free
				}
			}
		})},
}
