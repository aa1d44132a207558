package storetest

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var tornViews = []broken{
	{fault: "torn reads: Order reads the products one after the other",
		row: "a result belongs to one moment, even during commits",
		new: reading(func(s *misread) {
			s.order = func(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
				lines, err := s.Store.Order(ctx, order)
				if len(lines) != 2 {
					return lines, err
				}
				pause(s.faulty)
				later, err := s.Store.Order(ctx, order)
				return append(lines[:1], later[1:]...), err
			}
		})},
	{fault: "torn reads: Stock reads the products one after the other",
		row: "a result belongs to one moment, even during commits",
		new: reading(func(s *misread) {
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				stock, err := s.Store.Stock(ctx, now, skus...)
				if len(stock) < 2 {
					return stock, err
				}
				pause(s.faulty)
				later, err := s.Store.Stock(ctx, now, skus...)
				return append(stock[:1], later[1:]...), err
			}
		})},
	{fault: "torn reads: Stock reads lapsed holds after the counters",
		row: "a result belongs to one moment, even during commits",
		new: reading(func(s *misread) {
			s.stock = func(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Stock, error) {
				if len(skus) < 2 {
					return s.Store.Stock(ctx, now, skus...)
				}
				stock, err := s.Store.Stock(ctx, time.Time{}, skus...) // a time before any hold has lapsed
				pause(s.faulty)
				for i := range stock {
					for _, b := range freeUnits(s.Store, now, stock[i].SKU) {
						stock[i].Add(b.ETA, b.Free-b.Available())
					}
				}
				return stock, err
			}
		})},
	{fault: "torn reads: Batches reads the batches one after the other",
		row: "a result belongs to one moment, even during commits",
		new: reading(func(s *misread) {
			s.batches = func(
				ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
			) ([]views.Batch, error) {
				batches, err := s.Store.Batches(ctx, now, sku, after, limit)
				if len(batches) != 2 {
					return batches, err
				}
				pause(s.faulty)
				later, err := s.Store.Batches(ctx, now, sku, after, limit)
				return append(batches[:1], later[1:]...), err
			}
		})},
	{fault: "torn reads: BatchLines reads the lines one after the other",
		row: "a result belongs to one moment, even during commits",
		new: reading(func(s *misread) {
			s.lines = func(
				ctx context.Context, ref allocation.BatchRef, after allocation.Rank, limit int,
			) ([]views.BatchLine, error) {
				lines, err := s.Store.BatchLines(ctx, ref, after, limit)
				if len(lines) != 2 {
					return lines, err
				}
				pause(s.faulty)
				later, err := s.Store.BatchLines(ctx, ref, after, limit)
				return append(lines[:1], later[1:]...), err
			}
		})},
}
