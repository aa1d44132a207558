package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// crowd is a slow publisher. A crowd counts concurrent products, and fails the test if a product is published twice at
// the same time.
type crowd struct {
	sent
	t     *testing.T
	delay func(e outbox.Envelope) time.Duration

	mu   sync.Mutex
	here map[allocation.SKU]bool
	most int
}

func (c *crowd) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
	sku := envelopes[0].Subject
	c.mu.Lock()
	assert.False(c.t, c.here[sku], "%s is published twice at a time", sku)
	c.here[sku] = true
	c.most = max(c.most, len(c.here))
	c.mu.Unlock()
	<-time.After(c.delay(envelopes[0]))
	c.mu.Lock()
	delete(c.here, sku)
	c.mu.Unlock()
	return c.accept(envelopes...)
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	delay := func(e outbox.Envelope) time.Duration {
		return time.Duration(1+(e.Sequence*7+int64(len(e.Subject))*5)%11) * time.Millisecond
	}
	return &crowd{t: t, here: map[allocation.SKU]bool{}, delay: delay}
}

func manyProducts(n int) (skus []allocation.SKU) {
	for i := range n {
		skus = append(skus, allocation.SKU(fmt.Sprintf("SKU-%03d", i)))
	}
	return skus
}

func TestEveryEventIsSentInTheOrderOfItsProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skus := manyProducts(30)
		s := newShop(t, skus...)
		for i, sku := range skus {
			s.sell(sku, i)
		}
		c := newCrowd(t)
		_, stop := start(t, s, c, &outbox.Options{Batch: 4, Workers: 5, Poll: time.Hour})
		pass(time.Minute)
		for i, sku := range skus {
			assert.Equal(t, upTo(int64(i)+1), c.of(sku), "events of %s", sku)
		}
		assert.Equal(t, 5, c.most, "products at once")
		assert.Zero(t, s.unsent(), "unsent events")
		stop()
	})
}

func TestAPublishGetsABatchOfOneProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		s.sell("CHAIR", 249)
		var sizes []int
		p := publisher(func(_ context.Context, envelopes []outbox.Envelope) (int, error) {
			for _, e := range envelopes {
				assert.Equal(t, envelopes[0].Subject, e.Subject, "Subject")
			}
			if envelopes[0].Subject == "CHAIR" {
				sizes = append(sizes, len(envelopes))
			}
			return len(envelopes), nil
		})
		start(t, s, p, nil)
		pass(0)
		assert.Equal(t, []int{100, 100, 50}, sizes, "events in each Publish")
	})
}

func TestAnEnvelopeHasTheStoredEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		at := present().UTC()
		var got sent
		start(t, s, &got, &outbox.Options{Source: "https://shop.example/stock"})
		pass(0)
		require.Len(t, got.events, 1)
		e := got.events[0]
		assert.Equal(t, outbox.ID("CHAIR", 1, at), e.ID, "ID")
		assert.Equal(t, "https://shop.example/stock", e.Source, "Source")
		event, err := e.Event()
		require.NoError(t, err)
		want := allocation.BatchAdded{SKU: "CHAIR", At: at, Batch: "batch of CHAIR", Quantity: 1_000_000}
		assert.Equal(t, want, event, "Event()")
	})
}

// Product A has unsent events all the time, and the smallest SKU.
func TestABusyProductDoesNotStarveOtherProducts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "A", "B", "C")
		var got sent
		p := publisher(func(_ context.Context, envelopes []outbox.Envelope) (int, error) {
			if envelopes[0].Subject == "A" {
				s.sell("A", 2) // more events than a Publish sends
			}
			<-time.After(time.Second)
			return got.accept(envelopes...)
		})
		start(t, s, p, &outbox.Options{Workers: 1, Batch: 1, Poll: time.Hour})
		s.sell("A", 2)
		pass(10 * time.Second)
		assert.Equal(t, []int64{1}, got.of("B"), "events of B")
		assert.Equal(t, []int64{1}, got.of("C"), "events of C")
		assert.GreaterOrEqual(t, len(got.of("A")), 5, "events of A")
	})
}

func TestRunRefusesAnIncompleteRelay(t *testing.T) {
	s := newShop(t)
	var none context.Context
	badSource := &outbox.Options{Source: "a shop"}
	for field, run := range map[string]func() error{
		"context":   func() error { return outbox.NewRelay(s, &sent{}, nil).Run(none) },
		"store":     func() error { return outbox.NewRelay(nil, &sent{}, nil).Run(t.Context()) },
		"publisher": func() error { return outbox.NewRelay(s, nil, nil).Run(t.Context()) },
		"source":    func() error { return outbox.NewRelay(s, &sent{}, badSource).Run(t.Context()) },
	} {
		requireInvalid(t, run(), "Run", field)
	}
	assert.Zero(t, s.counted(), "claims")
}

func TestARelayRunsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var got sent
		relay, stop := start(t, s, &got, nil)
		pass(0)
		requireInvalid(t, relay.Run(t.Context()), "Run", "relay")
		stop()

		s.sell("CHAIR", 1)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.NoError(t, relay.Run(ctx), "second Run, after the first has returned")
		assert.Equal(t, []int64{1, 2}, got.of("CHAIR"), "events")
	})
}

func requireInvalid(t *testing.T, err error, op, field string) {
	t.Helper()
	require.ErrorIs(t, err, allocation.ErrInvalid)
	var detailed *allocation.Error
	require.ErrorAs(t, err, &detailed)
	assert.Equal(t, op, detailed.Op, "Op")
	assert.Equal(t, field, detailed.Field, "Field of %v", err)
}
