package allocation_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// chairs returns a service with two batches of chairs: one in the warehouse, one that arrives in a week.
func chairs() (*allocation.Service, *memory.Store, *memory.Clock) {
	clock := memory.NewClock(time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC))
	store := memory.New()
	err := store.Seed(
		allocation.Batch{Ref: "warehouse", SKU: "RED-CHAIR", Purchased: 10},
		allocation.Batch{Ref: "shipment", SKU: "RED-CHAIR", Purchased: 20, ETA: clock.Now().AddDate(0, 0, 7)},
	)
	if err != nil {
		log.Fatal(err)
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		log.Fatal(err)
	}
	return service, store, clock
}

func Example() {
	ctx := context.Background()
	store := memory.New() // or a database, see package sqlstore
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		log.Fatal(err)
	}

	err = service.AddBatch(ctx, allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 20})
	if err != nil {
		log.Fatal(err)
	}
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 2}
	given, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
	if err != nil {
		log.Fatal(err)
	}
	for _, part := range given[0].Parts {
		fmt.Println(part.Quantity, "units from", part.Batch)
	}
	// Output:
	// 2 units from batch-1
}

func ExampleService_Allocate_outOfStock() {
	service, _, _ := chairs()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 25}
	_, err := service.Allocate(context.Background(), allocation.Request{OrderLine: line})

	var short *allocation.OutOfStockError
	if errors.As(err, &short) {
		for _, s := range short.Shortages {
			fmt.Printf("%s: wanted %d, at most %d from one batch\n", s.SKU, s.Quantity, s.Available)
		}
	}
	// Output:
	// RED-CHAIR: wanted 25, at most 20 from one batch
}

func ExampleRequest_split() {
	service, _, _ := chairs()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 25}
	given, err := service.Allocate(context.Background(), allocation.Request{OrderLine: line, Split: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, part := range given[0].Parts {
		fmt.Println(part.Quantity, "from", part.Batch)
	}
	// Output:
	// 10 from warehouse
	// 15 from shipment
}

func ExampleRequest_hold() {
	ctx := context.Background()
	service, _, clock := chairs()
	cart := allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "cart-1", SKU: "RED-CHAIR", Quantity: 20},
		HoldUntil: clock.Now().Add(15 * time.Minute),
	}
	if _, err := service.Allocate(ctx, cart); err != nil {
		log.Fatal(err)
	}
	clock.Advance(15 * time.Minute)
	_, err := service.Confirm(ctx, "cart-1")
	fmt.Println("too late:", errors.Is(err, allocation.ErrLapsed))

	other := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 20}
	given, err := service.Allocate(ctx, allocation.Request{OrderLine: other})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sold to", given[0].OrderID)
	// Output:
	// too late: true
	// sold to order-17
}

func ExampleService_ChangeBatchQuantity() {
	ctx := context.Background()
	service, _, clock := chairs()
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		line := allocation.OrderLine{OrderID: order, SKU: "RED-CHAIR", Quantity: 5}
		if _, err := service.Allocate(ctx, allocation.Request{OrderLine: line}); err != nil {
			log.Fatal(err)
		}
	}
	// Two chairs of the ten are broken: the newest line has to move.
	count := allocation.Count{Batch: "warehouse", Quantity: 8, At: clock.Now()}
	released, err := service.ChangeBatchQuantity(ctx, count)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("released:", len(released))
	again, err := service.Allocate(ctx, allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "order-2", SKU: "RED-CHAIR", Quantity: 5},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("order-2 comes from", again[0].Parts[0].Batch)
	// Output:
	// released: 0
	// order-2 comes from shipment
}

func ExampleService_Cancel() {
	ctx := context.Background()
	service, _, _ := chairs()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 5}
	if _, err := service.Allocate(ctx, allocation.Request{OrderLine: line}); err != nil {
		log.Fatal(err)
	}
	sent := line
	sent.Quantity = 2
	if _, err := service.ShipPart(ctx, sent); err != nil {
		log.Fatal(err)
	}
	kept, err := service.Cancel(ctx, "order-17")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("too late for %d of %s\n", kept[0].Quantity, kept[0].SKU)
	// Output:
	// too late for 2 of RED-CHAIR
}

