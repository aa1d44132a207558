package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/outbox"
)

// polite is a publisher that accepts the first events and then waits for the end of the context.
func polite(got *sent, accepts int) publisher {
	return func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
		_, _ = got.accept(envelopes[:accepts]...)
		<-ctx.Done()
		return accepts, ctx.Err()
	}
}

func TestStoppingDuringAPublishDoesNotCountAsATry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 2)
		var got sent
		log := &journal{}
		_, stop := start(t, s, polite(&got, 0), &outbox.Options{Logger: log.logger()})
		pass(time.Second)
		stop()
		assert.Empty(t, log.all(), "log")
		assert.Zero(t, s.failure("CHAIR"), "failure")

		start(t, s, &got, nil)
		pass(0)
		assert.Equal(t, upTo(3), got.of("CHAIR"), "events of the next relay, at once")
	})
}

func TestEventsAcceptedBeforeStoppingAreNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 2)
		var got sent
		_, stop := start(t, s, polite(&got, 2), nil)
		pass(time.Second)
		stop()
		assert.EqualValues(t, 1, s.unsent(), "unsent events")
		start(t, s, &got, nil)
		pass(0)
		assert.Equal(t, upTo(3), got.of("CHAIR"), "events")
	})
}

func TestStoppingKeepsEarlierTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		tries := 0
		p := publisher(func(ctx context.Context, _ []outbox.Envelope) (int, error) {
			if tries++; tries <= 3 {
				return 0, errors.New("no")
			}
			<-ctx.Done()
			return 0, ctx.Err()
		})
		_, stop := start(t, s, p, &outbox.Options{Poll: 10 * time.Millisecond})
		pass(8 * time.Second)
		before := s.failure("CHAIR")
		require.Equal(t, 3, before.Tries, "Tries")
		stop()
		assert.Equal(t, before, s.failure("CHAIR"), "failure")

		var got sent
		start(t, s, &got, nil)
		pass(0)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events of the next relay, at once")
	})
}

func TestStoppingWhileClaimingGivesTheProductsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		s.claimed = func(ctx context.Context, _ outbox.Claim) error {
			<-time.After(3 * time.Second)
			return ctx.Err()
		}
		var got sent
		_, stop := start(t, s, &got, nil)
		pass(time.Second)
		before := present()
		stop()
		assert.Equal(t, 2*time.Second, present().Sub(before), "time to stop")
		assert.Empty(t, got.events, "events")

		s.claimed = nil
		start(t, s, &got, nil)
		pass(0)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events of the next relay, at once")
		assert.Equal(t, upTo(1), got.of("LAMP"), "events of the next relay, at once")
	})
}

func TestStoppingWaitsForPublishersAndLimitsAHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		s.settling = func(ctx context.Context, settled outbox.Settlement) error {
			if settled.SKU == "LAMP" {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		var returned atomic.Int64
		p := publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
			<-ctx.Done()
			<-time.After(time.Second) // the publisher takes a second to finish
			returned.Add(1)
			return len(envelopes), nil
		})
		_, stop := start(t, s, p, &outbox.Options{Workers: 2, Lease: time.Minute})
		pass(time.Second)
		before := present()
		stop()
		assert.EqualValues(t, 2, returned.Load(), "publishers that have returned")
		assert.Equal(t, 21*time.Second, present().Sub(before), "time to stop")
		assert.EqualValues(t, 1, s.unsent(), "unsent events, that of LAMP")
	})
}

func TestStoppingAnIdleOrFailingRelayIsImmediate(t *testing.T) {
	for name, claimed := range map[string]func(context.Context, outbox.Claim) error{
		"idle":    nil,
		"failing": func(context.Context, outbox.Claim) error { return errors.New("connection refused") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				s.claimed = claimed
				_, stop := start(t, s, &sent{}, nil)
				pass(20 * time.Second)
				before := present()
				stop()
				assert.Zero(t, present().Sub(before), "time to stop")
			})
		})
	}
}
