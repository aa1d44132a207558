package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

// A gauge reads at most mostPages pages of a list, so that the cost has a bound. A greater number is measured as the
// rows of so many pages.
const (
	pageRows  = 1000
	mostPages = 10
)

// watch registers the gauges that the store has numbers for.
func (t *Telemetry) watch(meter metric.Meter, store allocation.Store) error {
	if outbox, able := store.(outbox.Maintainer); able {
		if err := t.watchOutbox(meter, outbox); err != nil {
			return err
		}
	}
	if due, able := store.(views.DueReader); able {
		if err := t.watchDue(meter, due); err != nil {
			return err
		}
	}
	if queues, able := store.(queueLister); able {
		return t.watchQueues(meter, queues)
	}
	return nil
}

// count and age make a gauge. An error goes to errs.
func count(meter metric.Meter, name, unit, description string, errs *[]error) metric.Int64ObservableGauge {
	gauge, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	*errs = append(*errs, err)
	return gauge
}

func age(meter metric.Meter, name, description string, errs *[]error) metric.Float64ObservableGauge {
	gauge, err := meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(description))
	*errs = append(*errs, err)
	return gauge
}

// register registers a callback that measures gauges, unless a gauge could not be made.
func (t *Telemetry) register(
	meter metric.Meter, errs []error, measure metric.Callback, gauges ...metric.Observable,
) error {
	if err := errors.Join(errs...); err != nil {
		return err
	}
	registered, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if err := measure(ctx, o); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		return nil // the store lacks the ability, and so the shop the gauge
	}, gauges...)
	if err == nil {
		t.gauges = append(t.gauges, registered)
	}
	return err
}

func (t *Telemetry) watchOutbox(meter metric.Meter, store outbox.Maintainer) error {
	var errs []error
	backlog := count(meter, "allocation.outbox.backlog", "{event}", "Number of unsent events.", &errs)
	oldest := age(meter, "allocation.outbox.age", "Time since the oldest unsent event.", &errs)
	dead := count(meter, "allocation.outbox.dead_letter.count", "{event}", "Number of dead letters.", &errs)
	measure := func(ctx context.Context, o metric.Observer) error {
		found, err := store.Backlog(ctx)
		if err != nil {
			return err
		}
		o.ObserveInt64(backlog, found.Events)
		o.ObserveFloat64(oldest, t.since(found.Oldest))
		letters, err := deadLetters(ctx, store)
		if err != nil {
			return err
		}
		o.ObserveInt64(dead, letters)
		return nil
	}
	return t.register(meter, errs, measure, backlog, oldest, dead)
}

func (t *Telemetry) watchDue(meter metric.Meter, store views.DueReader) error {
	var errs []error
	holds := count(meter, "allocation.hold.lapsed.count", "{hold}", "Number of lapsed holds to be swept.", &errs)
	oldest := age(meter, "allocation.hold.lapsed.age", "Time since the oldest lapsed hold ended.", &errs)
	overdue := count(meter, "allocation.shipment.overdue.count", "{batch}", "Number of overdue shipments.", &errs)
	measure := func(ctx context.Context, o metric.Observer) error {
		lapsed, first, err := t.due(ctx, store, views.DueHold)
		if err != nil {
			return err
		}
		o.ObserveInt64(holds, lapsed)
		o.ObserveFloat64(oldest, t.since(first))
		late, _, err := t.due(ctx, store, views.DueArrival)
		if err != nil {
			return err
		}
		o.ObserveInt64(overdue, late)
		return nil
	}
	return t.register(meter, errs, measure, holds, oldest, overdue)
}

// queueLister finds the products that lines wait for, and counts the lines.
type queueLister interface {
	views.ListReader
	views.QueueReader
}

func (t *Telemetry) watchQueues(meter metric.Meter, store queueLister) error {
	var errs []error
	waiting := count(meter, "allocation.line.waiting.count", "{line}", "Number of lines that wait for units.", &errs)
	measure := func(ctx context.Context, o metric.Observer) error {
		lines, err := t.waiting(ctx, store)
		if err != nil {
			return err
		}
		o.ObserveInt64(waiting, lines)
		return nil
	}
	return t.register(meter, errs, measure, waiting)
}

// waiting counts the lines that wait. The queues are those of the products on mostPages pages; for each line the store
// reads a few index entries.
func (t *Telemetry) waiting(ctx context.Context, store queueLister) (lines int64, err error) {
	var after allocation.SKU
	now := t.now()
	for range mostPages {
		page, err := store.Products(ctx, now, views.ProductFilter{Waiting: true}, after, pageRows)
		if err != nil || len(page) == 0 {
			return lines, err
		}
		skus := make([]allocation.SKU, len(page))
		for i, p := range page {
			skus[i] = p.SKU
		}
		queues, err := store.Queues(ctx, skus...)
		if err != nil {
			return 0, err
		}
		for _, q := range queues {
			lines += int64(q.Lines)
		}
		if len(page) < pageRows {
			break
		}
		after = skus[len(skus)-1]
	}
	return lines, nil
}

// since returns the seconds since a time, 0 for the zero time and for a time that has not come.
func (t *Telemetry) since(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, t.now().Sub(at).Seconds())
}

// deadLetters counts the products that wait behind a dead event.
func deadLetters(ctx context.Context, store outbox.Maintainer) (dead int64, err error) {
	var after allocation.SKU
	for range mostPages {
		page, err := store.Failures(ctx, after, pageRows)
		if err != nil {
			return 0, err
		}
		for _, f := range page {
			if f.Dead {
				dead++
			}
		}
		if len(page) < pageRows {
			break
		}
		after = page[len(page)-1].SKU
	}
	return dead, nil
}

// due counts what is due of a kind by now, and returns the time of the first, zero for none.
func (t *Telemetry) due(
	ctx context.Context, store views.DueReader, kind views.DueKind,
) (rows int64, first time.Time, err error) {
	var after views.Key
	now := t.now()
	for range mostPages {
		page, err := store.Due(ctx, now, after, pageRows, kind)
		if err != nil {
			return 0, time.Time{}, err
		}
		if rows == 0 && len(page) > 0 {
			first = page[0].At
		}
		rows += int64(len(page))
		if len(page) < pageRows {
			break
		}
		after = page[len(page)-1].Key()
	}
	return rows, first, nil
}
