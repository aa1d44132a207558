package bus_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)

// shop is a service with a bus for the events of commits. The shop collects the reports of the bus.
type shop struct {
	*allocation.Service
	*bus.Bus
	store *memory.Store
	units allocation.UnitOfWork

	mu       sync.Mutex
	reported []error
}

// open opens a shop with a batch of 100 units of each SKU; the SKU is the batch's Ref, too.
func open(t *testing.T, limit int, skus ...allocation.SKU) *shop {
	t.Helper()
	s := &shop{store: memory.New()}
	s.Bus = bus.New(&bus.Options{Report: s.report, Limit: limit})
	s.units = allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
		Now:      memory.NewClock(morning).Now,
		Attempts: 1000, Backoff: 1, MaxBackoff: 1,
		Committed: s.Publish,
	})
	var err error
	s.Service, err = allocation.New(s.units, nil)
	require.NoError(t, err)
	for _, sku := range skus {
		require.NoError(t, s.store.Seed(allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 100}))
	}
	return s
}

func (s *shop) report(_ context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reported = append(s.reported, err)
}

func (s *shop) reports() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reported
}

// allocate allocates a unit of each SKU to an order, in a single commit.
func (s *shop) allocate(ctx context.Context, order allocation.OrderID, skus ...allocation.SKU) error {
	requests := make([]allocation.Request, len(skus))
	for i, sku := range skus {
		requests[i].OrderLine = allocation.OrderLine{OrderID: order, SKU: sku, Quantity: 1}
	}
	_, err := s.Allocate(ctx, requests...)
	return err
}

// listen subscribes to LineAllocated; heard returns the events so far as order/SKU.
func (s *shop) listen() (heard func() []string) {
	var mu sync.Mutex
	var lines []string
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, string(e.OrderID)+"/"+string(e.SKU))
		return nil
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return lines
	}
}

// kinds subscribes to all events and collects the kinds of the events.
func (s *shop) kinds() *[]string {
	kinds := &[]string{}
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.Event) error {
		*kinds = append(*kinds, e.Kind())
		return nil
	})
	return kinds
}
