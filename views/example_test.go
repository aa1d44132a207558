package views_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// shop has three chairs in the warehouse, twenty chairs in a shipment, and an order for five.
func shop(ctx context.Context, now time.Time) (views.Reader, error) {
	store, clock := memory.New(), memory.NewClock(now)
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		return nil, err
	}
	for _, b := range []allocation.Batch{
		{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 3, Location: "north"},
		{Ref: "batch-2", SKU: "RED-CHAIR", Purchased: 20, ETA: now.AddDate(0, 0, 7)},
	} {
		if err := service.AddBatch(ctx, b); err != nil {
			return nil, err
		}
	}
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 5}
	_, err = service.Allocate(ctx, allocation.Request{OrderLine: line, Split: true})
	return store, err
}

// The page of a product shows the stock, and the page of an order shows when the units arrive.
func ExampleReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := shop(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	stocks, err := store.Stock(ctx, now, "RED-CHAIR")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range stocks {
		fmt.Printf("%s: %d here, %d within a month\n", s.SKU, s.InWarehouse, s.AvailableBy(now.AddDate(0, 1, 0)))
		for _, a := range s.Arriving {
			fmt.Printf("%d more on %s\n", a.Quantity, a.ETA.Format(time.DateOnly))
		}
	}

	lines, err := store.Order(ctx, "order-17")
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range lines {
		fmt.Printf("%d of %s:\n", l.Quantity, l.SKU)
		for _, part := range l.Parts {
			if part.ETA.IsZero() {
				fmt.Printf("- %d from our warehouse %s\n", part.Quantity, part.Location)
				continue
			}
			fmt.Printf("- %d on %s\n", part.Quantity, part.ETA.Format(time.DateOnly))
		}
	}
	// Output:
	// RED-CHAIR: 0 here, 18 within a month
	// 18 more on 2030-05-13
	// 5 of RED-CHAIR:
	// - 3 from our warehouse north
	// - 2 on 2030-05-13
}

// The cart of a customer may take up to the number of units that StockFor returns: the units in the cart count as free
// for the cart alone.
func ExampleStockReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := shop(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	everybody, err := store.Stock(ctx, now, "RED-CHAIR")
	if err != nil {
		log.Fatal(err)
	}
	cart, err := store.StockFor(ctx, now, "order-17", "RED-CHAIR")
	if err != nil {
		log.Fatal(err)
	}
	month := now.AddDate(0, 1, 0)
	fmt.Println(everybody[0].AvailableBy(month), "for others,", cart[0].AvailableBy(month), "in all for order-17")
	// Output:
	// 18 for others, 23 in all for order-17
}

// A shipment is late, and the shop lists the orders with units of the shipment. Each page begins behind the last line
// of the page before.
func ExampleLineReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := shop(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	const limit = 100
	for after := (allocation.Rank{}); ; {
		page, err := store.BatchLines(ctx, "batch-2", after, limit)
		if err != nil {
			log.Fatal(err)
		}
		for _, l := range page {
			fmt.Printf("%s waits for %d units\n", l.OrderID, l.Quantity-l.Shipped)
			after = l.Rank()
		}
		if len(page) < limit {
			break
		}
	}
	// Output:
	// order-17 waits for 2 units
}
