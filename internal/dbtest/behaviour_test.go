package dbtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// behaviour is a promise to hosts, shown on the store in memory and on every engine.
type behaviour struct {
	name string // begins with the number of a behaviour, a case or a rule
	show func(s *scene)
}

// behaviours has the behaviours of every subject. For a further subject add a file behaviour_*_test.go with a list, and
// the list here.
var behaviours = slices.Concat(
	behavioursOfTerms, behavioursOfRepeats, behavioursOfMotion, behavioursOfDueTimes, behavioursOfCounts,
	behavioursOfHandOver, behavioursOfLines, behavioursOfWaiting, behavioursOfFreeing,
	behavioursOfTrace,
)

// TestBehaviours runs each behaviour in a scene of its own; the scenes of an engine share a database.
func TestBehaviours(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		store := memory.New()
		perform(t, store, store)
	})
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		at := e.new(t)
		perform(t, e.migrated(t, at.open(t)), e.store(t, at.open(t), nil))
	})
}

// stage is a store with everything that a scene looks at.
type stage interface {
	allocation.Store
	allocation.Ledger
	views.Reader
}

// perform shows every behaviour to two processes over the same data.
func perform(t *testing.T, first, second stage) {
	t.Helper()
	for i, b := range behaviours {
		t.Run(b.name, func(t *testing.T) {
			s := &scene{T: t, store: first, clock: memory.NewClock(start), names: fmt.Sprintf("%d-", i)}
			s.service, s.other = s.serve(first), s.serve(second)
			b.show(s)
			s.reconcile()
		})
	}
}

// scene is a shop with one product, "lamp", and two processes. Names of the product, of batches and of orders are
// plain in calls and answers; in the store they have a prefix, so that scenes don't meet.
type scene struct {
	*testing.T
	store   stage
	clock   *memory.Clock
	service *allocation.Service
	other   *allocation.Service // the second process
	names   string
}

func (s *scene) serve(store allocation.Store) *allocation.Service {
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, Backoff: 1, MaxBackoff: 1})
	return newService(s, units, nil)
}

func (s *scene) sku() allocation.SKU                  { return allocation.SKU(s.names + "lamp") }
func (s *scene) ref(name string) allocation.BatchRef  { return allocation.BatchRef(s.names + name) }
func (s *scene) order(name string) allocation.OrderID { return allocation.OrderID(s.names + name) }
func (s *scene) day(n int) time.Time                  { return start.AddDate(0, 0, n) }
func (s *scene) minute(n int) time.Time               { return start.Add(time.Duration(n) * time.Minute) }
func (s *scene) line(order string, units allocation.Quantity) allocation.OrderLine {
	return allocation.OrderLine{OrderID: s.order(order), SKU: s.sku(), Quantity: units}
}

// announce adds a batch, whose terms the functions set.
func (s *scene) announce(name string, units allocation.Quantity, terms ...func(*allocation.Batch)) {
	s.Helper()
	b := allocation.Batch{Ref: s.ref(name), SKU: s.sku(), Purchased: units}
	for _, set := range terms {
		set(&b)
	}
	require.NoError(s, s.service.AddBatch(s.Context(), b))
}

func arriving(at time.Time) func(*allocation.Batch) { return func(b *allocation.Batch) { b.ETA = at } }
func bestBefore(at time.Time) func(*allocation.Batch) {
	return func(b *allocation.Batch) { b.BestBefore = at }
}
func stored(at allocation.Location) func(*allocation.Batch) {
	return func(b *allocation.Batch) { b.Location = at }
}

// want is a request, whose terms the functions set.
func (s *scene) want(order string, units allocation.Quantity, terms ...func(*allocation.Request)) allocation.Request {
	r := allocation.Request{OrderLine: s.line(order, units)}
	for _, set := range terms {
		set(&r)
	}
	return r
}

func spread(r *allocation.Request) { r.Split = true }
func neededBy(at time.Time) func(*allocation.Request) {
	return func(r *allocation.Request) { r.NeededBy = at }
}
func freshUntil(at time.Time) func(*allocation.Request) {
	return func(r *allocation.Request) { r.FreshUntil = at }
}
func heldUntil(at time.Time) func(*allocation.Request) {
	return func(r *allocation.Request) { r.HoldUntil = at }
}
func located(place allocation.Location) func(*allocation.Request) {
	return func(r *allocation.Request) { r.Location = place }
}

