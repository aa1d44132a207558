package storetest

import (
	"context"

	"github.com/cosmic-go/allocation"
)

var brokenBalances = []broken{
	{fault: "Audit reads the version after the tallies", row: "Audit adds up a product as of one moment",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				pause(s)
				a.Version = whole(s.Store, sku).Version
				return a, err
			}
		})},
	{fault: "Audit and Events ignore ended contexts", row: "Audit and Events answer contexts as a store does",
		new: with(func(s *faulty) {
			s.audit = func(_ context.Context, sku allocation.SKU) (allocation.Audit, error) {
				return s.Store.Audit(context.Background(), sku)
			}
			s.events = func(
				_ context.Context, sku allocation.SKU, after int64, limit int,
			) ([]allocation.Event, error) {
				return s.Store.Events(context.Background(), sku, after, limit)
			}
		})},
	{fault: "an event loses Available", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LineRefused); is {
					e.Available = 0
					events[i] = e
				}
			}
			return events
		})},
	{fault: "LowStockCrossed is always low", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LowStockCrossed); is {
					e.Low = true
					events[i] = e
				}
			}
			return events
		})},
}
