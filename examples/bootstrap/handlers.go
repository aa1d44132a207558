package main

import (
	"context"
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
)

// subscribe registers the program's own handlers. If the process dies between a commit and a handler, the handler never
// hears of the event. Here nothing is lost: the relay looks for events by itself after a while, and buyers look at the
// stock now and then. Events that customers and other programs must get go through the relay.
func subscribe(events *bus.Bus, notify func(ctx context.Context, text string) error, wake func()) {
	bus.Subscribe(events, func(context.Context, allocation.Event) error {
		wake()
		return nil
	})
	bus.Subscribe(events, func(ctx context.Context, e allocation.LineRefused) error {
		return notify(ctx, fmt.Sprintf("%s: %d wanted, %d left", e.SKU, e.Quantity, e.Available))
	})
	bus.Subscribe(events, func(ctx context.Context, e allocation.LowStockCrossed) error {
		if !e.Low {
			return nil
		}
		return notify(ctx, fmt.Sprintf("%s: only %d left", e.SKU, e.Available))
	})
}
