package relay

import (
	"context"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/outbox"
)

// compare compares the arrivals of all products with the ledger, when nothing arrives any more. An error says that the
// ledger couldn't be read.
func (a *arrivals) compare(ctx context.Context, ledger allocation.Ledger, skus []allocation.SKU) error {
	for _, sku := range skus {
		audit, err := ledger.Audit(ctx, sku)
		if err != nil {
			return err
		}
		if audit.Drifted() {
			a.fault(drift, "product %q: %+v", sku, audit)
		}
		events, missing, err := harness.Events(ctx, ledger, sku)
		if err != nil {
			return err
		}
		a.recorded += len(events)
		for _, number := range missing {
			a.fault(drift, "product %q: event %d is missing in the ledger", sku, number)
		}
		if int64(len(events)) != audit.Version {
			a.fault(drift, "product %q has version %d and %d events", sku, audit.Version, len(events))
		}
		if err := a.compareEvents(sku, events, missing); err != nil {
			return err
		}
	}
	for _, sku := range slices.Sorted(maps.Keys(a.products)) {
		if !slices.Contains(skus, sku) {
			a.fault(invented, "product %q", sku)
		}
	}
	return nil
}

func (a *arrivals) compareEvents(sku allocation.SKU, events []allocation.Event, missing []int64) error {
	var arrived map[int64]letter
	if of := a.products[sku]; of != nil {
		arrived = maps.Clone(of.letters)
	}
	sequence := int64(0)
	for _, event := range events {
		for sequence++; slices.Contains(missing, sequence); {
			sequence++
		}
		e, err := outbox.NewEnvelope(source, sku, outbox.Record{Sequence: sequence, Event: event})
		if err != nil {
			return err
		}
		want := newLetter(e)
		got, there := arrived[sequence]
		switch {
		case !there:
			a.fault(lost, "event %d of %q, %s of %s", sequence, sku, event.Kind(), event.Time())
		case got != want:
			a.fault(altered, "event %d of %q came as %+v, in the ledger it is %+v", sequence, sku, got, want)
		}
		delete(arrived, sequence)
	}
	for _, sequence := range slices.Sorted(maps.Keys(arrived)) {
		a.fault(invented, "event %d of %q, which has %d", sequence, sku, len(events))
	}
	return nil
}
