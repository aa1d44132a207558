package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a memory store that records the calls of a relay, and lets a test interfere.
type shop struct {
	*memory.Store
	t       *testing.T
	service *allocation.Service

	// claimed, if set, is called after a successful claim; an error of claimed replaces the result. settling, if set,
	// is called before a settlement; an error of settling prevents the settlement.
	claimed  func(ctx context.Context, c outbox.Claim) error
	settling func(ctx context.Context, s outbox.Settlement) error

	mu          sync.Mutex
	orders      int
	claims      []outbox.Claim
	settlements []outbox.Settlement // accepted by the store
}

// newShop returns a shop with an unsent event of each product.
func newShop(t *testing.T, skus ...allocation.SKU) *shop {
	t.Helper()
	store := memory.New()
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	require.NoError(t, err)
	s := &shop{Store: store, t: t, service: service}
	for _, sku := range skus {
		batch := allocation.Batch{Ref: allocation.BatchRef("batch of " + sku), SKU: sku, Purchased: 1_000_000}
		require.NoError(t, s.service.AddBatch(t.Context(), batch))
	}
	return s
}

// sell adds unsent events to a product.
func (s *shop) sell(sku allocation.SKU, events int) {
	s.t.Helper()
	for range events {
		s.mu.Lock()
		s.orders++
		order := allocation.OrderID(fmt.Sprint("order-", s.orders))
		s.mu.Unlock()
		line := allocation.OrderLine{OrderID: order, SKU: sku, Quantity: 1}
		_, err := s.service.Allocate(context.Background(), allocation.Request{OrderLine: line})
		assert.NoError(s.t, err)
	}
}

func (s *shop) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	s.mu.Lock()
	s.claims = append(s.claims, c)
	s.mu.Unlock()
	deliveries, err := s.Store.Claim(ctx, c)
	if s.claimed != nil && err == nil {
		err = s.claimed(ctx, c)
	}
	return deliveries, err
}

func (s *shop) Settle(ctx context.Context, settled outbox.Settlement) error {
	if s.settling != nil {
		if err := s.settling(ctx, settled); err != nil {
			return err
		}
	}
	err := s.Store.Settle(ctx, settled)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.settlements = append(s.settlements, settled)
	}
	return err
}

// counted returns the number of claims.
func (s *shop) counted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.claims)
}

func (s *shop) claim(i int) outbox.Claim {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims[i]
}

// settled returns the settlements accepted by the store.
func (s *shop) settled() []outbox.Settlement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.settlements)
}

func (s *shop) unsent() int64 {
	s.t.Helper()
	backlog, err := s.Backlog(context.Background())
	require.NoError(s.t, err)
	return backlog.Events
}

func (s *shop) failure(sku allocation.SKU) outbox.Failure {
	s.t.Helper()
	failures, err := s.Failures(context.Background(), "", 100)
	require.NoError(s.t, err)
	for _, f := range failures {
		if f.SKU == sku {
			return f
		}
	}
	return outbox.Failure{}
}

// publisher is a function as a Publisher.
type publisher func(ctx context.Context, envelopes []outbox.Envelope) (int, error)

func (p publisher) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
	return p(ctx, envelopes)
}

// sent is a publisher that accepts all events and records them in order.
type sent struct {
	mu     sync.Mutex
	events []outbox.Envelope
}

func (s *sent) accept(envelopes ...outbox.Envelope) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, envelopes...)
	return len(envelopes), nil
}

func (s *sent) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	return s.accept(envelopes...)
}

// of returns the sequences of a product's accepted events, in order.
func (s *sent) of(sku allocation.SKU) (sequences []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Subject == sku {
			sequences = append(sequences, e.Sequence)
		}
	}
	return sequences
}

// upTo returns the numbers from 1 to last.
func upTo(last int64) (sequences []int64) {
	for n := int64(1); n <= last; n++ {
		sequences = append(sequences, n)
	}
	return sequences
}

// start runs a relay until stop is called, or the test ends.
func start(
	t *testing.T, store outbox.Store, p outbox.Publisher, opts *outbox.Options,
) (relay *outbox.Relay, stop func()) {
	t.Helper()
	relay = outbox.NewRelay(store, p, opts)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- relay.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended, "Run")
	})
	t.Cleanup(stop)
	return relay, stop
}

// pass advances the time of the synctest bubble by d, and waits until all goroutines are blocked.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// present returns the time of the synctest bubble.
func present() time.Time { return <-time.After(0) }

// journal is a slog.Handler that collects records as "LEVEL message attributes".
type journal struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	j.lines = append(j.lines, line)
	return nil
}

func (j *journal) logger() *slog.Logger { return slog.New(j) }

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}
