package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/cosmic-go/allocation/outbox"
)

// Continue returns a context in which spans belong to the command that caused the event, for publishers and for
// consumers.
func Continue(ctx context.Context, e outbox.Envelope) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": e.TraceParent})
}

// Publisher counts the events that a publisher accepts, and makes a span of each try to send one.
func (t *Telemetry) Publisher(next outbox.Publisher) outbox.Publisher { return &publisher{t, next} }

type publisher struct {
	*Telemetry
	next outbox.Publisher
}

func (p *publisher) Publish(ctx context.Context, envelopes []outbox.Envelope) (accepted int, err error) {
	spans := make([]trace.Span, len(envelopes))
	for i, e := range envelopes {
		_, spans[i] = p.tracer.Start(Continue(ctx, e), "send "+e.Type, trace.WithSpanKind(trace.SpanKindProducer),
			trace.WithAttributes(attribute.String("messaging.message.id", e.ID)))
	}
	defer func() {
		for i, span := range spans {
			if i >= accepted {
				span.SetStatus(codes.Error, "not accepted")
			}
			span.End()
		}
		p.sent.Add(ctx, int64(accepted))
	}()
	return p.next.Publish(ctx, envelopes)
}

// Settled is for [outbox.Options].Settled: a counter of failed tries. A dead event is worth an alarm, since the later
// events of the product wait until a person retries or skips the dead event.
func (t *Telemetry) Settled(ctx context.Context, s outbox.Settlement) {
	if s.Failure != nil {
		t.failures.Add(ctx, 1, metric.WithAttributes(attribute.Bool("dead", s.Failure.Dead)))
	}
}

// Watch measures the unsent events of a store, whenever metrics are collected: the number of events, and for how many
// seconds the oldest has waited. Each measurement is a query of the database.
func (t *Telemetry) Watch(store outbox.Maintainer, now func() time.Time) error {
	unsent, err := t.meter.Int64ObservableGauge("allocation.outbox.unsent")
	if err != nil {
		return err
	}
	age, err := t.meter.Float64ObservableGauge("allocation.outbox.age", metric.WithUnit("s"))
	if err != nil {
		return err
	}
	_, err = t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		backlog, err := store.Backlog(ctx)
		if err != nil {
			return err
		}
		var waits time.Duration
		if !backlog.Oldest.IsZero() {
			waits = now().Sub(backlog.Oldest)
		}
		o.ObserveInt64(unsent, backlog.Events)
		o.ObserveFloat64(age, waits.Seconds())
		return nil
	}, unsent, age)
	return err
}
