package storetest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// miscounted returns a store with a fault in each product's stock for an order: the fault sees the order's lines of the
// product.
func miscounted(
	count func(s *memory.Store, now time.Time, own []allocation.Allocation, stock *views.Stock),
) func() allocation.Store {
	return reading(func(s *misread) {
		s.stockFor = func(
			ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
		) ([]views.Stock, error) {
			stock, err := s.Store.StockFor(ctx, now, order, skus...)
			for i := range stock {
				own := slices.DeleteFunc(whole(s.Store, stock[i].SKU).Lines,
					func(l allocation.Allocation) bool { return l.OrderID != order })
				count(s.Store, now, own, &stock[i])
			}
			return stock, err
		}
	})
}

var brokenStockFor = []broken{
	{fault: "StockFor knows no order", row: stockForRows[0].name,
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				if err := order.Validate(); err != nil && ctx != nil {
					return nil, err
				}
				return s.Store.Stock(ctx, now, skus...)
			}
		})},
	{fault: "StockFor knows no order, and is tried by hand", row: stockForRows[1].name,
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, _ allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				return s.Store.Stock(ctx, now, skus...)
			}
		})},
	{fault: "StockFor leaves out lines with a LineID", row: stockForRows[1].name,
		new: miscounted(func(_ *memory.Store, _ time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				if l.Line != "" && len(l.Parts) == 1 {
					stock.InWarehouse -= l.Quantity - l.Shipped()
				}
			}
		})},
	{fault: "StockFor leaves out all parts of a line but the first", row: stockForRows[1].name,
		new: miscounted(func(_ *memory.Store, _ time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				for _, part := range l.Parts[1:] {
					stock.Arriving[0].Quantity -= part.Quantity
				}
			}
		})},
	{fault: "StockFor leaves out holds", row: stockForRows[1].name,
		new: miscounted(func(_ *memory.Store, now time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				if !l.HeldUntil.IsZero() && !l.Lapsed(now) {
					stock.InWarehouse -= l.Quantity
				}
			}
		})},
	{fault: "StockFor counts shipped units", row: stockForRows[1].name,
		new: miscounted(func(_ *memory.Store, _ time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				stock.InWarehouse += l.Shipped()
			}
		})},
	{fault: "StockFor compares orders without regard to case", row: stockForRows[1].name,
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				stock, err := s.Store.StockFor(ctx, now, order, skus...)
				for i := range stock {
					for _, l := range whole(s.Store, stock[i].SKU).Lines {
						if l.OrderID != order && strings.EqualFold(string(l.OrderID), string(order)) {
							stock[i].InWarehouse += l.Quantity
						}
					}
				}
				return stock, err
			}
		})},
	{fault: "StockFor counts a lapsed line of the order twice", row: stockForRows[2].name,
		new: miscounted(func(_ *memory.Store, now time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				if l.Lapsed(now) {
					stock.InWarehouse += l.Quantity
				}
			}
		})},
	{fault: "StockFor leaves out lapsed holds of the order", row: stockForRows[2].name,
		new: miscounted(func(_ *memory.Store, now time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				if l.Lapsed(now) {
					stock.InWarehouse -= l.Quantity
				}
			}
		})},
	{fault: "StockFor counts the order's units of batches that can't be sold", row: stockForRows[3].name,
		new: miscounted(func(s *memory.Store, now time.Time, own []allocation.Allocation, stock *views.Stock) {
			for _, l := range own {
				batches := whole(s, stock.SKU).Batches
				at := slices.IndexFunc(batches, func(b allocation.Batch) bool { return b.Ref == l.Parts[0].Batch })
				if !batches[at].Saleable(now) {
					stock.InWarehouse += l.Quantity
				}
			}
		})},
	{fault: "StockFor an unknown order is empty", row: stockForRows[4].name,
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				lines, err := s.Store.Order(ctx, order)
				if err != nil || len(lines) == 0 {
					return nil, err
				}
				return s.Store.StockFor(ctx, now, order, skus...)
			}
		})},
	{fault: "StockFor leaves out products of which the order has no line", row: stockForRows[4].name,
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				stock, err := s.Store.StockFor(ctx, now, order, skus...)
				lines, _ := s.Store.Order(ctx, order)
				return slices.DeleteFunc(stock, func(one views.Stock) bool {
					of := func(l views.Line) bool { return l.SKU == one.SKU }
					return len(lines) > 0 && !slices.ContainsFunc(lines, of)
				}), err
			}
		})},
	{fault: "StockFor checks no order", row: "invalid identifiers are refused as invalid",
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				if order.Validate() != nil {
					return s.Store.Stock(ctx, now, skus...)
				}
				return s.Store.StockFor(ctx, now, order, skus...)
			}
		})},
	{fault: "torn reads: StockFor reads the order before the counters",
		row: "a result belongs to one moment, even during commits",
		new: reading(func(s *misread) {
			s.stockFor = func(
				ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
			) ([]views.Stock, error) {
				if len(skus) < 2 {
					return s.Store.StockFor(ctx, now, order, skus...)
				}
				lines, _ := s.Store.Order(ctx, order)
				pause(s.faulty)
				stock, err := s.Store.Stock(ctx, now, skus...)
				for i := range stock {
					stock[i].InWarehouse += lines[i].Quantity
				}
				return stock, err
			}
		})},
}
