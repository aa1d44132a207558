package telemetry

import (
	"context"
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

// shop sells 5 lamps. The spans and metrics of its Telemetry stay in memory.
type shop struct {
	*allocation.Service
	tel    *Telemetry
	host   trace.Tracer
	store  *memory.Store
	clock  *memory.Clock
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
}

// uncached are settings without a cache, for tests that lose races: a stale cached product counts as no lost race.
var uncached = allocation.ServiceOptions{CacheSize: -1}

// open returns a shop with further settings of the host.
func open(t *testing.T, opts Options) *shop {
	t.Helper()
	s := &shop{
		store: memory.New(), clock: memory.NewClock(morning),
		spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader(),
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	s.host = tracers.Tracer("host")
	opts.TracerProvider, opts.MeterProvider = tracers, sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	opts.UnitOfWork.Now, opts.UnitOfWork.Backoff = s.clock.Now, time.Nanosecond
	opts.Relay.Now, opts.Relay.Tries = s.clock.Now, 1
	opts.Store = s.store
	var store allocation.Store = s.store
	if opts.UnitOfWork.LockFirst {
		store = locking{s.store}
	}
	var err error
	s.tel, err = New(&opts)
	require.NoError(t, err)
	s.Service, err = allocation.New(allocation.NewUnitOfWork(store, &s.tel.UnitOfWork), &s.tel.Service)
	require.NoError(t, err)
	require.NoError(t, s.AddBatch(t.Context(), allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 5}))
	s.spans.Reset()
	return s
}

// locking is a store with locks that nobody else wants.
type locking struct{ *memory.Store }

func (l locking) Locked(_ context.Context, fn func(allocation.Store) error) error { return fn(l.Store) }

func lamps(order allocation.OrderID, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: "LAMP", Quantity: quantity}}
}

// allocate asks for lamps under a span of the caller's own, and returns the span.
func (s *shop) allocate(
	t *testing.T, order allocation.OrderID, quantity allocation.Quantity,
) (trace.SpanContext, error) {
	t.Helper()
	ctx, span := s.host.Start(t.Context(), "checkout")
	defer span.End()
	_, err := s.Allocate(ctx, lamps(order, quantity))
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

// collect reads all metrics.
func (s *shop) collect(t *testing.T) []metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &all))
	require.Len(t, all.ScopeMetrics, 1)
	assert.Equal(t, scope, all.ScopeMetrics[0].Scope.Name)
	return all.ScopeMetrics[0].Metrics
}

// counts collects all metrics, as name and attributes. A histogram counts its values.
func (s *shop) counts(t *testing.T) map[string]float64 {
	t.Helper()
	counts := map[string]float64{}
	for _, m := range s.collect(t) {
		for _, point := range points(m) {
			counts[m.Name+"{"+point.attributes.Encoded(attribute.DefaultEncoder())+"}"] = point.value
		}
	}
	return counts
}

// point is a value of a metric, or the number of values of a histogram.
type point struct {
	attributes attribute.Set
	value      float64
}

func points(m metricdata.Metrics) (list []point) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			list = append(list, point{p.Attributes, float64(p.Value)})
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			list = append(list, point{p.Attributes, float64(p.Value)})
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			list = append(list, point{p.Attributes, p.Value})
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			list = append(list, point{p.Attributes, float64(p.Count)})
		}
	}
	return list
}

// only drops the metrics whose names don't begin with one of the prefixes.
func only(counts map[string]float64, prefixes ...string) map[string]float64 {
	some := map[string]float64{}
	for name, value := range counts {
		for _, prefix := range prefixes {
			if len(name) >= len(prefix) && name[:len(prefix)] == prefix {
				some[name] = value
			}
		}
	}
	return some
}

