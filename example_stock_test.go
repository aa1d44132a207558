package allocation_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A shipment arrives with fewer units than announced: the lines that are too many are released, the newest first.
func ExampleService_ReceiveBatch() {
	service, clock := promised(allocation.Batch{
		Ref: "shipment", SKU: "RED-CHAIR", Purchased: 40, ETA: time.Date(2030, 5, 13, 9, 0, 0, 0, time.UTC),
	})
	counted := allocation.Count{Batch: "shipment", Quantity: 30, At: clock.Now()}
	released, err := service.ReceiveBatch(context.Background(), counted)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range released {
		fmt.Println(l.OrderID, "lost", l.Quantity)
	}
	// Output: order-2 lost 20
}

// A buyer wants to know when fewer than 15 chairs are left.
func ExampleService_SetLowStock() {
	ctx := context.Background()
	store := memory.New()
	if err := store.Seed(allocation.Batch{Ref: "warehouse", SKU: "RED-CHAIR", Purchased: 20}); err != nil {
		log.Fatal(err)
	}
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Committed: func(_ context.Context, events []allocation.Event) {
			for _, e := range events {
				if crossed, is := e.(allocation.LowStockCrossed); is {
					fmt.Println("low:", crossed.Low, "available:", crossed.Available)
				}
			}
		},
	})
	service, err := allocation.New(units, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := service.SetLowStock(ctx, "RED-CHAIR", 15); err != nil {
		log.Fatal(err)
	}
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 8}
	if _, err := service.Allocate(ctx, allocation.Request{OrderLine: line}); err != nil {
		log.Fatal(err)
	}
	// Output: low: true available: 12
}

// Before a repair somebody looks at what Mend would do. Nothing has drifted here, so nothing would change.
func ExampleService_PlanMend() {
	ctx := context.Background()
	service, _, _ := chairs()
	plan, err := service.PlanMend(ctx, "RED-CHAIR")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("events to record:", len(plan.Events))

	audit, err := service.Mend(ctx, "RED-CHAIR")
	fmt.Println("drifted:", audit.Drifted(), err)
	// Output:
	// events to record: 0
	// drifted: false <nil>
}

// A nightly job audits every product.
func ExampleService_ReconcileAll() {
	service, _, _ := chairs()
	for audit, err := range service.ReconcileAll(context.Background(), "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(audit.SKU, "drifted:", audit.Drifted())
	}
	// Output: RED-CHAIR drifted: false
}
