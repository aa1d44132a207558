package outbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/outbox"
)

// tries runs a relay with a publisher that refuses all events, and returns the times of the tries.
func tries(t *testing.T, within time.Duration, opts *outbox.Options) (at []time.Time) {
	t.Helper()
	p := publisher(func(context.Context, []outbox.Envelope) (int, error) {
		at = append(at, present())
		return 0, errors.New("no")
	})
	start(t, newShop(t, "CHAIR"), p, opts)
	pass(within)
	return at
}

func TestDefaultTriesTakeFrom40To90Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := tries(t, 3*time.Hour, nil)
		require.Len(t, at, 25, "tries")
		assert.Greater(t, at[24].Sub(at[0]), 40*time.Minute, "from the first try to the last")
		assert.Less(t, at[24].Sub(at[0]), 90*time.Minute, "from the first try to the last")
	})
}

func TestDefaultPausesGrowTo5Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := tries(t, 3*time.Hour, &outbox.Options{Tries: 30, Poll: 10 * time.Second})
		require.Len(t, at, 30, "tries")
		var longest time.Duration
		for i := range 29 {
			longest = max(longest, at[i+1].Sub(at[i]))
		}
		assert.LessOrEqual(t, longest, 5*time.Minute+10*time.Second, "longest pause")
		assert.GreaterOrEqual(t, at[29].Sub(at[10]), 19*150*time.Second, "pauses once they are longest")
	})
}

func TestDefaultIs8Workers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, manyProducts(20)...)
		c := newCrowd(t)
		start(t, s, c, nil)
		pass(time.Second)
		assert.Equal(t, 8, c.most, "products at once")
		assert.Zero(t, s.unsent(), "unsent events")
	})
}

// A database stores microseconds only, and must not compare a stored time with a more precise time of the relay.
func TestTheStoreGetsTimesInUTCAndWholeMicroseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		odd := time.Date(2031, 3, 3, 13, 0, 0, 123_456_789, time.FixedZone("CET", 3600))
		refuse := publisher(func(context.Context, []outbox.Envelope) (int, error) { return 0, errors.New("no") })
		start(t, s, refuse, &outbox.Options{Now: func() time.Time { return odd }})
		pass(0)
		claim, settled := s.claim(0), s.settled()[0]
		assert.Equal(t, noon, claim.Now, "Now")
		assert.Equal(t, noon.Add(30*time.Second), claim.Until, "Until")
		assert.Equal(t, settled.Failure.RetryAt.UTC().Truncate(time.Microsecond), settled.Failure.RetryAt, "RetryAt")
	})
}
