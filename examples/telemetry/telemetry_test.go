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
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, time.March, 1, 9, 0, 0, 0, time.UTC)

// shop sells 5 lamps, with a Telemetry whose spans and metrics stay in memory.
type shop struct {
	*allocation.Service
	tel    *Telemetry
	store  *memory.Store
	clock  *memory.Clock
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{
		store: memory.New(), clock: memory.NewClock(morning),
		spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader(),
	}
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans)).Tracer("test")
	var err error
	s.tel, err = New(tracer, sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader)).Meter("test"))
	require.NoError(t, err)
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
		Now: s.clock.Now, Backoff: time.Nanosecond,
		Attempt: s.tel.Attempt, Committed: s.tel.Committed, TraceParent: TraceParent,
	})
	// Without a cache, since a stale cached product does not count as a lost race.
	s.Service, err = allocation.New(units, &allocation.ServiceOptions{CacheSize: -1})
	require.NoError(t, err)
	require.NoError(t, s.AddBatch(t.Context(), allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 5}))
	s.spans.Reset()
	return s
}

// allocate asks for lamps under a span of the caller's own, and returns the span.
func (s *shop) allocate(
	t *testing.T, order allocation.OrderID, quantity allocation.Quantity,
) (trace.SpanContext, error) {
	t.Helper()
	ctx, span := s.tel.tracer.Start(t.Context(), "checkout")
	defer span.End()
	line := allocation.OrderLine{OrderID: order, SKU: "LAMP", Quantity: quantity}
	_, err := s.Allocate(ctx, allocation.Request{OrderLine: line})
	return span.SpanContext(), err
}

// named returns the spans of a name, in the order in which they ended.
func (s *shop) named(name string) (spans []tracetest.SpanStub) {
	for _, span := range s.spans.GetSpans() {
		if span.Name == name {
			spans = append(spans, span)
		}
	}
	return spans
}

// counts collects all metrics, as name and attributes.
func (s *shop) counts(t *testing.T) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &all))
	counts := map[string]float64{}
	note := func(name string, attributes attribute.Set, value float64) {
		counts[name+"{"+attributes.Encoded(attribute.DefaultEncoder())+"}"] = value
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					note(m.Name, point.Attributes, float64(point.Value))
				}
			case metricdata.Gauge[int64]:
				note(m.Name, data.DataPoints[0].Attributes, float64(data.DataPoints[0].Value))
			case metricdata.Gauge[float64]:
				note(m.Name, data.DataPoints[0].Attributes, data.DataPoints[0].Value)
			}
		}
	}
	return counts
}

func TestCommandsAttemptsConflictsAndEventsAreCounted(t *testing.T) {
	s := open(t)
	s.store.FailCommit(allocation.ErrConflict, allocation.ErrConflict)
	_, err := s.allocate(t, "order-1", 3)
	require.NoError(t, err)
	_, err = s.allocate(t, "order-1", 3)
	require.NoError(t, err, "a repeat commits nothing")
	_, err = s.allocate(t, "order-2", 3)
	require.ErrorAs(t, err, new(*allocation.OutOfStockError))
	assert.Equal(t, map[string]float64{
		"allocation.commands{op=AddBatch}": 1, "allocation.commands{op=Allocate}": 3,
		"allocation.attempts{op=AddBatch}": 1, "allocation.attempts{op=Allocate}": 5,
		"allocation.conflicts{op=Allocate}":     2,
		"allocation.commits{}":                  3,
		"allocation.events{kind=BatchAdded}":    1,
		"allocation.events{kind=LineAllocated}": 1,
		"allocation.events{kind=LineRefused}":   1,
	}, s.counts(t))
}

func TestEachAttemptIsASpanBelowTheCallers(t *testing.T) {
	s := open(t)
	failure := errors.New("disk full")
	s.store.FailCommit(allocation.ErrConflict, failure)
	caller, err := s.allocate(t, "order-1", 1)
	require.ErrorIs(t, err, failure)

	attempts := s.named("allocation.Allocate")
	require.Len(t, attempts, 2)
	for i, span := range attempts {
		assert.Equal(t, caller.TraceID(), span.SpanContext.TraceID())
		assert.Equal(t, caller.SpanID(), span.Parent.SpanID(), "attempts are siblings")
		assert.Equal(t, []attribute.KeyValue{attribute.Int("allocation.attempt", i+1)}, span.Attributes)
	}
	assert.Equal(t, codes.Unset, attempts[0].Status.Code, "a lost race is no error")
	assert.Equal(t, "lost a race", attempts[0].Events[0].Name)
	assert.Equal(t, codes.Error, attempts[1].Status.Code)
}

