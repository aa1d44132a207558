package patterns_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var monday = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)

// shop is a Service over a store in memory, with a clock to set.
type shop struct {
	*allocation.Service
	units allocation.UnitOfWork
	store *memory.Store
	clock *memory.Clock
}

func open(batches ...allocation.Batch) shop {
	s := shop{store: memory.New(), clock: memory.NewClock(monday)}
	s.units = allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now})
	service, err := allocation.New(s.units, nil)
	must(err)
	s.Service = service
	for _, b := range batches {
		must(s.AddBatch(context.Background(), b))
	}
	return s
}

// want asks for a line of an order.
func want(order allocation.OrderID, quantity allocation.Quantity, sku allocation.SKU) allocation.Request {
	return allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: order, SKU: sku, Quantity: quantity},
	}
}

// say prints the answer to an order.
func say(order string, given []allocation.Allocation, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", order, err)
		return
	}
	for _, line := range given {
		for _, part := range line.Parts {
			fmt.Printf("%s: %d of %s from %s\n", order, part.Quantity, line.SKU, part.Batch)
		}
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
