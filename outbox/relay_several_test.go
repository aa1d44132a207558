package outbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

func TestRelaysShareTheProducts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skus := manyProducts(20)
		s := newShop(t, skus...)
		c := newCrowd(t) // fails the test if two relays publish a product at the same time
		claimed := map[string]bool{}
		opts := &outbox.Options{Workers: 3, Batch: 5, Settled: func(_ context.Context, settled outbox.Settlement) {
			c.mu.Lock()
			defer c.mu.Unlock()
			claimed[settled.Owner] = true
		}}
		for range 3 {
			relay, _ := start(t, s, c, opts)
			go func() {
				for range 20 {
					<-time.After(10 * time.Millisecond)
					for _, sku := range skus {
						s.sell(sku, 1)
					}
					relay.Wake()
				}
			}()
		}
		pass(10 * time.Second)
		for _, sku := range skus {
			assert.Equal(t, upTo(61), c.of(sku), "events of %s", sku)
		}
		assert.Len(t, claimed, 3, "relays that sent something")
		assert.Equal(t, 9, c.most, "products at once")
	})
}

// To other relays a dead relay looks like a relay with a Publish longer than the lease.
func TestTheProductsOfADeadRelayAreSentAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		s.sell("CHAIR", 2)
		resurrect := make(chan bool)
		dead := publisher(func(_ context.Context, envelopes []outbox.Envelope) (int, error) {
			<-resurrect
			return 1, errors.New("connection closed")
		})
		start(t, s, dead, &outbox.Options{Workers: 1, Poll: time.Hour})
		pass(0)
		var got sent
		start(t, s, &got, nil)
		pass(29 * time.Second)
		assert.Empty(t, got.of("CHAIR"), "events within the lease")
		assert.Equal(t, upTo(1), got.of("LAMP"), "events of a product without a lease of the dead relay")
		pass(2 * time.Second)
		assert.Equal(t, upTo(3), got.of("CHAIR"), "events after the lease")

		close(resurrect)
		pass(time.Minute)
		assert.Equal(t, upTo(3), got.of("CHAIR"), "events after the dead relay's Publish has returned")
		assert.Zero(t, s.failure("CHAIR"), "failure")
		assert.Zero(t, s.unsent(), "unsent events")
	})
}

func TestAClaimWithoutAnAnswerDelaysItsProductsByALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.claimed = func(ctx context.Context, c outbox.Claim) error { // the lease is granted, and the answer gets lost
			if c.Now.Equal(s.claim(0).Now) {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		var got sent
		start(t, s, &got, nil)
		pass(29 * time.Second)
		assert.Empty(t, got.of("CHAIR"), "events within the lease")
		pass(2 * time.Second)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events after the lease")
		assert.Equal(t, 10*time.Second, s.claim(1).Now.Sub(s.claim(0).Now).Truncate(time.Second), "time for an answer")
	})
}

func TestAHangingPublishDelaysOnlyItsProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		c := newCrowd(t)
		c.delay = func(e outbox.Envelope) time.Duration {
			if e.Subject == "CHAIR" && e.Sequence == 1 {
				return 100 * time.Second // against the rules: the context has ended long before
			}
			return time.Millisecond
		}
		log := &journal{}
		relay, _ := start(t, s, c, &outbox.Options{Workers: 2, Logger: log.logger()})
		for range 89 {
			s.sell("LAMP", 1)
			relay.Wake()
			pass(time.Second)
		}
		assert.Equal(t, upTo(90), c.of("LAMP"), "events of LAMP")
		assert.Empty(t, c.of("CHAIR"), "events of CHAIR")
		warning := "WARN outbox: Publish outlasts its lease sku=CHAIR"
		assert.Equal(t, []string{warning, warning}, log.all(), "log, after each lease")
		pass(31 * time.Second)
		assert.Equal(t, upTo(1), c.of("CHAIR"), "events of CHAIR")
	})
}

func TestAPublishMayTakeAThirdOfTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		var waited []time.Duration
		p := publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
			if envelopes[0].Subject == "LAMP" {
				return 1, nil
			}
			before := present()
			<-ctx.Done()
			waited = append(waited, present().Sub(before))
			return 0, ctx.Err()
		})
		start(t, s, p, &outbox.Options{Lease: time.Minute, Tries: 2})
		pass(time.Hour)
		assert.Equal(t, []time.Duration{20 * time.Second, 20 * time.Second}, waited, "until the context ended")
		f := s.failure("CHAIR")
		want := outbox.Failure{SKU: "CHAIR", Sequence: 1, Tries: 2, Dead: true, Error: "context deadline exceeded"}
		assert.Equal(t, want, f, "failure")
		assert.Zero(t, s.failure(allocation.SKU("LAMP")), "failure of LAMP")
	})
}