// broker accepts a limited number of events of each Publish.
type broker struct {
	accepts int
	got     []outbox.Envelope
}

func (b *broker) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	if len(envelopes) <= b.accepts {
		b.got = envelopes
		return len(envelopes), nil
	}
	b.got = envelopes[:b.accepts]
	return b.accepts, errors.New("quota used up")
}

// relay sends the unsent events in one Publish, and returns the accepted events.
func (s *shop) relay(t *testing.T, accepts int) []outbox.Envelope {
	t.Helper()
	b := &broker{accepts: accepts}
	ctx, stop := context.WithCancel(t.Context())
	relay := outbox.NewRelay(s.store, s.tel.Publisher(b), &outbox.Options{
		Now: s.clock.Now, Tries: 1,
		Settled: func(ctx context.Context, settlement outbox.Settlement) {
			s.tel.Settled(ctx, settlement)
			stop()
		},
	})
	require.NoError(t, relay.Run(ctx))
	return b.got
}

func TestSendingAndConsumingBelongToTheTraceOfTheCommand(t *testing.T) {
	s := open(t)
	s.store.FailCommit(allocation.ErrConflict)
	caller, err := s.allocate(t, "order-1", 1)
	require.NoError(t, err)

	sent := s.relay(t, 100)
	require.Len(t, sent, 2)
	send := s.named("send io.github.cosmic-go.allocation.LineAllocated.v1")
	require.Len(t, send, 1)
	assert.Equal(t, caller.TraceID(), send[0].SpanContext.TraceID())
	assert.Equal(t, caller.SpanID(), send[0].Parent.SpanID())
	assert.True(t, send[0].Parent.IsRemote())
	assert.Equal(t, trace.SpanKindProducer, send[0].SpanKind)

	// A consumer in another process has the message alone.
	message, err := json.Marshal(sent[1])
	require.NoError(t, err)
	var received outbox.Envelope
	require.NoError(t, json.Unmarshal(message, &received))
	_, span := s.tel.tracer.Start(Continue(t.Context(), received), "mail", trace.WithSpanKind(trace.SpanKindConsumer))
	span.End()
	mail := s.named("mail")[0]
	assert.Equal(t, caller.TraceID(), mail.SpanContext.TraceID())
	assert.Equal(t, caller.SpanID(), mail.Parent.SpanID())
}

func TestSendingBeginsATraceWithoutASpanOfTheCaller(t *testing.T) {
	s := open(t)
	assert.Empty(t, TraceParent(t.Context()))
	_, err := s.tel.Publisher(&broker{accepts: 1}).Publish(t.Context(), []outbox.Envelope{{Type: "untraced"}})
	require.NoError(t, err)
	send := s.named("send untraced")[0]
	assert.True(t, send.SpanContext.IsValid())
	assert.False(t, send.Parent.IsValid())
}

func TestSentFailedAndUnsentEventsAreMeasured(t *testing.T) {
	s := open(t)
	require.NoError(t, s.tel.Watch(s.store, s.clock.Now))
	s.clock.Advance(time.Minute)
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		_, err := s.allocate(t, order, 1)
		require.NoError(t, err)
	}
	s.clock.Advance(time.Minute)
	counts := s.counts(t)
	assert.InDelta(t, 3, counts["allocation.outbox.unsent{}"], 0)
	assert.InDelta(t, 120, counts["allocation.outbox.age{}"], 0, "the batch was announced two minutes ago")

	s.relay(t, 1)
	counts = s.counts(t)
	assert.InDelta(t, 1, counts["allocation.sent{}"], 0)
	assert.InDelta(t, 1, counts["allocation.failures{dead=true}"], 0)
	assert.InDelta(t, 2, counts["allocation.outbox.unsent{}"], 0)
	assert.InDelta(t, 60, counts["allocation.outbox.age{}"], 0)
	send := s.named("send io.github.cosmic-go.allocation.LineAllocated.v1")
	require.Len(t, send, 2)
	assert.Equal(t, codes.Error, send[0].Status.Code, "it was not accepted")

	require.NoError(t, s.store.Retry(t.Context(), "LAMP"))
	s.relay(t, 100)
	counts = s.counts(t)
	assert.InDelta(t, 3, counts["allocation.sent{}"], 0)
	assert.InDelta(t, 0, counts["allocation.outbox.unsent{}"], 0)
	assert.InDelta(t, 0, counts["allocation.outbox.age{}"], 0)
}