// given allocates a line and returns the line's batches.
func (s *scene) given(r allocation.Request) string {
	s.Helper()
	lines, err := s.service.Allocate(s.Context(), r)
	require.NoError(s, err)
	return s.batches(lines[0].Parts)
}

// batches names the batches of a line: "b1:3 b2:4/1" is 3 units of b1, and 4 of b2 of which 1 is shipped.
func (s *scene) batches(parts []allocation.Part) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = fmt.Sprintf("%s:%d", strings.TrimPrefix(string(part.Batch), s.names), part.Quantity)
		if part.Shipped > 0 {
			texts[i] += fmt.Sprintf("/%d", part.Shipped)
		}
	}
	return strings.Join(texts, " ")
}

// has returns the batches of an order's line in the store, "" if there is no line.
func (s *scene) has(order string) string {
	s.Helper()
	lines, err := s.store.Order(s.Context(), s.order(order))
	require.NoError(s, err)
	if len(lines) == 0 {
		return ""
	}
	require.Len(s, lines, 1, "lines of order %q", order)
	parts := make([]allocation.Part, len(lines[0].Parts))
	for i, part := range lines[0].Parts {
		parts[i] = part.Part
	}
	return s.batches(parts)
}

// refused allocates a line that can't be met, in both processes, and returns the number of units available.
func (s *scene) refused(r allocation.Request) allocation.Quantity {
	s.Helper()
	var available [2]allocation.Quantity
	for i, service := range []*allocation.Service{s.service, s.other} {
		_, err := service.Allocate(s.Context(), r)
		var short *allocation.OutOfStockError
		require.ErrorAs(s, err, &short)
		require.Len(s, short.Shortages, 1)
		available[i] = short.Shortages[0].Available
	}
	require.Equal(s, available[0], available[1], "units available in two processes")
	return available[0]
}

// free checks all numbers about the product: units in the warehouse, and units in all.
func (s *scene) free(here, all allocation.Quantity) {
	s.Helper()
	now := s.clock.Now()
	stocks, err := s.store.Stock(s.Context(), now, s.sku())
	require.NoError(s, err)
	require.Len(s, stocks, 1)
	assert.Equal(s, here, stocks[0].InWarehouse, "InWarehouse of the view")
	assert.Equal(s, all, stocks[0].AvailableBy(s.day(10_000)), "AvailableBy of the view")
	batches, err := s.store.Batches(s.Context(), now, s.sku(), "", 1000)
	require.NoError(s, err)
	for _, b := range batches {
		all -= b.Free
	}
	assert.Zero(s, all, "units that the view of the batches has too few")
	states, err := s.store.Load(s.Context(), allocation.Query{SKUs: []allocation.SKU{s.sku()}, Now: now, Limit: 1000})
	require.NoError(s, err)
	p, err := states[0].Product(allocation.Query{})
	require.NoError(s, err)
	units, err := p.Available(now)
	require.NoError(s, err)
	assert.Equal(s, here, units, "Available of the product")
}

// events lists the kinds of the product's events after the given number of events.
func (s *scene) events(after int64) (kinds []string) {
	s.Helper()
	events, err := s.store.Events(s.Context(), s.sku(), after, 1000)
	require.NoError(s, err)
	for _, e := range events {
		kinds = append(kinds, e.Kind())
	}
	return kinds
}

// version is the number of the product's last event.
func (s *scene) version() int64 {
	s.Helper()
	stocks, err := s.store.Stock(s.Context(), s.clock.Now(), s.sku())
	require.NoError(s, err)
	return stocks[0].Version
}

// quiet runs commands that must not record any event.
func (s *scene) quiet(commands func()) {
	s.Helper()
	before := s.version()
	commands()
	assert.Empty(s, s.events(before), "events of commands that change nothing")
}

// about checks that an error is about a field, for a reason, and returns the value of the field.
func (s *scene) about(err, reason error, field string) any {
	s.Helper()
	require.ErrorIs(s, err, reason)
	var detail *allocation.Error
	require.ErrorAs(s, err, &detail)
	assert.Equal(s, field, detail.Field)
	return detail.Value
}

// reconcile ends every scene: counters, lines and events agree.
func (s *scene) reconcile() {
	s.Helper()
	audit, err := s.service.Reconcile(s.Context(), s.sku())
	require.NoError(s, err)
	assert.False(s, audit.Drifted(), "counters, lines and events disagree: %+v", audit)
}
