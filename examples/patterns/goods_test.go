package patterns_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// A kit is an order over the SKUs of its parts, so a kit and single items compete for the same stock.
func Example_kit() {
	ctx := context.Background()
	s := open(
		allocation.Batch{Ref: "tables", SKU: "TABLE", Purchased: 2},
		allocation.Batch{Ref: "chairs", SKU: "CHAIR", Purchased: 7},
	)
	kit := func(order allocation.OrderID, kits allocation.Quantity) error {
		_, err := s.Allocate(ctx, want(order, kits, "TABLE"), want(order, 4*kits, "CHAIR"))
		return err
	}
	fmt.Println(kit("order-1", 1))
	fmt.Println(kit("order-2", 1))
	given, err := s.Allocate(ctx, want("order-3", 1, "TABLE"))
	say("order-3", given, err)
	// Output:
	// <nil>
	// allocation: out of stock: order "order-2": sku "CHAIR": wanted 4, available 3
	// order-3: 1 of TABLE from tables
}

// A substitute is a second call after a refusal, which has changed nothing.
func Example_substitution() {
	ctx := context.Background()
	s := open(
		allocation.Batch{Ref: "red", SKU: "RED-CHAIR", Purchased: 1},
		allocation.Batch{Ref: "blue", SKU: "BLUE-CHAIR", Purchased: 5},
	)
	for _, sku := range []allocation.SKU{"RED-CHAIR", "BLUE-CHAIR"} {
		given, err := s.Allocate(ctx, want("order-1", 2, sku))
		var short *allocation.OutOfStockError
		if errors.As(err, &short) {
			continue
		}
		say("order-1", given, err)
		break
	}
	// Output:
	// order-1: 2 of BLUE-CHAIR from blue
}

// A seat, or a single item with a serial number, is a SKU with one unit.
func Example_seat() {
	ctx := context.Background()
	s := open(
		allocation.Batch{Ref: "concert/A-1", SKU: "concert/A-1", Purchased: 1},
		allocation.Batch{Ref: "concert/A-2", SKU: "concert/A-2", Purchased: 1},
	)
	_, err := s.Allocate(ctx, want("order-1", 1, "concert/A-1"), want("order-1", 1, "concert/A-2"))
	fmt.Println(err)
	_, err = s.Allocate(ctx, want("order-2", 1, "concert/A-2"))
	fmt.Println(err)
	// Output:
	// <nil>
	// allocation: out of stock: order "order-2": sku "concert/A-2": wanted 1, available 0
}

// Weights are whole grams, lengths whole millimetres: the smallest unit that the shop sells is the unit of the SKU.
func Example_weight() {
	ctx := context.Background()
	s := open(allocation.Batch{Ref: "sack-1", SKU: "COFFEE-GRAMS", Purchased: 25_000})
	given, err := s.Allocate(ctx, want("order-1", 1_250, "COFFEE-GRAMS"))
	say("order-1", given, err)
	// Output:
	// order-1: 1250 of COFFEE-GRAMS from sack-1
}

// A preorder takes from the shipment that is to come. The shipment's quantity is the cap.
func Example_preorder() {
	ctx := context.Background()
	s := open(allocation.Batch{Ref: "release", SKU: "GAME", Purchased: 2, ETA: monday.AddDate(0, 1, 0)})
	for _, order := range []allocation.OrderID{"order-1", "order-2", "order-3"} {
		given, err := s.Allocate(ctx, want(order, 1, "GAME"))
		say(string(order), given, err)
	}
	_, err := s.Ship(ctx, "order-1")
	fmt.Println("ships today:", !errors.Is(err, allocation.ErrNotAllowed))
	s.clock.Set(monday.AddDate(0, 1, 0))
	_, err = s.ReceiveBatch(ctx, allocation.Count{Batch: "release", Quantity: 2, At: s.clock.Now()})
	must(err)
	_, err = s.Ship(ctx, "order-1")
	fmt.Println("ships then:", err == nil)
	// Output:
	// order-1: 1 of GAME from release
	// order-2: 1 of GAME from release
	// order-3: allocation: out of stock: order "order-3": sku "GAME": wanted 1, available 0
	// ships today: false
	// ships then: true
}

// The stock of a past date is the sum of the ledger up to that date. It ends with Purge, which deletes old events.
func Example_stockOfAPastDate() {
	ctx := context.Background()
	s := open(allocation.Batch{Ref: "pallet", SKU: "LAMP", Purchased: 10})
	s.clock.Set(monday.AddDate(0, 0, 7))
	_, err := s.Allocate(ctx, want("order-1", 4, "LAMP"))
	must(err)

	for _, day := range []int{1, 8} {
		date := monday.AddDate(0, 0, day)
		var purchased, allocated allocation.Quantity
		const page = 100
		for after := int64(0); ; after += page {
			events, err := s.store.Events(ctx, "LAMP", after, page)
			must(err)
			for _, e := range events {
				if !e.Time().After(date) {
					_, p, a := e.Movement()
					purchased, allocated = purchased+p, allocated+a
				}
			}
			if len(events) < page {
				break
			}
		}
		fmt.Println(date.Format("2 January:"), purchased-allocated, "free")
	}
	// Output:
	// 7 May: 10 free
	// 14 May: 6 free
}
