package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// broker accepts a limited number of events of each Publish.
type broker struct {
	accepts int
	got     []outbox.Envelope
	parent  trace.SpanContext // of the calls
}

func (b *broker) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
	b.parent = trace.SpanContextFromContext(ctx)
	if len(envelopes) <= b.accepts {
		b.got = envelopes
		return len(envelopes), nil
	}
	b.got = envelopes[:b.accepts]
	return b.accepts, errors.New("quota used up")
}

// relay sends the unsent events in one Publish.
func (s *shop) relay(t *testing.T, b outbox.Publisher) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	opts := s.tel.Relay
	hook := opts.Settled
	opts.Settled = func(ctx context.Context, settlement outbox.Settlement) { hook(ctx, settlement); stop() }
	require.NoError(t, outbox.NewRelay(s.store, s.tel.Publisher(b), &opts).Run(ctx))
}

// ofType returns the spans of the events of a kind.
func (s *shop) ofType(kind string) (spans []tracetest.SpanStub) {
	name := attribute.String("cloudevents.event_type", "io.github.cosmic-go.allocation."+kind+".v1")
	for _, span := range s.named("create stock") {
		for _, a := range span.Attributes {
			if a == name {
				spans = append(spans, span)
			}
		}
	}
	return spans
}

func TestSendingAndConsumingBelongToTheTraceOfTheCommand(t *testing.T) {
	s := open(t, Options{Broker: "kafka", Destination: "stock", Service: uncached})
	s.store.FailCommit(allocation.ErrConflict)
	caller, err := s.allocate(t, "order-1", 1)
	require.NoError(t, err)
	command := s.named("allocation.Allocate")[0].SpanContext

	b := &broker{accepts: 100}
	s.relay(t, b)
	require.Len(t, b.got, 2)
	created := s.ofType("LineAllocated")
	require.Len(t, created, 1)
	assert.Equal(t, caller.TraceID(), created[0].SpanContext.TraceID())
	assert.Equal(t, command.SpanID(), created[0].Parent.SpanID())
	assert.True(t, created[0].Parent.IsRemote())
	assert.Equal(t, trace.SpanKindProducer, created[0].SpanKind)
	assert.Contains(t, created[0].Attributes, attribute.String("messaging.message.id", b.got[1].ID))

	sends := s.named("send stock")
	require.Len(t, sends, 1)
	assert.Equal(t, trace.SpanKindClient, sends[0].SpanKind)
	assert.Equal(t, b.parent.SpanID(), sends[0].SpanContext.SpanID(), "the broker's client is called within the span")
	require.Len(t, sends[0].Links, 2)
	assert.Equal(t, created[0].SpanContext.SpanID(), sends[0].Links[1].SpanContext.SpanID())
	for _, want := range []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"), attribute.String("messaging.destination.name", "stock"),
		attribute.String("messaging.operation.name", "send"), attribute.String("messaging.operation.type", "send"),
		attribute.Int("messaging.batch.message_count", 2),
	} {
		assert.Contains(t, sends[0].Attributes, want)
	}

	// A consumer in another process has the message alone.
	message, err := json.Marshal(b.got[1])
	require.NoError(t, err)
	var received outbox.Envelope
	require.NoError(t, json.Unmarshal(message, &received))
	_, span := s.host.Start(Continue(t.Context(), received), "mail", trace.WithSpanKind(trace.SpanKindConsumer))
	span.End()
	mail := s.named("mail")[0]
	assert.Equal(t, caller.TraceID(), mail.SpanContext.TraceID())
	assert.Equal(t, command.SpanID(), mail.Parent.SpanID())
}

func TestSendingBeginsATraceWithoutASpanOfTheCaller(t *testing.T) {
	s := open(t, Options{})
	assert.Empty(t, traceParent(t.Context()))
	_, err := s.tel.Publisher(&broker{accepts: 1}).Publish(t.Context(), []outbox.Envelope{{Type: "untraced"}})
	require.NoError(t, err)
	created := s.named("create")[0]
	assert.True(t, created.SpanContext.IsValid())
	assert.False(t, created.Parent.IsValid())
}

func TestSentFailedDeadAndUnsentEventsAreMeasured(t *testing.T) {
	s := open(t, Options{Destination: "stock"})
	s.clock.Advance(time.Minute)
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		_, err := s.allocate(t, order, 1)
		require.NoError(t, err)
	}
	s.clock.Advance(time.Minute)
	assert.Equal(t, map[string]float64{
		"allocation.outbox.backlog{}": 3, "allocation.outbox.dead_letter.count{}": 0,
		"allocation.outbox.age{}": 120, // the batch was announced two minutes ago
	}, only(s.counts(t), "allocation.outbox"))

	s.relay(t, &broker{accepts: 1})
	assert.Equal(t, map[string]float64{
		"allocation.outbox.sent{}": 1, "allocation.outbox.send.duration{error.type=_OTHER}": 1,
		"allocation.outbox.failures{allocation.outbox.dead=true}": 1,
		"allocation.outbox.backlog{}":                             2, "allocation.outbox.dead_letter.count{}": 1,
		"allocation.outbox.age{}": 60,
	}, only(s.counts(t), "allocation.outbox"))
	created := s.ofType("LineAllocated")
	require.Len(t, created, 2)
	assert.Equal(t, codes.Error, created[0].Status.Code, "it was not accepted")
	assert.Equal(t, codes.Unset, s.ofType("BatchAdded")[0].Status.Code)
	assert.Equal(t, codes.Error, s.named("send stock")[0].Status.Code)

	require.NoError(t, s.store.Retry(t.Context(), "LAMP"))
	s.relay(t, &broker{accepts: 100})
	counts := s.counts(t)
	assert.InDelta(t, 3, counts["allocation.outbox.sent{}"], 0)
	assert.InDelta(t, 1, counts["allocation.outbox.send.duration{}"], 0)
	assert.InDelta(t, 0, counts["allocation.outbox.backlog{}"], 0)
	assert.InDelta(t, 0, counts["allocation.outbox.age{}"], 0)
	assert.InDelta(t, 0, counts["allocation.outbox.dead_letter.count{}"], 0)
}

func TestAPublisherThatPanicsOrMiscountsIsMeasured(t *testing.T) {
	s := open(t, Options{})
	event := []outbox.Envelope{{Type: "untraced"}}
	panicking := s.tel.Publisher(publish(func([]outbox.Envelope) (int, error) { panic("broker") }))
	assert.Panics(t, func() { _, _ = panicking.Publish(t.Context(), event) })
	miscounting := s.tel.Publisher(publish(func([]outbox.Envelope) (int, error) { return 7, nil }))
	accepted, err := miscounting.Publish(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, 7, accepted, "the relay gets the number that the publisher returned")
	counts := s.counts(t)
	assert.InDelta(t, 1, counts["allocation.outbox.sent{}"], 0)
	assert.InDelta(t, 1, counts["allocation.outbox.send.duration{error.type=_OTHER}"], 0)
	created := s.named("create")
	require.Len(t, created, 2)
	assert.Equal(t, codes.Error, created[0].Status.Code)
}

// publish is a publisher.
type publish func(envelopes []outbox.Envelope) (int, error)

func (p publish) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	return p(envelopes)
}
