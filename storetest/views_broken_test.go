package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// misread is a memory store with replaceable views.
type misread struct {
	*faulty
	order    func(ctx context.Context, order allocation.OrderID) ([]views.Line, error)
	stock    func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error)
	stockFor func(
		ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
	) ([]views.Stock, error)
	batches func(
		ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
	) ([]views.Batch, error)
	lines func(
		ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
	) ([]views.BatchLine, error)
}

func (s *misread) Order(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
	return s.order(ctx, order)
}

func (s *misread) Stock(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
	return s.stock(ctx, now, skus...)
}

func (s *misread) StockFor(
	ctx context.Context, now time.Time, order allocation.OrderID, skus ...allocation.SKU,
) ([]views.Stock, error) {
	return s.stockFor(ctx, now, order, skus...)
}

func (s *misread) Batches(
	ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
) ([]views.Batch, error) {
	return s.batches(ctx, now, sku, after, limit)
}

func (s *misread) BatchLines(
	ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
) ([]views.BatchLine, error) {
	return s.lines(ctx, ref, after, limit)
}

// reading returns a store after replace has replaced some views.
func reading(replace func(s *misread)) func() allocation.Store {
	return func() allocation.Store {
		s := &misread{faulty: with(func(*faulty) {})().(*faulty)}
		s.answerLike(s.Store)
		replace(s)
		return s
	}
}

// answerLike takes the views of another store.
func (s *misread) answerLike(r views.Reader) {
	s.order, s.stock, s.stockFor, s.batches, s.lines = r.Order, r.Stock, r.StockFor, r.Batches, r.BatchLines
}

// showingOrder returns a store with a fault in the lines of Order.
func showingOrder(spoil func(s *memory.Store, lines []views.Line) []views.Line) func() allocation.Store {
	return reading(func(s *misread) {
		s.order = func(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
			lines, err := s.Store.Order(ctx, order)
			return spoil(s.Store, lines), err
		}
	})
}

// showingStock returns a store with a fault in the result of Stock.
func showingStock(
	spoil func(s *memory.Store, now time.Time, stock []views.Stock) []views.Stock,
) func() allocation.Store {
	return reading(func(s *misread) {
		s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
			stock, err := s.Store.Stock(ctx, now, skus...)
			return spoil(s.Store, now, stock), err
		}
	})
}

// showingBatches returns a store with a fault in the result of Batches, before the cut into pages.
func showingBatches(spoil func(s *memory.Store, batches []views.Batch) []views.Batch) func() allocation.Store {
	return reading(func(s *misread) {
		s.batches = func(
			ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
		) ([]views.Batch, error) {
			if _, err := s.Store.Batches(ctx, now, sku, after, limit); err != nil {
				return nil, err
			}
			all, err := s.Store.Batches(ctx, now, sku, "", plenty)
			all = slices.DeleteFunc(spoil(s.Store, all), func(b views.Batch) bool { return b.Ref <= after })
			return all[:min(limit, len(all))], err
		}
	})
}

// showingLines returns a store with a fault in the result of BatchLines, before the cut into pages.
func showingLines(
	spoil func(s *memory.Store, ref allocation.BatchRef, lines []views.BatchLine) []views.BatchLine,
) func() allocation.Store {
	return reading(func(s *misread) {
		s.lines = func(
			ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
		) ([]views.BatchLine, error) {
			if _, err := s.Store.BatchLines(ctx, ref, after, limit); err != nil {
				return nil, err
			}
			all, err := s.Store.BatchLines(ctx, ref, fromFirst, plenty)
			all = slices.DeleteFunc(spoil(s.Store, ref, all), func(l views.BatchLine) bool {
				return after != fromFirst && l.Rank().Compare(after) <= 0
			})
			return all[:min(limit, len(all))], err
		}
	})
}

var brokenViews = []broken{
	{fault: "views read a copy that is a commit behind", row: "every later query sees a commit",
		new: reading(func(s *misread) {
			behind := memory.New()
			var last []allocation.Changes
			s.answerLike(behind)
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				if err == nil {
					_ = behind.Commit(ctx, last)
					last = copyOf(changes)
				}
				return err
			}
		})},
	{fault: "views see each product of a commit separately", row: "no query sees a failed commit",
		new: reading(func(s *misread) {
			shown := memory.New()
			s.answerLike(shown)
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					_ = shown.Commit(ctx, []allocation.Changes{c})
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "views return cached slices", row: "results share no memory with the store or with each other",
		new: reading(func(s *misread) {
			cached := map[int64][]views.Stock{}
			var mu sync.Mutex
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				stock, err := s.Store.Stock(ctx, now, skus...)
				mu.Lock()
				defer mu.Unlock()
				if len(stock) != 1 {
					return stock, err
				}
				if _, known := cached[stock[0].Version]; !known {
					cached[stock[0].Version] = stock
				}
				return cached[stock[0].Version], err
			}
		})},
	{fault: "a repeated SKU shares its Arriving slice",
		row: "results share no memory with the store or with each other",
		new: showingStock(func(_ *memory.Store, _ time.Time, stock []views.Stock) []views.Stock {
			for i := range stock[1:] {
				if stock[i+1].SKU == stock[i].SKU {
					stock[i+1].Arriving = stock[i].Arriving
				}
			}
			return stock
		})},
	{fault: "results of Order share the parts", row: "results share no memory with the store or with each other",
		new: reading(func(s *misread) {
			cached := map[int64][]views.Part{}
			var mu sync.Mutex
			s.order = func(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
				lines, err := s.Store.Order(ctx, order)
				mu.Lock()
				defer mu.Unlock()
				if len(lines) == 1 {
					key := whole(s.Store, lines[0].SKU).Version
					if len(cached[key]) == 0 {
						cached[key] = lines[0].Parts
					}
					lines[0].Parts = cached[key]
				}
				return lines, err
			}
		})},
	{fault: "views ignore an ended context",
		row: "a nil context is refused, and an ended context returns its error",
		new: reading(func(s *misread) {
			s.lines = func(
				ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
			) ([]views.BatchLine, error) {
				if ctx != nil {
					ctx = context.WithoutCancel(ctx)
				}
				return s.Store.BatchLines(ctx, ref, after, limit)
			}
		})},
	{fault: "a nil context is accepted",
		row: "a nil context is refused, and an ended context returns its error",
		new: reading(func(s *misread) {
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				if ctx == nil {
					ctx = context.Background()
				}
				return s.Store.Stock(ctx, now, skus...)
			}
		})},
	{fault: "an invalid order has no lines", row: "invalid identifiers are refused as invalid",
		new: reading(func(s *misread) {
			s.order = func(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
				if order.Validate() != nil && ctx != nil {
					return nil, ctx.Err()
				}
				return s.Store.Order(ctx, order)
			}
		})},
	{fault: "Stock checks the first SKU only", row: "invalid identifiers are refused as invalid",
		new: reading(func(s *misread) {
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				sound := skus[:min(len(skus), 1)]
				for _, sku := range skus[len(sound):] {
					if sku.Validate() == nil {
						sound = append(slices.Clip(sound), sku)
					}
				}
				return s.Store.Stock(ctx, now, sound...)
			}
		})},
	{fault: "Batches accepts an invalid After", row: "invalid identifiers are refused as invalid",
		new: reading(func(s *misread) {
			s.batches = func(
				ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
			) ([]views.Batch, error) {
				if after.Validate() != nil {
					after = ""
				}
				return s.Store.Batches(ctx, now, sku, after, limit)
			}
		})},
}
