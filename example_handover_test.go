package allocation_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
)

// A cart holds units until the customer has paid. Then the cart becomes an order.
func ExampleService_HandOver() {
	ctx := context.Background()
	service, _, clock := chairs()
	cart := allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "cart-9", SKU: "RED-CHAIR", Quantity: 2},
		HoldUntil: clock.Now().Add(10 * time.Minute),
	}
	if _, err := service.Allocate(ctx, cart); err != nil {
		log.Fatal(err)
	}
	for range 2 { // the second call is a repeat
		lines, err := service.HandOver(ctx, "cart-9", "order-36", "RED-CHAIR")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s has %d, from %s\n", lines[0].OrderID, lines[0].Quantity, lines[0].HandedFrom)
	}
	if _, err := service.Confirm(ctx, "order-36", "RED-CHAIR"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// order-36 has 2, from cart-9
	// order-36 has 2, from cart-9
}