func ExampleService_Reconcile() {
	service, _, _ := chairs()
	audit, err := service.Reconcile(context.Background(), "RED-CHAIR")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("version", audit.Version, "last event", audit.LastEvent, "drifted", audit.Drifted())
	// Output:
	// version 2 last event 2 drifted false
}

func ExampleUnitOfWork() {
	ctx := context.Background()
	_, store, clock := chairs()
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now})

	// A use case of the host: ten chairs stay in the shop window.
	err := units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		chair, err := products.Get(ctx, "RED-CHAIR", "order-17")
		if err != nil {
			return err
		}
		inWarehouse, err := chair.Available(products.Now())
		if err != nil {
			return err
		}
		if inWarehouse <= 10 {
			return errors.New("the last ten stay here")
		}
		line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 1}
		_, err = chair.Allocate(products.Now(), nil, allocation.Request{OrderLine: line})
		return err
	})
	fmt.Println(err)
	// Output:
	// the last ten stay here
}

func ExamplePolicy() {
	// Largest batch first: a policy is any function that compares two batches.
	largest := func(a, b allocation.Batch) int { return cmp.Compare(b.Available(), a.Available()) }

	service, _, _ := chairs()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 5}
	given, err := service.WithPolicy(largest).Allocate(context.Background(), allocation.Request{OrderLine: line})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(given[0].Parts[0].Batch)
	// Output:
	// shipment
}

func ExamplePolicy_Then() {
	// Milk from the shop's own fridge, and there what expires first.
	policy := allocation.PreferLocations("shop").Then(allocation.FirstExpiredFirst)
	day := time.Date(2030, 5, 6, 0, 0, 0, 0, time.UTC)
	old := allocation.Batch{Ref: "old", Location: "depot", BestBefore: day}
	fresh := allocation.Batch{Ref: "fresh", Location: "shop", BestBefore: day.AddDate(0, 0, 9)}
	ripe := allocation.Batch{Ref: "ripe", Location: "shop", BestBefore: day.AddDate(0, 0, 2)}
	fmt.Println(policy(fresh, old) < 0, policy(ripe, fresh) < 0)
	// Output:
	// true true
}

func ExampleProduct() {
	now := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	chair, err := allocation.NewProduct("RED-CHAIR")
	if err != nil {
		log.Fatal(err)
	}
	err = chair.AddBatch(allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 20}, now)
	if err != nil {
		log.Fatal(err)
	}
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 2}
	if _, err := chair.Allocate(now, allocation.EarliestFirst, allocation.Request{OrderLine: line}); err != nil {
		log.Fatal(err)
	}
	for batch := range chair.Batches() {
		fmt.Println(batch.Ref, batch.Available())
	}
	// Output:
	// batch-1 18
}

func ExampleEvent() {
	ctx := context.Background()
	service, store, _ := chairs()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 2}
	if _, err := service.Allocate(ctx, allocation.Request{OrderLine: line}); err != nil {
		log.Fatal(err)
	}
	events, err := store.Events(ctx, "RED-CHAIR", 0, 100)
	if err != nil {
		log.Fatal(err)
	}
	for i, event := range events {
		batch, purchased, allocated := event.Movement()
		fmt.Printf("%d %s: %s %+d %+d\n", i+1, event.Kind(), batch, purchased, allocated)
	}
	// Output:
	// 1 BatchAdded: warehouse +10 +0
	// 2 BatchAdded: shipment +20 +0
	// 3 LineAllocated: warehouse +0 +2
}

func ExampleError() {
	service, _, _ := chairs()
	_, err := service.Ship(context.Background(), "order-404")
	var detail *allocation.Error
	if errors.As(err, &detail) && errors.Is(err, allocation.ErrNotFound) {
		fmt.Println("unknown", detail.Field, detail.Value)
	}
	// Output:
	// unknown order order-404
}
