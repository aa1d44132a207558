package patterns_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// A quota is a product of its own. An order takes units of the goods and of the quota, all or nothing.
func Example_limitPerCustomer() {
	ctx := context.Background()
	s := open(
		allocation.Batch{Ref: "pallet", SKU: "CONSOLE", Purchased: 100},
		allocation.Batch{Ref: "limit-7", SKU: "limit:CONSOLE:customer-7", Purchased: 2}, // two for each customer
	)
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		_, err := s.Allocate(ctx, want(order, 2, "CONSOLE"), want(order, 2, "limit:CONSOLE:customer-7"))
		var short *allocation.OutOfStockError
		fmt.Println(order, errors.As(err, &short))
	}
	// Output:
	// order-1 false
	// order-2 true
}

// The stock of a channel is a product of its own, too. Units move to another channel by moving the quota: a count of
// one batch goes down and a count of the other goes up. The goods themselves stay where they are.
func Example_channelStock() {
	ctx := context.Background()
	s := open(
		allocation.Batch{Ref: "pallet", SKU: "LAMP", Purchased: 10},
		allocation.Batch{Ref: "web", SKU: "channel:web:LAMP", Purchased: 7},
		allocation.Batch{Ref: "shops", SKU: "channel:shops:LAMP", Purchased: 3},
	)
	_, err := s.Allocate(ctx, want("order-1", 5, "LAMP"), want("order-1", 5, "channel:shops:LAMP"))
	fmt.Println(err)

	for _, count := range []allocation.Count{ // the channel that gives comes first
		{Batch: "web", Quantity: 5, At: s.clock.Now()}, {Batch: "shops", Quantity: 5, At: s.clock.Now()},
	} {
		_, err := s.ChangeBatchQuantity(ctx, count)
		must(err)
	}
	given, err := s.Allocate(ctx, want("order-1", 5, "LAMP"), want("order-1", 5, "channel:shops:LAMP"))
	say("order-1", given, err)
	// Output:
	// allocation: out of stock: order "order-1": sku "channel:shops:LAMP": wanted 5, available 3
	// order-1: 5 of LAMP from pallet
	// order-1: 5 of channel:shops:LAMP from shops
}

// Safety stock is a look and a take in one unit of work: nobody comes between, since the commit checks the version.
func Example_safetyStock() {
	s := open(allocation.Batch{Ref: "pallet", SKU: "LAMP", Purchased: 10})
	const safety = 3
	buy := func(order allocation.OrderID, quantity allocation.Quantity) error {
		return s.units.Do(context.Background(), func(ctx context.Context, products allocation.Repository) error {
			lamp, err := products.Get(ctx, "LAMP", order)
			if err != nil {
				return err
			}
			if _, err = lamp.Allocate(products.Now(), nil, want(order, quantity, "LAMP")); err != nil {
				return err
			}
			left, err := lamp.Available(products.Now())
			if err == nil && left < safety {
				err = fmt.Errorf("%d would be left, and %d stay here", left, safety)
			}
			return err // an error takes the allocation back
		})
	}
	fmt.Println(buy("order-1", 7))
	fmt.Println(buy("order-2", 1))
	fmt.Println(buy("order-1", 7)) // a repeat
	// Output:
	// <nil>
	// 2 would be left, and 3 stay here
	// <nil>
}

// A tenant is a prefix of every identifier. SKUs, orders and batches of two tenants never meet.
func Example_tenants() {
	ctx := context.Background()
	s := open(
		allocation.Batch{Ref: "acme/pallet", SKU: "acme/LAMP", Purchased: 1},
		allocation.Batch{Ref: "blue/pallet", SKU: "blue/LAMP", Purchased: 1},
	)
	for _, tenant := range []string{"acme", "blue"} {
		order := allocation.OrderID(tenant + "/order-1")
		given, err := s.Allocate(ctx, want(order, 1, allocation.SKU(tenant+"/LAMP")))
		say(string(order), given, err)
	}
	// Output:
	// acme/order-1: 1 of acme/LAMP from acme/pallet
	// blue/order-1: 1 of blue/LAMP from blue/pallet
}
