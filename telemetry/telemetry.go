package telemetry

import (
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// scope is the name of tracer and meter.
const scope = "github.com/cosmic-go/allocation/telemetry"

// Options are the settings of [New]. Zero values mean the defaults.
type Options struct {
	// TracerProvider and MeterProvider are OpenTelemetry's global providers by default.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider

	// UnitOfWork, Service and Relay are the host's settings. New adds hooks, which are called before the host's own
	// hooks. A host's TraceParent takes the place of the hook of New.
	UnitOfWork allocation.UnitOfWorkOptions
	Service    allocation.ServiceOptions
	Relay      outbox.Options

	// Store, if set, is asked for the gauges whenever metrics are collected: for unsent events and dead letters if
	// Store is an [outbox.Maintainer], for lapsed holds and overdue shipments if Store is a DueReader of package
	// views, and for waiting lines if Store is a ListReader and a QueueReader. Each gauge is a query of the database.
	// Backlog reads a row for each commit with unsent events, and the gauge of waiting lines two to five entries of an
	// index for each line, of at most 10,000 products. Of the other lists at most 10,000 rows are read, so a count of
	// 10,000 means at least so many. Every process with a Store measures the same database: take the greatest value, or
	// set Store in a single process.
	Store allocation.Store

	// Broker and Destination are the attributes messaging.system, such as "kafka", and messaging.destination.name of
	// the publisher's spans.
	Broker      string
	Destination string
}

// Telemetry has the options that measure and trace. A Telemetry is safe for concurrent use, and serves any number of
// units of work, Services and relays.
type Telemetry struct {
	UnitOfWork allocation.UnitOfWorkOptions // for allocation.NewUnitOfWork
	Service    allocation.ServiceOptions    // for allocation.New
	Relay      outbox.Options               // for outbox.NewRelay

	tracer      trace.Tracer
	metrics     *instruments
	now         func() time.Time // of the gauges
	broker      string
	destination string
	gauges      []metric.Registration
}

// New returns the options of a unit of work, a Service and a relay, with hooks that measure and trace. opts may be nil.
// New returns an error if the meter refuses an instrument.
//
// A hook that the settings of the Service forbid is left out: Group and CacheLookup without group commit, CacheLookup
// without a cache. Inside a transaction of the host use [allocation.Service.Inside], which has the hooks of the Service
// outside; NewUnitOfWork over a store in a transaction refuses the hook Committed.
func New(opts *Options) (*Telemetry, error) {
	if opts == nil {
		opts = &Options{}
	}
	tracers, meters := opts.TracerProvider, opts.MeterProvider
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	meter := meters.Meter(scope)
	metrics, err := newInstruments(meter)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{
		UnitOfWork: opts.UnitOfWork, Service: opts.Service, Relay: opts.Relay,
		tracer: tracers.Tracer(scope), metrics: metrics, now: opts.UnitOfWork.Now,
		broker: opts.Broker, destination: opts.Destination,
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.hookUnitOfWork()
	t.hookService()
	t.hookRelay()
	if err := t.watch(meter, opts.Store); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Close ends the gauges. A further Close does nothing. Close must not be called by two goroutines at a time.
func (t *Telemetry) Close() error {
	var errs []error
	for _, gauge := range t.gauges {
		errs = append(errs, gauge.Unregister())
	}
	t.gauges = nil
	return errors.Join(errs...)
}

// instruments are the counters and histograms.
type instruments struct {
	commands, commits, groups, sends metric.Float64Histogram

	refusals, attempts, conflicts, lookups, events, sent, failures metric.Int64Counter

	sets sets
}

// Bounds of histograms. Those of durations, in seconds, are the bounds of db.client.operation.duration.
var (
	durations = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}
	sizes     = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
)

func newInstruments(meter metric.Meter) (*instruments, error) {
	m := &instruments{}
	var errs []error
	histogram := func(to *metric.Float64Histogram, name, unit, description string, bounds []float64) {
		var err error
		*to, err = meter.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(bounds...))
		errs = append(errs, err)
	}
	counter := func(to *metric.Int64Counter, name, unit, description string) {
		var err error
		*to, err = meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
	}
	histogram(&m.commands, "allocation.command.duration", "s", "Duration of a command for its caller.", durations)
	histogram(&m.commits, "allocation.commit.duration", "s", "Duration of a commit of the store.", durations)
	histogram(&m.groups, "allocation.group.size", "{command}", "Number of commands that share a commit.", sizes)
	histogram(&m.sends, "allocation.outbox.send.duration", "s", "Duration of a call of the publisher.", durations)
	counter(&m.refusals, "allocation.refusals", "{refusal}", "Number of commands that ended out of stock.")
	counter(&m.attempts, "allocation.attempts", "{attempt}", "Number of attempts of units of work.")
	counter(&m.conflicts, "allocation.conflicts", "{conflict}", "Number of attempts that lost a race.")
	counter(&m.lookups, "allocation.cache.lookups", "{lookup}", "Number of products looked for in the cache.")
	counter(&m.events, "allocation.events", "{event}", "Number of committed events.")
	counter(&m.sent, "allocation.outbox.sent", "{event}", "Number of events that the publisher accepted.")
	counter(&m.failures, "allocation.outbox.failures", "{failure}", "Number of failed tries to send an event.")
	return m, errors.Join(errs...)
}
