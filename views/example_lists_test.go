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

// dairy has a lot of milk, of which a part was split off for another warehouse, an order that was shipped, a cart that
// is held for a quarter of an hour, and an order that waits for more milk than there is.
func dairy(ctx context.Context, now time.Time) (views.Reader, error) {
	store, clock := memory.New(), memory.NewClock(now)
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		return nil, err
	}
	milk := allocation.Batch{Ref: "milk-7", SKU: "MILK", Purchased: 30, BestBefore: now.AddDate(0, 0, 5)}
	if err := service.AddBatch(ctx, milk); err != nil {
		return nil, err
	}
	part := allocation.Batch{Ref: "milk-7-south", Purchased: 10, Location: "south"}
	if _, err := service.SplitBatch(ctx, "milk-7", part); err != nil {
		return nil, err
	}
	line := func(order allocation.OrderID, units allocation.Quantity) allocation.OrderLine {
		return allocation.OrderLine{OrderID: order, SKU: "MILK", Quantity: units}
	}
	if _, err := service.Allocate(ctx,
		allocation.Request{OrderLine: line("order-1", 20)},
		allocation.Request{OrderLine: line("cart-2", 4), HoldUntil: now.Add(15 * time.Minute)},
		allocation.Request{OrderLine: line("order-3", 9), NeededBy: now.AddDate(0, 0, 2), Wait: true},
	); err != nil {
		return nil, err
	}
	_, err = service.Ship(ctx, "order-1")
	return store, err
}

// A dairy recalls a lot. The shop lists the batches to block, and the orders to write to, shipped orders included.
func ExampleLotReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := dairy(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	batches, err := store.LotBatches(ctx, now, "milk-7", "", 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range batches {
		fmt.Printf("block %s: %d units, %d of them free\n", b.Ref, b.Purchased, b.Free)
	}
	const limit = 100
	for after := (views.Key{}); ; {
		page, err := store.LotLines(ctx, "milk-7", after, limit)
		if err != nil {
			log.Fatal(err)
		}
		for _, l := range page {
			fmt.Printf("%s has %d units of %s, %d of them shipped\n", l.OrderID, l.Quantity, l.Batch, l.Shipped)
			after = l.Key()
		}
		if len(page) < limit {
			break
		}
	}
	// Output:
	// block milk-7: 0 units, 0 of them free
	// block milk-7-south: 10 units, 6 of them free
	// order-1 has 20 units of milk-7, 20 of them shipped
	// cart-2 has 4 units of milk-7-south, 0 of them shipped
}

// The morning's list has everything that will be due within six days. Without kinds, the list has every kind.
func ExampleDueReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := dairy(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	due, err := store.Due(ctx, now.AddDate(0, 0, 6), views.Key{}, 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range due {
		fmt.Printf("%s %s %s%s: %d units\n", d.At.Format("Mon 15:04"), d.Kind, d.Batch, d.OrderID, d.Quantity)
	}
	overdue, err := store.Due(ctx, now, views.Key{}, 100, views.DueHold, views.DueLate)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(overdue), "holds and late lines are overdue")
	// Output:
	// Mon 09:15 hold cart-2: 4 units
	// Wed 09:00 waiting order-3: 9 units
	// Sat 09:00 expiry milk-7-south: 10 units
	// 0 holds and late lines are overdue
}

// Whoever is on call knows neither SKUs nor orders: lists find both, and the ledger tells the story of a product.
func ExampleListReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := dairy(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	products, err := store.Products(ctx, now, views.ProductFilter{Prefix: "MI"}, "", 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range products {
		fmt.Printf("%s: %d here, lines wait: %t\n", p.SKU, p.InWarehouse, p.Waiting)
	}
	orders, err := store.Orders(ctx, "order-", "", 100)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(orders)
	for after := (views.Key{}); ; {
		page, err := store.Entries(ctx, now.Add(-time.Hour), "MILK", after, 3)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range page {
			fmt.Println(e.Sequence, e.Event.Kind())
			after = e.Key()
		}
		if len(page) < 3 {
			break
		}
	}
	// Output:
	// MILK: 6 here, lines wait: true
	// [order-1 order-3]
	// 1 BatchAdded
	// 2 BatchSplit
	// 3 BatchAdded
	// 4 LineAllocated
	// 5 LineAllocated
	// 6 LineWaiting
	// 7 LineShipped
}

// The page of a product says how many customers wait, and the page of an order says how many of them come before.
func ExampleQueueReader() {
	ctx, now := context.Background(), time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, err := dairy(ctx, now)
	if err != nil {
		log.Fatal(err)
	}
	queues, err := store.Queues(ctx, "MILK")
	if err != nil {
		log.Fatal(err)
	}
	for _, q := range queues {
		fmt.Printf("%d line waits for %d units of %s\n", q.Lines, q.Units, q.SKU)
	}
	places, err := store.Places(ctx, "order-3")
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range places {
		fmt.Printf("%d lines come before order-3 in the queue for %s\n", p.Before, p.SKU)
	}
	// Output:
	// 1 line waits for 9 units of MILK
	// 0 lines come before order-3 in the queue for MILK
}
