package memory_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func Example() {
	ctx := context.Background()
	store, clock := memory.New(), memory.NewClock(time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC))
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Seed(allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 3}); err != nil {
		log.Fatal(err)
	}

	// The answer of the next commit gets lost. The caller repeats the command, which is safe.
	store.LoseAnswer()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 2}
	_, err = service.Allocate(ctx, allocation.Request{OrderLine: line})
	fmt.Println(err)
	_, err = service.Allocate(ctx, allocation.Request{OrderLine: line})
	fmt.Println("again:", err)

	committed, _ := store.Product("RED-CHAIR")
	fmt.Println("allocated:", committed.Batches[0].Allocated)
	// Output:
	// allocation: Commit: outcome unknown
	// again: <nil>
	// allocated: 2
}

func ExampleStore_FailCommit() {
	store := memory.New()
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	store.FailCommit(allocation.ErrConflict, nil) // the first attempt loses its race, the second wins
	err = service.AddBatch(context.Background(), allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 3})
	fmt.Println(err)
	// Output:
	// <nil>
}
