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

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

func TestAnIdleRelayClaimsOncePerPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		start(t, s, &sent{}, &outbox.Options{Poll: 2 * time.Second})
		pass(time.Minute + time.Second)
		assert.Equal(t, 31, s.counted(), "claims")
	})
}

func TestPollFindsCommitsWithoutAWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var got sent
		start(t, s, &got, nil)
		pass(1500 * time.Millisecond)
		s.sell("CHAIR", 1)
		pass(499 * time.Millisecond)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events before the poll")
		pass(time.Millisecond)
		assert.Equal(t, upTo(2), got.of("CHAIR"), "events after the poll")
	})
}

func TestWakeSendsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var got sent
		relay, _ := start(t, s, &got, &outbox.Options{Poll: time.Hour})
		for n := int64(2); n <= 10; n++ {
			pass(time.Second)
			s.sell("CHAIR", 1)
			relay.Wake()
			pass(0)
			assert.Equal(t, upTo(n), got.of("CHAIR"), "events")
		}
		assert.Equal(t, 10, s.counted(), "claims")
	})
}

func TestWakeBeforeAndAfterRunDoesNotBlock(t *testing.T) {
	relay := outbox.NewRelay(newShop(t), &sent{}, nil)
	for range 3 {
		relay.Wake()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, relay.Run(ctx))
	for range 3 {
		relay.Wake()
	}
}

func TestWakeWhileClaimingIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var got sent
		relays := make(chan *outbox.Relay, 1)
		s.claimed = func(context.Context, outbox.Claim) error {
			if s.counted() == 2 { // the second claim found no events
				s.sell("CHAIR", 1)
				(<-relays).Wake()
			}
			return nil
		}
		relay, _ := start(t, s, &got, &outbox.Options{Poll: time.Minute})
		relays <- relay
		pass(time.Minute)
		assert.Equal(t, upTo(2), got.of("CHAIR"), "events")
	})
}

// The claim after the Wake can't have the product, because the product is leased for the Publish.
func TestWakeDuringAPublishOfTheSameProductIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var got sent
		p := publisher(func(_ context.Context, envelopes []outbox.Envelope) (int, error) {
			<-time.After(5 * time.Second)
			return got.accept(envelopes...)
		})
		relay, _ := start(t, s, p, &outbox.Options{Poll: time.Hour})
		pass(time.Second)
		s.sell("CHAIR", 1)
		relay.Wake()
		pass(9 * time.Second)
		assert.Equal(t, upTo(2), got.of("CHAIR"), "events")
		assert.Equal(t, 3, s.counted(), "claims")
	})
}

func TestEventsBeyondTheBatchAreSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 24)
		var got sent
		start(t, s, &got, &outbox.Options{Poll: time.Hour, Batch: 10})
		pass(0)
		assert.Equal(t, upTo(25), got.of("CHAIR"), "events")
		assert.Equal(t, 3, s.counted(), "claims")
	})
}

// Each row is a state in which nothing can be sent; the test counts the claims of 90 seconds.
func TestARelayWithNothingToSendRarelyClaims(t *testing.T) {
	refuse := publisher(func(context.Context, []outbox.Envelope) (int, error) { return 0, errors.New("no") })
	hang := publisher(func(ctx context.Context, _ []outbox.Envelope) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	elsewhere := func(t *testing.T, s *shop) {
		t.Helper()
		now := present()
		claim := outbox.Claim{Owner: "another", Products: 10, Events: 10, Now: now, Until: now.Add(time.Hour)}
		leased, err := s.Store.Claim(t.Context(), claim)
		require.NoError(t, err)
		require.Len(t, leased, 2)
	}
	more := func(_ *testing.T, s *shop) { s.sell("CHAIR", 9) }
	down := func(t *testing.T, s *shop) {
		t.Helper()
		s.claimed = func(context.Context, outbox.Claim) error { return errors.New("connection refused") }
	}
	readOnly := func(t *testing.T, s *shop) {
		t.Helper()
		s.settling = func(context.Context, outbox.Settlement) error { return errors.New("read only") }
	}
	hourlyTries := outbox.Options{Backoff: time.Hour, MaxBackoff: time.Hour}
	for _, row := range []struct {
		state     string
		publisher outbox.Publisher
		opts      outbox.Options
		given     func(t *testing.T, s *shop)
		most      int
	}{
		{"every product is leased by another relay", refuse, outbox.Options{}, elsewhere, 91},
		{"every product waits for the next try", refuse, hourlyTries, nil, 91},
		{"no event of a full batch was accepted", refuse, outbox.Options{Tries: 1, Batch: 5}, more, 91},
		{"every product is dead", refuse, outbox.Options{Tries: 1}, nil, 91},
		{"publishers hang", hang, outbox.Options{}, nil, 91},
		{"publishers hang on every worker", hang, outbox.Options{Workers: 2, Lease: time.Hour}, nil, 1},
		{"claims fail", refuse, outbox.Options{}, down, 15},
		{"settlements fail", &sent{}, outbox.Options{}, readOnly, 91},
	} {
		t.Run(row.state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, "CHAIR", "LAMP")
				if row.given != nil {
					row.given(t, s)
				}
				start(t, s, row.publisher, &row.opts)
				pass(90 * time.Second)
				assert.LessOrEqual(t, s.counted(), row.most, "claims")
				assert.Positive(t, s.counted(), "claims")
			})
		})
	}
}

func TestPausesGrowWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var up atomic.Bool
		s.claimed = func(context.Context, outbox.Claim) error {
			if !up.Load() {
				return errors.New("connection refused")
			}
			return nil
		}
		var got sent
		log := &journal{}
		relay, _ := start(t, s, &got, &outbox.Options{Lease: 10 * time.Second, Logger: log.logger()})
		pass(0)
		for _, millis := range []int{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
			longest := time.Duration(millis) * time.Millisecond
			before := s.counted()
			relay.Wake() // a Wake must not shorten the pause
			pass(longest/2 - time.Millisecond)
			assert.Equal(t, before, s.counted(), "claims before half of %s have passed", longest)
			for s.counted() == before {
				pass(time.Millisecond)
			}
			assert.Equal(t, before+1, s.counted(), "claims")
			waited := s.claim(before).Now.Sub(s.claim(before - 1).Now)
			assert.LessOrEqual(t, waited, longest+time.Millisecond, "pause")
		}
		up.Store(true)
		pass(20 * time.Second)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events after the store is back and the lost lease has ended")
		assert.Equal(t, "WARN outbox: claim failed error=connection refused", log.all()[0], "log")
	})
}

// A database may end a race between two claims by refusing a claim.
func TestALostRaceForAClaimIsLoggedAsDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		log := &journal{}
		var got sent
		store := &losing{shop: s}
		start(t, store, &got, &outbox.Options{Logger: log.logger()})
		pass(100 * time.Millisecond)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events")
		assert.Equal(t, []string{"DEBUG outbox: claim failed error=allocation: Claim: sku: conflict"}, log.all(), "log")
	})
}

// losing is a store whose first claim loses a race.
type losing struct {
	*shop
	lost bool
}

func (l *losing) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	if l.lost {
		return l.shop.Claim(ctx, c)
	}
	l.lost = true
	return nil, &allocation.Error{Op: "Claim", Field: "sku", Err: allocation.ErrConflict}
}
