package telemetry_test

import (
	"context"
	"fmt"
	"log"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/telemetry"
)

// A shop with its metrics. A host sets up OpenTelemetry's providers once, usually with an exporter in place of the
// reader.
func Example() {
	if err := sell(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// allocation: out of stock: order "order-2": sku "LAMP": wanted 4, available 1
	// allocation.refusals 1 {refusal}
	// allocation.outbox.backlog 3 {event}
	// allocation.outbox.dead_letter.count 0 {event}
	// allocation.hold.lapsed.count 0 {hold}
	// allocation.shipment.overdue.count 0 {batch}
	// allocation.line.waiting.count 0 {line}
}

func sell(ctx context.Context) error {
	store, reader := memory.New(), sdkmetric.NewManualReader()
	tel, err := telemetry.New(&telemetry.Options{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Store:         store,
	})
	if err != nil {
		return err
	}
	defer tel.Close()
	service, err := allocation.New(allocation.NewUnitOfWork(store, &tel.UnitOfWork), &tel.Service)
	if err != nil {
		return err
	}

	err = service.AddBatch(ctx, allocation.Batch{Ref: "batch-1", SKU: "LAMP", Purchased: 5})
	if err != nil {
		return err
	}
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		line := allocation.OrderLine{OrderID: order, SKU: "LAMP", Quantity: 4}
		if _, err := service.Allocate(ctx, allocation.Request{OrderLine: line}); err != nil {
			fmt.Println(err)
		}
	}

	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		return err
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			if m.Name == "allocation.refusals" {
				fmt.Println(m.Name, data.DataPoints[0].Value, m.Unit)
			}
		case metricdata.Gauge[int64]:
			fmt.Println(m.Name, data.DataPoints[0].Value, m.Unit)
		}
	}
	return nil
}
