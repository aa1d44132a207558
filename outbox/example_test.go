package outbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

// printer is a publisher to the standard output.
type printer struct{}

func (printer) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	for _, e := range envelopes {
		fmt.Println(e.Subject, e.Sequence, e.Type)
	}
	return len(envelopes), nil
}

func ExampleRelay() {
	ctx, stop := context.WithCancel(context.Background())
	store := memory.New()
	relay := outbox.NewRelay(store, printer{}, &outbox.Options{
		Source: "https://shop.example/stock",
		Settled: func(_ context.Context, s outbox.Settlement) {
			if s.Sent == 2 {
				stop() // a host would call stop at the end of the process
			}
		},
	})
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Committed: func(context.Context, []allocation.Event) { relay.Wake() },
	})
	service, err := allocation.New(units, nil)
	if err != nil {
		log.Fatal(err)
	}

	err = service.AddBatch(ctx, allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 20})
	if err != nil {
		log.Fatal(err)
	}
	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 2}
	if _, err := service.Allocate(ctx, allocation.Request{OrderLine: line}); err != nil {
		log.Fatal(err)
	}

	fmt.Println("the relay ended with", relay.Run(ctx))
	// Output:
	// RED-CHAIR 1 io.github.cosmic-go.allocation.BatchAdded.v1
	// RED-CHAIR 2 io.github.cosmic-go.allocation.LineAllocated.v1
	// the relay ended with <nil>
}

// A consumer counts the promised units of each product. The second message is a repeat.
func ExampleEnvelope() {
	at := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	recorded := allocation.LineAllocated{SKU: "RED-CHAIR", At: at, OrderID: "order-17", Batch: "batch-1", Quantity: 2}
	record := outbox.Record{Sequence: 2, Event: recorded}
	sent, err := outbox.NewEnvelope("https://shop.example/stock", "RED-CHAIR", record)
	if err != nil {
		log.Fatal(err)
	}
	message, err := json.Marshal(sent)
	if err != nil {
		log.Fatal(err)
	}

	last := map[allocation.SKU]int64{} // a consumer stores last and promised in the same transaction
	promised := map[allocation.SKU]allocation.Quantity{}
	for range 2 {
		var e outbox.Envelope
		if err := json.Unmarshal(message, &e); err != nil {
			log.Fatal(err)
		}
		if e.Sequence <= last[e.Subject] {
			fmt.Println("again:", e.ID)
			continue
		}
		event, err := e.Event()
		if err != nil {
			log.Fatal(err)
		}
		_, _, allocated := event.Movement()
		promised[e.Subject] += allocated
		last[e.Subject] = e.Sequence
		fmt.Println(e.Subject, "promised:", promised[e.Subject])
	}
	// Output:
	// RED-CHAIR promised: 2
	// again: 01bb606f-0280-7000-a3bb-6a9a9ed5b773
}
