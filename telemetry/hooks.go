package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/cosmic-go/allocation"
)

// hookUnitOfWork puts the hooks before those of the host.
func (t *Telemetry) hookUnitOfWork() {
	o := &t.UnitOfWork
	if host := o.Attempt; host == nil {
		o.Attempt = t.attempt
	} else {
		o.Attempt = func(ctx context.Context, op string, number int) (context.Context, func(error)) {
			ctx, end := t.attempt(ctx, op, number)
			ctx, hostEnd := host(ctx, op, number)
			return ctx, both(hostEnd, end)
		}
	}
	if host := o.Committed; host == nil {
		o.Committed = t.committed
	} else {
		o.Committed = func(ctx context.Context, events []allocation.Event) {
			t.committed(ctx, events)
			host(ctx, events)
		}
	}
	if host := o.Commit; host == nil {
		o.Commit = t.commit
	} else {
		o.Commit = func(ctx context.Context) func(error) { return both(host(ctx), t.commit(ctx)) }
	}
	if o.TraceParent == nil {
		o.TraceParent = traceParent
	}
}

// hookService puts the hooks before those of the host, as far as the settings allow hooks.
func (t *Telemetry) hookService() {
	o := &t.Service
	if host := o.Command; host == nil {
		o.Command = t.command
	} else {
		o.Command = func(ctx context.Context, op string) (context.Context, func(error)) {
			ctx, end := t.command(ctx, op)
			ctx, hostEnd := host(ctx, op)
			return ctx, both(hostEnd, end)
		}
	}
	if o.NoGroupCommit {
		return
	}
	if host := o.Group; host == nil {
		o.Group = t.group
	} else {
		o.Group = func(ctx context.Context, commands int) { t.group(ctx, commands); host(ctx, commands) }
	}
	if o.CacheSize < 0 || t.UnitOfWork.LockFirst {
		return
	}
	if host := o.CacheLookup; host == nil {
		o.CacheLookup = t.lookup
	} else {
		o.CacheLookup = func(ctx context.Context, sku allocation.SKU, hit bool) {
			t.lookup(ctx, sku, hit)
			host(ctx, sku, hit)
		}
	}
}

// both returns a function that calls two functions, of which the first may be nil.
func both(first, second func(error)) func(error) {
	if first == nil {
		return second
	}
	return func(err error) { first(err); second(err) }
}

// inBulk is the operation whose commands have no spans.
const inBulk = "AllocateEach"

// command is the hook Command.
func (t *Telemetry) command(ctx context.Context, op string) (context.Context, func(error)) {
	begun := time.Now()
	var span trace.Span
	if op != inBulk {
		ctx, span = t.tracer.Start(ctx, "allocation."+op, trace.WithAttributes(keyOperation.String(op)))
	}
	return ctx, func(err error) {
		failed, expected := errorType(err)
		t.metrics.commands.Record(ctx, time.Since(begun).Seconds(), t.metrics.sets.of(labels{keyOperation, op, failed}))
		if isRefusal(err) {
			t.metrics.refusals.Add(ctx, 1, t.metrics.sets.of(labels{key: keyOperation, value: op}))
		}
		if span != nil {
			end(span, err, failed, expected)
		}
	}
}

// end ends a span of a command or of an attempt.
func end(span trace.Span, err error, failed string, expected bool) {
	if err != nil {
		span.SetAttributes(keyError.String(failed))
	}
	if !expected {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// attempt is the hook Attempt. To an attempt a lost race is no failure, because another attempt may follow.
func (t *Telemetry) attempt(ctx context.Context, op string, number int) (context.Context, func(error)) {
	attributes := []attribute.KeyValue{keyOperation.String(op), keyAttempt.Int(number)}
	ctx, span := t.tracer.Start(ctx, "allocation.attempt", trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		failed, expected := errorType(err)
		t.metrics.attempts.Add(ctx, 1, t.metrics.sets.of(labels{keyOperation, op, failed}))
		if failed == "conflict" {
			t.metrics.conflicts.Add(ctx, 1, t.metrics.sets.of(labels{key: keyOperation, value: op}))
			expected = true
		}
		end(span, err, failed, expected)
	}
}

// commit is the hook Commit.
func (t *Telemetry) commit(ctx context.Context) func(error) {
	begun := time.Now()
	return func(err error) {
		failed, _ := errorType(err)
		t.metrics.commits.Record(ctx, time.Since(begun).Seconds(), t.metrics.sets.of(labels{failed: failed}))
	}
}

// committed is the hook Committed.
func (t *Telemetry) committed(ctx context.Context, events []allocation.Event) {
	for _, e := range events {
		t.metrics.events.Add(ctx, 1, t.metrics.sets.of(labels{key: keyKind, value: e.Kind()}))
	}
}

// group is the hook Group.
func (t *Telemetry) group(ctx context.Context, commands int) {
	t.metrics.groups.Record(ctx, float64(commands))
}

// lookup is the hook CacheLookup.
func (t *Telemetry) lookup(ctx context.Context, _ allocation.SKU, hit bool) {
	t.metrics.lookups.Add(ctx, 1, truth(keyHit, hit))
}

// traceParent is the hook TraceParent.
func traceParent(ctx context.Context) string {
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	return headers.Get("traceparent")
}
