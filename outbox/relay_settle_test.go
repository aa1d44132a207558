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

func TestAFailedSettlementIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		var at []time.Time
		s.settling = func(context.Context, outbox.Settlement) error {
			at = append(at, present())
			if len(at) < 5 {
				return errors.New("connection reset")
			}
			return nil
		}
		var got sent
		log := &journal{}
		start(t, s, &got, &outbox.Options{Logger: log.logger()})
		pass(time.Minute)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events")
		assert.Zero(t, s.unsent(), "unsent events")
		require.Len(t, at, 5, "settlements")
		for i := range 4 {
			longest := 100 * time.Millisecond << i
			assert.GreaterOrEqual(t, at[i+1].Sub(at[i]), longest/2, "pause %d", i)
			assert.LessOrEqual(t, at[i+1].Sub(at[i]), longest, "pause %d", i)
		}
		assert.Empty(t, log.all(), "log")
	})
}

// Events without a settlement are sent again after the lease, with the IDs of the first time.
func TestEventsAreSentAgainIfSettlementsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 1)
		var writable atomic.Bool
		var refused atomic.Int64
		s.settling = func(context.Context, outbox.Settlement) error {
			if writable.Load() {
				return nil
			}
			refused.Add(1)
			return errors.New("read only")
		}
		var got sent
		log := &journal{}
		start(t, s, &got, &outbox.Options{Logger: log.logger()})
		pass(29 * time.Second)
		assert.Equal(t, []int64{1, 2}, got.of("CHAIR"), "events within the lease")
		assert.EqualValues(t, 5, refused.Load(), "settlements within the lease")
		writable.Store(true)
		pass(2 * time.Second)
		assert.Equal(t, []int64{1, 2, 1, 2}, got.of("CHAIR"), "events after the lease")
		assert.Equal(t, got.events[:2], got.events[2:], "envelopes of the first and second time")
		assert.Zero(t, s.unsent(), "unsent events")
		want := "WARN outbox: settle failed, events may be sent again sku=CHAIR sent=2 error=read only"
		assert.Equal(t, []string{want}, log.all(), "log")
	})
}

// A settlement without an answer blocks a worker for a third of the lease, and doesn't block claims.
func TestASettlementMayTakeAThirdOfTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		s.settling = func(ctx context.Context, settled outbox.Settlement) error {
			if settled.SKU == "LAMP" {
				return nil
			}
			before := present()
			<-ctx.Done()
			assert.Equal(t, 10*time.Second, present().Sub(before), "time for an answer")
			return ctx.Err()
		}
		var got sent
		relay, _ := start(t, s, &got, &outbox.Options{Workers: 2})
		pass(time.Second)
		s.sell("LAMP", 1)
		relay.Wake()
		pass(0)
		assert.Equal(t, upTo(2), got.of("LAMP"), "events of LAMP")
		pass(20 * time.Second)
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events of CHAIR")
	})
}

func TestSettledIsCalledWithAcceptedSettlements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 2)
		p := &picky{refuses: func(e outbox.Envelope) error {
			if e.Sequence == 2 {
				return errors.New("no")
			}
			return nil
		}}
		failing := true
		s.settling = func(context.Context, outbox.Settlement) error {
			if failing {
				failing = false
				return errors.New("connection reset")
			}
			return nil
		}
		var heard []outbox.Settlement
		ended := false
		hook := func(ctx context.Context, settled outbox.Settlement) {
			ended = ended || ctx.Err() != nil
			heard = append(heard, settled)
		}
		_, stop := start(t, s, p, &outbox.Options{Tries: 2, Settled: hook})
		pass(time.Minute)
		stop()
		assert.Equal(t, s.settled(), heard, "settlements")
		assert.False(t, ended, "the hook's context has ended")
		require.Len(t, heard, 2)
		assert.EqualValues(t, 1, heard[0].Sent, "Sent")
		assert.EqualValues(t, 0, heard[1].Sent, "Sent")
		assert.True(t, heard[1].Failure.Dead, "Dead")
	})
}
