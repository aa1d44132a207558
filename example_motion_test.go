package allocation_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// promised returns a service with one batch of chairs, and two lines that were promised chairs.
func promised(batch allocation.Batch) (*allocation.Service, *memory.Clock) {
	clock := memory.NewClock(time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC))
	store := memory.New()
	if err := store.Seed(batch); err != nil {
		log.Fatal(err)
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		line := allocation.OrderLine{OrderID: order, SKU: "RED-CHAIR", Quantity: 20}
		if _, err := service.Allocate(context.Background(), allocation.Request{OrderLine: line}); err != nil {
			log.Fatal(err)
		}
	}
	return service, clock
}

// A transfer: units go to another warehouse, and lines go along.
func ExampleService_SplitBatch() {
	ctx := context.Background()
	service, clock := promised(allocation.Batch{Ref: "berlin", SKU: "RED-CHAIR", Purchased: 50, Location: "BERLIN"})

	// Of 50 chairs 40 are promised. The 10 free chairs go first, and a line of 20 goes along.
	transfer := allocation.Batch{
		Ref: "transfer-7", Purchased: 30, Location: "MUNICH", ETA: clock.Now().AddDate(0, 0, 2),
	}
	released, err := service.SplitBatch(ctx, "berlin", transfer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("released:", len(released))
	again, err := service.Allocate(ctx, allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "order-2", SKU: "RED-CHAIR", Quantity: 20},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("order-2 comes from", again[0].Parts[0].Batch)
	// Output:
	// released: 0
	// order-2 comes from transfer-7
}

// A partial receipt: a part of the shipment is there, the rest comes later, and no line loses units.
func ExampleService_SplitBatch_partialReceipt() {
	ctx := context.Background()
	tomorrow := time.Date(2030, 5, 7, 9, 0, 0, 0, time.UTC)
	service, clock := promised(allocation.Batch{Ref: "shipment", SKU: "RED-CHAIR", Purchased: 60, ETA: tomorrow})

	// 40 of the 60 chairs are here. The part has no ETA, since the chairs have arrived.
	if _, err := service.SplitBatch(ctx, "shipment", allocation.Batch{Ref: "shipment-1", Purchased: 40}); err != nil {
		log.Fatal(err)
	}
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		_, err := service.Ship(ctx, order)
		fmt.Println(order, "can be shipped today:", err == nil)
	}
	// The next day the other 20 chairs arrive, and are counted.
	clock.Set(tomorrow)
	released, err := service.ReceiveBatch(ctx, allocation.Count{Batch: "shipment", Quantity: 20, At: clock.Now()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("released:", len(released))
	// Output:
	// order-1 can be shipped today: false
	// order-2 can be shipped today: true
	// released: 0
}

// A quarantine: damaged units are split off and blocked, and a recall blocks a whole batch.
func ExampleService_BlockBatch() {
	ctx := context.Background()
	service, _ := promised(allocation.Batch{Ref: "berlin", SKU: "RED-CHAIR", Purchased: 50})

	damaged := allocation.Batch{Ref: "berlin-damaged", Purchased: 4, Blocked: "scratched"}
	if _, err := service.SplitBatch(ctx, "berlin", damaged); err != nil {
		log.Fatal(err)
	}
	released, err := service.BlockBatch(ctx, "berlin", "recall 2030-17")
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range released {
		fmt.Println("no chairs for", line.OrderID)
	}
	// Output:
	// no chairs for order-1
	// no chairs for order-2
}

// The end of a quarantine: the chairs turned out to be good.
func ExampleService_UnblockBatch() {
	ctx := context.Background()
	service, _ := promised(allocation.Batch{Ref: "berlin", SKU: "RED-CHAIR", Purchased: 50})
	checked := allocation.Batch{Ref: "berlin-checked", Purchased: 10, Blocked: "to be checked"}
	if _, err := service.SplitBatch(ctx, "berlin", checked); err != nil {
		log.Fatal(err)
	}
	if err := service.UnblockBatch(ctx, "berlin-checked"); err != nil {
		log.Fatal(err)
	}
	line := allocation.OrderLine{OrderID: "order-3", SKU: "RED-CHAIR", Quantity: 10}
	given, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("order-3 comes from", given[0].Parts[0].Batch)
	// Output:
	// order-3 comes from berlin-checked
}

// A customer's return: a batch of its own, with the lot that the units came from.
func ExampleService_AddBatch_return() {
	ctx := context.Background()
	service, _ := promised(allocation.Batch{Ref: "berlin", SKU: "RED-CHAIR", Purchased: 40})
	if _, err := service.Ship(ctx, "order-1"); err != nil {
		log.Fatal(err)
	}
	// The Ref names the return, so the message may come twice.
	returned := allocation.Batch{Ref: "return-order-1", SKU: "RED-CHAIR", Purchased: 2, Lot: "berlin"}
	for range 2 {
		if err := service.AddBatch(ctx, returned); err != nil {
			log.Fatal(err)
		}
	}
	line := allocation.OrderLine{OrderID: "order-3", SKU: "RED-CHAIR", Quantity: 2}
	given, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("order-3 comes from", given[0].Parts[0].Batch)
	// Output:
	// order-3 comes from return-order-1
}
