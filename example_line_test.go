package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// reserved returns a service with chairs, and the line of order-17 that was promised four of them.
func reserved(hold time.Duration) (*allocation.Service, *memory.Clock) {
	service, _, clock := chairs()
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 4}
	request := allocation.Request{OrderLine: line}
	if hold > 0 {
		request.HoldUntil = clock.Now().Add(hold)
	}
	if _, err := service.Allocate(context.Background(), request); err != nil {
		log.Fatal(err)
	}
	return service, clock
}

// A paid cart is confirmed: the lines of the order are firm, and no longer lapse.
func ExampleService_Confirm() {
	ctx := context.Background()
	service, clock := reserved(15 * time.Minute)
	confirmed, err := service.Confirm(ctx, "order-17")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(confirmed), "line is held:", !confirmed[0].HeldUntil.IsZero())

	clock.Advance(time.Hour)
	shipped, err := service.Ship(ctx, "order-17")
	fmt.Println(len(shipped), "line shipped,", err)
	// Output:
	// 1 line is held: false
	// 1 line shipped, <nil>
}

// A customer asks for more time to pay.
func ExampleService_Extend() {
	service, clock := reserved(15 * time.Minute)
	held, err := service.Extend(context.Background(), "order-17", clock.Now().Add(time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(held[0].HeldUntil.Format(time.TimeOnly))
	// Output: 10:00:00
}

// Ship takes all units of an order out of the stock. A repeat changes nothing.
func ExampleService_Ship() {
	ctx := context.Background()
	service, _ := reserved(0)
	for range 2 {
		shipped, err := service.Ship(ctx, "order-17")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(shipped[0].Parts[0].Shipped, "units of", shipped[0].Parts[0].Batch)
	}
	// Output:
	// 4 units of warehouse
	// 4 units of warehouse
}

// Two parcels: the quantity is the sum of all units shipped so far, so each message can be repeated.
func ExampleService_ShipPart() {
	ctx := context.Background()
	service, _ := reserved(0)
	for _, total := range []allocation.Quantity{3, 3, 4} {
		line, err := service.ShipPart(ctx, allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: total})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(line.Parts[0].Shipped, "of", line.Quantity)
	}
	// Output:
	// 3 of 4
	// 3 of 4
	// 4 of 4
}

// A customer wants six chairs in place of four, and then three. The line stays in its batch as long as the batch has
// room.
func ExampleService_ChangeLine() {
	ctx := context.Background()
	service, _ := reserved(0)
	for _, wanted := range []allocation.Quantity{6, 3} {
		changed := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: wanted}
		line, err := service.ChangeLine(ctx, changed)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(line.Quantity, "from", line.Parts[0].Batch)
	}
	// Output:
	// 6 from warehouse
	// 3 from warehouse
}

// Whoever comes too late may wait. The commit that frees the units serves the line, before anybody else is served.
func ExampleRequest_wait() {
	ctx := context.Background()
	service, _, clock := chairs()
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		line := allocation.OrderLine{OrderID: order, SKU: "RED-CHAIR", Quantity: 20}
		given, err := service.Allocate(ctx, allocation.Request{OrderLine: line, Wait: true})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s has %d chairs and waits for %d\n", order, given[0].Quantity, given[0].Waiting)
	}

	// The shipment arrives with 40 chairs in place of 20.
	counted := allocation.Count{Batch: "shipment", Quantity: 40, At: clock.Now()}
	if _, err := service.ReceiveBatch(ctx, counted); err != nil {
		log.Fatal(err)
	}
	line := allocation.OrderLine{OrderID: "order-2", SKU: "RED-CHAIR", Quantity: 20}
	given, err := service.Allocate(ctx, allocation.Request{OrderLine: line, Wait: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("order-2 has", given[0].Quantity)
	// Output:
	// order-1 has 20 chairs and waits for 0
	// order-2 has 0 chairs and waits for 20
	// order-2 has 20
}

// A guest is a write of the host's own in the same commit, here the row of the order in a map of the host.
func ExampleService_With() {
	service, _, _ := chairs()
	orders := map[allocation.OrderID]string{}
	row := memory.Func{
		Do:   func() error { orders["order-17"] = "paid"; return nil },
		Undo: func() { delete(orders, "order-17") },
	}
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 4}
	_, err := service.With(row).Allocate(context.Background(), allocation.Request{OrderLine: line})
	fmt.Println(orders["order-17"], err)

	tooMany := allocation.OrderLine{OrderID: "order-18", SKU: "RED-CHAIR", Quantity: 99}
	_, err = service.With(row).Allocate(context.Background(), allocation.Request{OrderLine: tooMany})
	fmt.Println("refused, so nothing is written:", errors.As(err, new(*allocation.OutOfStockError)))
	// Output:
	// paid <nil>
	// refused, so nothing is written: true
}

// Many orders at once, each all or nothing by itself.
func ExampleService_AllocateEach() {
	service, _, _ := chairs()
	var orders [][]allocation.Request
	for i, units := range []allocation.Quantity{8, 99, 2} {
		line := allocation.OrderLine{
			OrderID: allocation.OrderID(fmt.Sprint("order-", i+1)), SKU: "RED-CHAIR", Quantity: units,
		}
		orders = append(orders, []allocation.Request{{OrderLine: line}})
	}
	given, errs := service.AllocateEach(context.Background(), orders)
	for i := range orders {
		if errs[i] != nil {
			fmt.Println(orders[i][0].OrderID, "is refused")
			continue
		}
		fmt.Println(orders[i][0].OrderID, "gets", given[i][0].Quantity, "from", given[i][0].Parts[0].Batch)
	}
	// Output:
	// order-1 gets 8 from warehouse
	// order-2 is refused
	// order-3 gets 2 from warehouse
}
