package telemetry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

func TestLapsedHoldsAndOverdueShipmentsAreMeasured(t *testing.T) {
	s := open(t, Options{})
	due := []string{"allocation.hold", "allocation.shipment"}
	eta := morning.Add(time.Hour)
	require.NoError(t, s.AddBatch(t.Context(), allocation.Batch{Ref: "ship", SKU: "LAMP", Purchased: 9, ETA: eta}))
	hold := lamps("order-1", 1)
	hold.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), hold)
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{
		"allocation.hold.lapsed.count{}": 0, "allocation.hold.lapsed.age{}": 0,
		"allocation.shipment.overdue.count{}": 0,
	}, only(s.counts(t), due...))

	s.clock.Advance(2 * time.Hour)
	assert.Equal(t, map[string]float64{
		"allocation.hold.lapsed.count{}": 1, "allocation.hold.lapsed.age{}": 119 * 60,
		"allocation.shipment.overdue.count{}": 1,
	}, only(s.counts(t), due...))

	_, err = s.Sweep(t.Context())
	require.NoError(t, err)
	_, err = s.ReceiveBatch(t.Context(), allocation.Count{Batch: "ship", Quantity: 9, At: s.clock.Now()})
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{
		"allocation.hold.lapsed.count{}": 0, "allocation.hold.lapsed.age{}": 0,
		"allocation.shipment.overdue.count{}": 0,
	}, only(s.counts(t), due...))
}

func TestLinesThatWaitAreMeasured(t *testing.T) {
	s := open(t, Options{})
	require.NoError(t, s.AddBatch(t.Context(), allocation.Batch{Ref: "few", SKU: "LAMP", Purchased: 2}))
	require.NoError(t, s.AddBatch(t.Context(), allocation.Batch{Ref: "many", SKU: "SOFA", Purchased: 9}))
	waiting := func() float64 { return s.counts(t)["allocation.line.waiting.count{}"] }
	assert.Zero(t, waiting())
	for order, units := range map[allocation.OrderID]allocation.Quantity{"order-1": 40, "order-2": 50} {
		line := lamps(order, units)
		line.Wait = true
		_, err := s.Allocate(t.Context(), line)
		require.NoError(t, err)
	}
	assert.InDelta(t, 2, waiting(), 0)
	_, err := s.Cancel(t.Context(), "order-1")
	require.NoError(t, err)
	assert.InDelta(t, 1, waiting(), 0)
}

// crowded is a store with a number of products, each with two lines that wait.
type crowded struct {
	allocation.Store
	views.ListReader
	views.QueueReader
	products int
	asked    int
}

func (c *crowded) Products(
	_ context.Context, _ time.Time, filter views.ProductFilter, after allocation.SKU, limit int,
) ([]views.Product, error) {
	if !filter.Waiting || (after == "") != (c.asked == 0) {
		return nil, errors.New("not a page of products that lines wait for")
	}
	c.asked++
	page := make([]views.Product, min(limit, c.products))
	c.products -= len(page)
	for i := range page {
		page[i].SKU = "LAMP"
	}
	return page, nil
}

func (c *crowded) Queues(_ context.Context, skus ...allocation.SKU) ([]views.Queue, error) {
	queues := make([]views.Queue, len(skus))
	for i := range queues {
		queues[i] = views.Queue{SKU: skus[i], Lines: 2, Units: 90}
	}
	return queues, nil
}

func TestCountingLinesThatWaitHasABound(t *testing.T) {
	s := open(t, Options{})
	few := &crowded{products: 2500}
	lines, err := s.tel.waiting(t.Context(), few)
	require.NoError(t, err)
	assert.EqualValues(t, 5000, lines)
	many := &crowded{products: 1_000_000}
	lines, err = s.tel.waiting(t.Context(), many)
	require.NoError(t, err)
	assert.EqualValues(t, 20_000, lines)
	assert.Equal(t, 10, many.asked)
}

func TestCloseEndsTheGauges(t *testing.T) {
	s := open(t, Options{})
	assert.NotEmpty(t, only(s.counts(t), "allocation.outbox"))
	require.NoError(t, s.tel.Close())
	require.NoError(t, s.tel.Close())
	assert.Empty(t, only(s.counts(t), "allocation.outbox"))
}

// lettered is a store with a number of failed events.
type lettered struct {
	outbox.Maintainer
	allocation.Store
	failures int
	asked    int
}

func (l *lettered) Backlog(context.Context) (outbox.Backlog, error) { return outbox.Backlog{}, nil }

func (l *lettered) Failures(_ context.Context, _ allocation.SKU, limit int) ([]outbox.Failure, error) {
	l.asked++
	page := make([]outbox.Failure, min(limit, l.failures))
	l.failures -= len(page)
	for i := range page {
		page[i] = outbox.Failure{SKU: "LAMP", Dead: i%2 == 0}
	}
	return page, nil
}

func TestCountingDeadLettersHasABound(t *testing.T) {
	few := &lettered{failures: 2500}
	dead, err := deadLetters(t.Context(), few)
	require.NoError(t, err)
	assert.EqualValues(t, 1250, dead)
	many := &lettered{failures: 1_000_000}
	dead, err = deadLetters(t.Context(), many)
	require.NoError(t, err)
	assert.EqualValues(t, 5000, dead)
	assert.Equal(t, 10, many.asked)
}

// sluggish is a store with a number of lapsed holds.
type sluggish struct {
	allocation.Store
	holds int
	asked int
}

func (s *sluggish) Due(
	_ context.Context, _ time.Time, _ views.Key, limit int, _ ...views.DueKind,
) ([]views.Due, error) {
	s.asked++
	page := make([]views.Due, min(limit, s.holds))
	s.holds -= len(page)
	for i := range page {
		page[i] = views.Due{At: morning, Kind: views.DueHold, SKU: "LAMP"}
	}
	return page, nil
}

func TestCountingWhatIsDueHasABound(t *testing.T) {
	s := open(t, Options{})
	few := &sluggish{holds: 2500}
	rows, first, err := s.tel.due(t.Context(), few, views.DueHold)
	require.NoError(t, err)
	assert.EqualValues(t, 2500, rows)
	assert.Equal(t, morning, first)
	many := &sluggish{holds: 1_000_000}
	rows, _, err = s.tel.due(t.Context(), many, views.DueHold)
	require.NoError(t, err)
	assert.EqualValues(t, 10_000, rows)
	assert.Equal(t, 10, many.asked)
}

// unable is a store whose methods are there without doing anything.
type unable struct {
	outbox.Maintainer
	allocation.Store
	views.ListReader
	views.QueueReader
}

func (unable) Products(
	context.Context, time.Time, views.ProductFilter, allocation.SKU, int,
) ([]views.Product, error) {
	return nil, errors.ErrUnsupported
}

func (unable) Backlog(context.Context) (outbox.Backlog, error) {
	return outbox.Backlog{}, errors.ErrUnsupported
}

func (unable) Due(context.Context, time.Time, views.Key, int, ...views.DueKind) ([]views.Due, error) {
	return nil, errors.ErrUnsupported
}

func TestAStoreWithoutAnAbilityHasNoGauge(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	tel, err := New(&Options{MeterProvider: provider, Store: unable{}})
	require.NoError(t, err)
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	assert.Empty(t, all.ScopeMetrics)
	require.NoError(t, tel.Close())
}