func TestCommandsAttemptsConflictsRefusalsAndEventsAreCounted(t *testing.T) {
	s := open(t, Options{Service: uncached})
	s.store.FailCommit(allocation.ErrConflict, allocation.ErrConflict)
	_, err := s.allocate(t, "order-1", 3)
	require.NoError(t, err)
	_, err = s.allocate(t, "order-1", 3)
	require.NoError(t, err, "a repeat commits nothing")
	for range 2 {
		_, err = s.allocate(t, "order-2", 3)
		require.ErrorAs(t, err, new(*allocation.OutOfStockError))
	}
	_, err = s.Cancel(t.Context(), "nobody")
	require.ErrorIs(t, err, allocation.ErrNotFound)
	assert.Equal(t, map[string]float64{
		"allocation.command.duration{allocation.operation=AddBatch}":                         1,
		"allocation.command.duration{allocation.operation=Allocate}":                         2,
		"allocation.command.duration{allocation.operation=Allocate,error.type=out_of_stock}": 2,
		"allocation.command.duration{allocation.operation=Cancel,error.type=not_found}":      1,

		"allocation.refusals{allocation.operation=Allocate}": 2,

		"allocation.attempts{allocation.operation=AddBatch}":                     1,
		"allocation.attempts{allocation.operation=Allocate}":                     4,
		"allocation.attempts{allocation.operation=Allocate,error.type=conflict}": 2,
		"allocation.attempts{allocation.operation=Cancel,error.type=not_found}":  1,

		"allocation.conflicts{allocation.operation=Allocate}": 2,
		"allocation.commit.duration{}":                        3,
		"allocation.commit.duration{error.type=conflict}":     2,

		"allocation.events{allocation.event.kind=BatchAdded}":    1,
		"allocation.events{allocation.event.kind=LineAllocated}": 1,
		"allocation.events{allocation.event.kind=LineRefused}":   1,
		"allocation.group.size{}":                                6,
	}, only(s.counts(t), "allocation.c", "allocation.refusals", "allocation.attempts", "allocation.events",
		"allocation.group"))
}

func TestLookupsInTheCacheAreCounted(t *testing.T) {
	s := open(t, Options{Service: allocation.ServiceOptions{CacheSize: 10}})
	for _, order := range []allocation.OrderID{"order-1", "order-2"} {
		_, err := s.allocate(t, order, 1)
		require.NoError(t, err)
	}
	_, err := s.Cancel(t.Context(), "order-1", "LAMP")
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{
		"allocation.cache.lookups{allocation.cache.hit=true}":  2,
		"allocation.cache.lookups{allocation.cache.hit=false}": 2, // of the announcement and of Cancel
	}, only(s.counts(t), "allocation.cache"))
}

func TestOrdersOfABulkAreCountedAndHaveNoSpans(t *testing.T) {
	s := open(t, Options{})
	_, errs := s.AllocateEach(t.Context(), [][]allocation.Request{
		{lamps("order-1", 5)}, {lamps("order-2", 1)}, {lamps("order-3", 1)},
	})
	require.NoError(t, errs[0])
	assert.Equal(t, map[string]float64{
		"allocation.command.duration{allocation.operation=AddBatch}":                             1,
		"allocation.command.duration{allocation.operation=AllocateEach}":                         1,
		"allocation.command.duration{allocation.operation=AllocateEach,error.type=out_of_stock}": 2,
		"allocation.refusals{allocation.operation=AllocateEach}":                                 2,
	}, only(s.counts(t), "allocation.command", "allocation.refusals"))
	assert.Empty(t, s.named("allocation.AllocateEach"))
	assert.Len(t, s.named("allocation.attempt"), 1, "the group of all three")
}

func TestAttemptsAreSpansBelowTheCommandBelowTheCaller(t *testing.T) {
	s := open(t, Options{Service: uncached})
	failure := errors.New("disk full")
	s.store.FailCommit(allocation.ErrConflict, failure)
	caller, err := s.allocate(t, "order-1", 1)
	require.ErrorIs(t, err, failure)

	commands := s.named("allocation.Allocate")
	require.Len(t, commands, 1)
	command := commands[0]
	assert.Equal(t, caller.TraceID(), command.SpanContext.TraceID())
	assert.Equal(t, caller.SpanID(), command.Parent.SpanID())
	assert.Equal(t, codes.Error, command.Status.Code)

	attempts := s.named("allocation.attempt")
	require.Len(t, attempts, 2)
	for i, span := range attempts {
		assert.Equal(t, command.SpanContext.SpanID(), span.Parent.SpanID(), "attempts are siblings")
		assert.Contains(t, span.Attributes, attribute.Int("allocation.attempt", i+1))
		assert.Contains(t, span.Attributes, attribute.String("allocation.operation", "Allocate"))
	}
	assert.Equal(t, codes.Unset, attempts[0].Status.Code, "a lost race is no failure")
	assert.Contains(t, attempts[0].Attributes, attribute.String("error.type", "conflict"))
	assert.Equal(t, codes.Error, attempts[1].Status.Code)
	assert.Contains(t, attempts[1].Attributes, attribute.String("error.type", "_OTHER"))
}

func TestARefusalLeavesTheStatusOfTheSpan(t *testing.T) {
	s := open(t, Options{})
	_, err := s.allocate(t, "order-1", 6)
	require.Error(t, err)
	command := s.named("allocation.Allocate")[0]
	assert.Equal(t, codes.Unset, command.Status.Code)
	assert.Contains(t, command.Attributes, attribute.String("error.type", "out_of_stock"))
}

