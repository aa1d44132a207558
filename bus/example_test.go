package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
	"github.com/cosmic-go/allocation/memory"
)

var (
	start   = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	nextDay = start.AddDate(0, 0, 1)
)

// newService returns a service with 10 chairs in the warehouse and 2 chairs in a shipment of the next day. The
// service's events go to the bus.
func newService(b *bus.Bus) *allocation.Service {
	ctx := context.Background()
	clock := memory.NewClock(start)
	units := allocation.NewUnitOfWork(memory.New(), &allocation.UnitOfWorkOptions{Now: clock.Now, Committed: b.Publish})
	service, err := allocation.New(units, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(
		service.AddBatch(ctx, allocation.Batch{Ref: "warehouse", SKU: "CHAIR", Purchased: 10}),
		service.AddBatch(ctx, allocation.Batch{Ref: "shipment", SKU: "CHAIR", Purchased: 2, ETA: nextDay}),
	)
	if err != nil {
		log.Fatal(err)
	}
	return service
}

func chairs(order allocation.OrderID, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: "CHAIR", Quantity: quantity}}
}

// Four chairs of the warehouse are broken. The newest orders move to the shipment or lose their chairs, and handlers
// send a mail to the customers.
func Example() {
	ctx := context.Background()
	b := bus.New(nil)
	service := newService(b)
	if _, err := service.Allocate(ctx, chairs("order-1", 5), chairs("order-2", 2), chairs("order-3", 3)); err != nil {
		log.Fatal(err)
	}

	bus.Subscribe(b, func(_ context.Context, e allocation.LineAllocated) error {
		fmt.Printf("to %s: your %d chairs now come with the %s\n", e.OrderID, e.Quantity, e.Batch)
		return nil
	})
	bus.Subscribe(b, func(_ context.Context, e allocation.LineReleased) error {
		fmt.Printf("to %s: we are sorry, your %d chairs are broken\n", e.OrderID, e.Quantity)
		return nil
	})
	counted := allocation.Count{Batch: "warehouse", Quantity: 6, At: start}
	if _, err := service.ChangeBatchQuantity(ctx, counted); err != nil {
		log.Fatal(err)
	}
	// Output:
	// to order-3: we are sorry, your 3 chairs are broken
	// to order-2: your 2 chairs now come with the shipment
}

// A handler may run commands, and the events of the commands go to the bus as well. Here a refused order gets the
// chairs of a cancelled order.
func ExampleSubscribe() {
	ctx := context.Background()
	b := bus.New(nil)
	service := newService(b)
	waiting := make(chan allocation.Request, 100)
	bus.Subscribe(b, func(_ context.Context, e allocation.LineRefused) error {
		fmt.Println(e.OrderID, "waits")
		waiting <- chairs(e.OrderID, e.Quantity)
		return nil
	})
	bus.Subscribe(b, func(ctx context.Context, _ allocation.LineDeallocated) error {
		select {
		case first := <-waiting:
			_, err := service.Allocate(ctx, first)
			return err
		default:
			return nil
		}
	})
	bus.Subscribe(b, func(_ context.Context, e allocation.LineAllocated) error {
		fmt.Println(e.OrderID, "has", e.Quantity)
		return nil
	})

	_, err := service.Allocate(ctx, chairs("order-1", 10))
	_, refusal := service.Allocate(ctx, chairs("order-2", 4))
	_, cancelled := service.Cancel(ctx, "order-1")
	fmt.Println(err, errors.As(refusal, new(*allocation.OutOfStockError)), cancelled)
	// Output:
	// order-1 has 10
	// order-2 waits
	// order-2 has 4
	// <nil> true <nil>
}

// The error of a handler doesn't fail the command, so the host should log the error.
func ExampleHandlerError() {
	report := func(_ context.Context, err error) {
		var failed *bus.HandlerError
		switch {
		case errors.As(err, &failed):
			fmt.Printf("%s of %s: %v\n", failed.Event.Kind(), failed.Event.Time().Format(time.TimeOnly), failed.Err)
		case errors.Is(err, bus.ErrCycle):
			fmt.Println("handlers cause each other's events:", err)
		}
	}
	b := bus.New(&bus.Options{Report: report})
	service := newService(b)
	bus.Subscribe(b, func(context.Context, allocation.LineAllocated) error { return errors.New("no route to host") })
	given, err := service.Allocate(context.Background(), chairs("order-1", 1))
	fmt.Println(len(given), err)
	// Output:
	// LineAllocated of 09:00:00: no route to host
	// 1 <nil>
}
