package main

import (
	"context"
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
)

// subscribe says what the program does by itself when something happens. All of it may be missed if the process dies
// in between: the relay looks by itself after a while, and buyers look at the stock now and then. What customers and
// other programs must learn goes through the relay.
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