// A caller who has left is measured all the same.
func TestAMeasurementUnderAnEndedContextCounts(t *testing.T) {
	s := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Allocate(ctx, lamps("order-1", 1))
	require.ErrorIs(t, err, context.Canceled)
	name := "allocation.command.duration{allocation.operation=Allocate,error.type=canceled}"
	assert.InDelta(t, 1, s.counts(t)[name], 0)
}

func TestErrorsHaveNames(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		want     string
		expected bool
	}{
		"none":                {nil, "", true},
		"lost every race":     {allocation.ErrConflict, "conflict", false},
		"left while it ran":   {errors.Join(allocation.ErrUnknownOutcome, context.Canceled), "unknown_outcome", false},
		"refused":             {&allocation.OutOfStockError{}, "out_of_stock", true},
		"refused, unrecorded": {errors.Join(&allocation.OutOfStockError{}, allocation.ErrConflict), "conflict", false},
		"mismatch":            {&allocation.Error{Err: allocation.ErrMismatch}, "mismatch", true},
		"of a driver":         {errors.New("order 17: broken pipe"), "_OTHER", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, expected := errorType(c.err)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.expected, expected)
		})
	}
}

// No attribute of a metric names a product, an order or a batch.
func TestAttributesOfMetricsAreBounded(t *testing.T) {
	s := open(t, Options{Service: allocation.ServiceOptions{CacheSize: 10}})
	s.everything(t)
	keys := map[string]bool{}
	for _, m := range s.collect(t) {
		for _, p := range points(m) {
			for _, a := range p.attributes.ToSlice() {
				keys[string(a.Key)] = true
				assert.NotContains(t, a.Value.Emit(), "LAMP", "%s", m.Name)
				assert.NotContains(t, a.Value.Emit(), "order-", "%s", m.Name)
			}
		}
	}
	assert.Equal(t, map[string]bool{
		"allocation.operation": true, "allocation.event.kind": true, "allocation.cache.hit": true,
		"allocation.outbox.dead": true, "error.type": true,
	}, keys)
}

// everything makes every metric.
func (s *shop) everything(t *testing.T) {
	t.Helper()
	s.store.FailCommit(nil, allocation.ErrConflict, allocation.ErrConflict)
	for _, order := range []allocation.OrderID{"order-1", "order-2", "order-3"} {
		_, err := s.allocate(t, order, 1)
		require.NoError(t, err)
	}
	_, err := s.allocate(t, "order-4", 9)
	require.Error(t, err)
	s.relay(t, &broker{accepts: 1})
}

func TestTheHostsOwnHooksAreCalled(t *testing.T) {
	var calls []string
	note := func(name string) func(error) {
		calls = append(calls, name)
		return func(error) { calls = append(calls, "end of "+name) }
	}
	s := open(t, Options{
		UnitOfWork: allocation.UnitOfWorkOptions{
			Attempt: func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
				return ctx, note("attempt of " + op)
			},
			Commit:      func(context.Context) func(error) { return note("commit") },
			Committed:   func(context.Context, []allocation.Event) { note("committed") },
			TraceParent: func(context.Context) string { note("trace parent"); return "" },
		},
		Service: allocation.ServiceOptions{
			CacheSize:   10,
			Command:     func(ctx context.Context, op string) (context.Context, func(error)) { return ctx, note(op) },
			Group:       func(context.Context, int) { note("group") },
			CacheLookup: func(context.Context, allocation.SKU, bool) { note("lookup") },
		},
		Relay: outbox.Options{Settled: func(context.Context, outbox.Settlement) { note("settled") }},
	})
	calls = nil
	_, err := s.allocate(t, "order-1", 1)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"Allocate", "trace parent", "group", "attempt of Allocate", "lookup", "commit", "end of commit",
		"end of attempt of Allocate", "committed", "end of Allocate",
	}, calls)
	assert.Len(t, s.named("allocation.attempt"), 1, "and so are those of New")
	calls = nil
	s.relay(t, &broker{accepts: 100})
	assert.Equal(t, []string{"settled"}, calls)
}

func TestSettingsThatForbidAHookLeaveItOut(t *testing.T) {
	for name, opts := range map[string]Options{
		"no group commit": {Service: allocation.ServiceOptions{NoGroupCommit: true}},
		"no cache":        {Service: uncached},
		"locks":           {UnitOfWork: allocation.UnitOfWorkOptions{LockFirst: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, opts) // fails if New of the Service refuses a hook
			_, err := s.allocate(t, "order-1", 1)
			require.NoError(t, err)
			name := "allocation.command.duration{allocation.operation=Allocate}"
			assert.InDelta(t, 1, s.counts(t)[name], 0)
		})
	}
}
