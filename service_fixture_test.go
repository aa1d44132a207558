package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)

// shop is a service over a store in memory, with helpers for its tests.
type shop struct {
	*allocation.Service
	t     *testing.T
	store *memory.Store
	clock *memory.Clock
	units allocation.UnitOfWork
}

func newShop(t *testing.T, batches ...allocation.Batch) shop {
	t.Helper()
	store, clock := memory.New(), memory.NewClock(morning)
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now, Backoff: 1, MaxBackoff: 1})
	s := shop{Service: newService(t, units, nil), t: t, store: store, clock: clock, units: units}
	for _, b := range batches {
		require.NoError(t, s.AddBatch(t.Context(), b))
	}
	return s
}

func (s shop) product(sku allocation.SKU) allocation.State {
	s.t.Helper()
	state, known := s.store.Product(sku)
	require.True(s.t, known, "product %q is not in the store", sku)
	return state
}

// kinds lists the kinds of the events of a product after the given number.
func (s shop) kinds(sku allocation.SKU, after int64) []string {
	s.t.Helper()
	events, err := s.store.Events(s.t.Context(), sku, after, 1000)
	require.NoError(s.t, err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind())
	}
	return kinds
}

// unchanged runs f and demands that it commits nothing.
func (s shop) unchanged(sku allocation.SKU, f func()) {
	s.t.Helper()
	before := s.product(sku)
	f()
	assert.Equal(s.t, before, s.product(sku), "product %q changed", sku)
}

func stock(ref allocation.BatchRef, sku allocation.SKU, quantity allocation.Quantity) allocation.Batch {
	return allocation.Batch{Ref: ref, SKU: sku, Purchased: quantity}
}

func want(order allocation.OrderID, sku allocation.SKU, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: sku, Quantity: quantity}}
}

func part(ref allocation.BatchRef, quantity, shipped allocation.Quantity) allocation.Part {
	return allocation.Part{Batch: ref, Quantity: quantity, Shipped: shipped}
}

// errorOf returns the error of a command that also returns lines.
func errorOf(_ []allocation.OrderLine, err error) error { return err }
