package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/cosmic-go/allocation/outbox"
)

// Continue returns a context in which spans belong to the command that caused the event, for publishers and for
// consumers.
func Continue(ctx context.Context, e outbox.Envelope) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": e.TraceParent})
}

// hookRelay puts the hook before the host's own.
func (t *Telemetry) hookRelay() {
	host := t.Relay.Settled
	if host == nil {
		t.Relay.Settled = t.settled
		return
	}
	t.Relay.Settled = func(ctx context.Context, s outbox.Settlement) { t.settled(ctx, s); host(ctx, s) }
}

// settled is the hook Settled.
func (t *Telemetry) settled(ctx context.Context, s outbox.Settlement) {
	if s.Failure != nil {
		t.metrics.failures.Add(ctx, 1, truth(keyDead, s.Failure.Dead))
	}
}

// Publisher returns a publisher that measures and traces another publisher. Each event of a Publish is a span "create"
// in the trace of the command that caused the event, from the call to its end. The call itself is a span "send", which
// links to the events' spans, and below which the spans of a broker's client belong.
func (t *Telemetry) Publisher(next outbox.Publisher) outbox.Publisher { return &publisher{t, next} }

type publisher struct {
	*Telemetry
	next outbox.Publisher
}

func (p *publisher) Publish(ctx context.Context, envelopes []outbox.Envelope) (accepted int, err error) {
	begun := time.Now()
	created, links := p.create(ctx, envelopes)
	count := attribute.Int("messaging.batch.message_count", len(envelopes))
	ctx, send := p.start(ctx, "send", trace.SpanKindClient, trace.WithLinks(links...), trace.WithAttributes(count))
	counted, failed := 0, otherError // stays if the publisher panics or ends the goroutine
	defer func() {
		for i, span := range created {
			if i >= counted {
				span.SetStatus(codes.Error, "not accepted")
			}
			span.End()
		}
		if failed != "" {
			send.SetStatus(codes.Error, "not all events were accepted")
			send.SetAttributes(keyError.String(failed))
		}
		send.End()
		p.metrics.sent.Add(ctx, int64(counted))
		p.metrics.sends.Record(ctx, time.Since(begun).Seconds(), p.metrics.sets.of(labels{failed: failed}))
	}()
	accepted, err = p.next.Publish(ctx, envelopes)
	counted = min(max(accepted, 0), len(envelopes)) // the relay refuses an impossible number
	if failed, _ = errorType(err); failed == "" && counted < len(envelopes) {
		failed = otherError
	}
	return accepted, err
}

// create begins the spans of the events.
func (p *publisher) create(ctx context.Context, envelopes []outbox.Envelope) (spans []trace.Span, links []trace.Link) {
	for _, e := range envelopes {
		_, span := p.start(Continue(ctx, e), "create", trace.SpanKindProducer, trace.WithAttributes(
			attribute.String("messaging.message.id", e.ID), attribute.String("cloudevents.event_type", e.Type)))
		spans = append(spans, span)
		links = append(links, trace.Link{SpanContext: span.SpanContext()})
	}
	return spans, links
}

// start begins a span of messaging, named for operation and destination.
func (p *publisher) start(
	ctx context.Context, operation string, kind trace.SpanKind, opts ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	name := operation
	attributes := []attribute.KeyValue{
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.operation.type", operation),
	}
	if p.broker != "" {
		attributes = append(attributes, attribute.String("messaging.system", p.broker))
	}
	if p.destination != "" {
		name += " " + p.destination
		attributes = append(attributes, attribute.String("messaging.destination.name", p.destination))
	}
	opts = append(opts, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return p.tracer.Start(ctx, name, opts...)
}
