// Package telemetry measures and traces package allocation with OpenTelemetry, from the library's hooks alone. A host
// copies telemetry.go and relay.go and adapts the copies. The tests show every metric and span; run the tests from the
// folder examples:
//
//	go test -v ./telemetry
//
// A reader learns which hooks the library and the relay have, and which numbers are worth an alarm. Look at the wiring
// first, one line for each hook:
//
//	tel, err := telemetry.New(tracer, meter)
//	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
//		Attempt: tel.Attempt, Committed: tel.Committed, TraceParent: telemetry.TraceParent,
//	})
//	relay := outbox.NewRelay(store, tel.Publisher(publisher), &outbox.Options{Settled: tel.Settled})
//	err = tel.Watch(store, time.Now)
//
// A command's attempts are spans below the caller's span. Each event carries the trace parent of the caller who caused
// the event, so that sending and consuming belong to the caller's trace, minutes later and in other processes.
package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/cosmic-go/allocation"
)

// Telemetry counts and traces. A Telemetry is safe for concurrent use.
type Telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter

	commands, attempts, conflicts, commits, events metric.Int64Counter // of units of work
	sent, failures                                 metric.Int64Counter // of relays
}

// New returns a Telemetry with counters of the meter.
func New(tracer trace.Tracer, meter metric.Meter) (*Telemetry, error) {
	t := &Telemetry{tracer: tracer, meter: meter}
	var errs []error
	for name, counter := range map[string]*metric.Int64Counter{
		"allocation.commands":  &t.commands,
		"allocation.attempts":  &t.attempts,
		"allocation.conflicts": &t.conflicts,
		"allocation.commits":   &t.commits,
		"allocation.events":    &t.events,
		"allocation.sent":      &t.sent,
		"allocation.failures":  &t.failures,
	} {
		var err error
		*counter, err = meter.Int64Counter(name)
		errs = append(errs, err)
	}
	return t, errors.Join(errs...)
}

// Attempt is for [allocation.UnitOfWorkOptions].Attempt: a span for each attempt, and counters by method. Many
// attempts for few commands, and many conflicts, mean that callers compete for the same products.
func (t *Telemetry) Attempt(ctx context.Context, op string, number int) (context.Context, func(error)) {
	by := metric.WithAttributes(attribute.String("op", op))
	if number == 1 {
		t.commands.Add(ctx, 1, by)
	}
	t.attempts.Add(ctx, 1, by)
	attempt := trace.WithAttributes(attribute.Int("allocation.attempt", number))
	ctx, span := t.tracer.Start(ctx, "allocation."+op, attempt)
	return ctx, func(err error) {
		defer span.End()
		switch {
		case errors.Is(err, allocation.ErrConflict):
			t.conflicts.Add(ctx, 1, by)
			span.AddEvent("lost a race")
		case err != nil:
			span.SetStatus(codes.Error, err.Error())
		}
	}
}

// Committed is for [allocation.UnitOfWorkOptions].Committed: counters of commits, and of events by kind.
// LineRefused counts sales lost to shortages, LineReleased counts lines whose customers need a message.
func (t *Telemetry) Committed(ctx context.Context, events []allocation.Event) {
	t.commits.Add(ctx, 1)
	for _, e := range events {
		t.events.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", e.Kind())))
	}
}

// TraceParent is for [allocation.UnitOfWorkOptions].TraceParent. The library calls TraceParent under the caller's
// context, so that events belong to the caller's span.
func TraceParent(ctx context.Context) string {
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	return headers.Get("traceparent")
}
