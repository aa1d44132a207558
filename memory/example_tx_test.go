package memory_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A host's checkout writes the row of an order and allocates the goods. In the test the rows are a map.
func ExampleStore_Within() {
	ctx := context.Background()
	store := memory.New()
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Seed(allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 3}); err != nil {
		log.Fatal(err)
	}
	rows := map[allocation.OrderID]string{}
	checkout := func(order allocation.OrderID, chairs allocation.Quantity) error {
		return store.Within(ctx, service, func(ctx context.Context, tx *memory.Tx, inside *allocation.Service) error {
			insert := func() error { rows[order] = "customer-7"; return nil }
			if err := tx.Do(insert, func() { delete(rows, order) }); err != nil {
				return err
			}
			line := allocation.OrderLine{OrderID: order, SKU: "RED-CHAIR", Quantity: chairs}
			_, err := inside.Allocate(ctx, allocation.Request{OrderLine: line})
			return err
		}, "RED-CHAIR")
	}
	fmt.Println(checkout("order-1", 2))
	var short *allocation.OutOfStockError
	fmt.Println(errors.As(checkout("order-2", 2), &short))
	fmt.Println(rows)
	// Output:
	// <nil>
	// true
	// map[order-1:customer-7]
}
