package allocation_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A shipment slips: the lines that can't be met in time are returned, for a message to the customers.
func ExampleService_ChangeBatchETA() {
	ctx := context.Background()
	clock := memory.NewClock(time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC))
	store := memory.New()
	shipment := allocation.Batch{Ref: "ship-3", SKU: "RED-CHAIR", Purchased: 9, ETA: clock.Now().AddDate(0, 0, 3)}
	if err := store.Seed(shipment); err != nil {
		log.Fatal(err)
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		log.Fatal(err)
	}
	friday := clock.Now().AddDate(0, 0, 4)
	for _, r := range []allocation.Request{
		{OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "RED-CHAIR", Quantity: 4}, NeededBy: friday},
		{OrderLine: allocation.OrderLine{OrderID: "order-2", SKU: "RED-CHAIR", Quantity: 2}},
	} {
		if _, err := service.Allocate(ctx, r); err != nil {
			log.Fatal(err)
		}
	}

	late, err := service.ChangeBatchETA(ctx, "ship-3", clock.Now().AddDate(0, 0, 7))
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range late {
		fmt.Printf("%s: %d come too late\n", l.OrderID, l.Quantity)
	}
	// Output: order-1: 4 come too late
}

// A job of the host calls Sweep every minute, so that holds that lapse and lots that expire are told in time.
func ExampleService_Sweep() {
	ctx := context.Background()
	clock := memory.NewClock(time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC))
	store := memory.New()
	milk := allocation.Batch{Ref: "lot-1", SKU: "MILK", Purchased: 9, BestBefore: clock.Now().AddDate(0, 0, 1)}
	if err := store.Seed(milk); err != nil {
		log.Fatal(err)
	}
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Now: clock.Now,
		Committed: func(_ context.Context, events []allocation.Event) {
			for _, e := range events {
				fmt.Println(e.Kind())
			}
		},
	})
	service, err := allocation.New(units, nil)
	if err != nil {
		log.Fatal(err)
	}

	clock.Advance(24 * time.Hour)
	swept, err := service.Sweep(ctx)
	fmt.Println(swept, err)
	// Output:
	// BatchExpired
	// 1 <nil>
}
