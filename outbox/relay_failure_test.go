package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// picky is a publisher that accepts events up to the first event with an error of refuses.
type picky struct {
	sent
	refuses func(e outbox.Envelope) error
}

func (p *picky) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	for i, e := range envelopes {
		if err := p.refuses(e); err != nil {
			return i, err
		}
		_, _ = p.accept(e)
	}
	return len(envelopes), nil
}

func TestAFailedEventStopsOnlyItsProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP", "SOFA")
		p := &picky{refuses: func(e outbox.Envelope) error {
			if e.Subject == "LAMP" {
				return errors.New("no such topic")
			}
			return nil
		}}
		relay, _ := start(t, s, p, nil)
		for range 20 {
			for _, sku := range []allocation.SKU{"CHAIR", "LAMP", "SOFA"} {
				s.sell(sku, 1)
			}
			relay.Wake()
			pass(time.Second)
		}
		assert.Equal(t, upTo(21), p.of("CHAIR"), "events of CHAIR")
		assert.Equal(t, upTo(21), p.of("SOFA"), "events of SOFA")
		assert.Empty(t, p.of("LAMP"), "events of LAMP")
	})
}

func TestEventsAcceptedBeforeAnErrorAreNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 9)
		var healed atomic.Bool
		p := &picky{refuses: func(e outbox.Envelope) error {
			if e.Sequence == 4 && !healed.Load() {
				return errors.New("too large")
			}
			return nil
		}}
		start(t, s, p, nil)
		pass(0)
		at := present().UTC()
		assert.Equal(t, upTo(3), p.of("CHAIR"), "events before the one that fails")
		f := s.failure("CHAIR")
		assert.True(t, f.RetryAt.After(at), "RetryAt")
		f.RetryAt = time.Time{}
		assert.Equal(t, outbox.Failure{SKU: "CHAIR", Sequence: 4, Tries: 1, Error: "too large"}, f, "failure")
		assert.EqualValues(t, 7, s.unsent(), "unsent events")

		healed.Store(true)
		pass(3 * time.Second)
		assert.Equal(t, upTo(10), p.of("CHAIR"), "events")
		assert.Zero(t, s.failure("CHAIR"), "failure")
	})
}

// A product with progress at every try never has a dead event, however many tries there are in total.
func TestTriesAreCountedForEachEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR")
		s.sell("CHAIR", 11)
		tries := map[int64]int{}
		p := &picky{refuses: func(e outbox.Envelope) error {
			if tries[e.Sequence]++; tries[e.Sequence] <= 2 {
				return errors.New("not yet")
			}
			return nil
		}}
		checkTries := func(_ context.Context, settled outbox.Settlement) {
			if f := settled.Failure; f != nil {
				assert.Equal(t, min(tries[f.Sequence], 2), f.Tries, "Tries of event %d", f.Sequence)
			}
		}
		start(t, s, p, &outbox.Options{Tries: 3, Poll: time.Hour, MaxBackoff: time.Minute, Settled: checkTries})
		pass(25 * time.Hour)
		assert.Equal(t, upTo(12), p.of("CHAIR"), "events")
	})
}

func TestPausesBetweenTriesGrowUntilTheEventIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		var at []time.Time
		p := &picky{refuses: func(e outbox.Envelope) error {
			if e.Subject == "LAMP" {
				return nil
			}
			at = append(at, present())
			return errors.New("no route to host")
		}}
		log := &journal{}
		const poll = 10 * time.Millisecond
		start(t, s, p, &outbox.Options{Poll: poll, Tries: 7, MaxBackoff: 10 * time.Second, Logger: log.logger()})
		pass(2 * time.Minute)
		require.Len(t, at, 7, "tries")
		for i, seconds := range []int{1, 2, 4, 8, 10, 10} {
			longest := time.Duration(seconds) * time.Second
			waited := at[i+1].Sub(at[i])
			assert.GreaterOrEqual(t, waited, longest/2, "pause after try %d", i+1)
			assert.LessOrEqual(t, waited, longest+poll, "pause after try %d", i+1)
		}
		want := outbox.Failure{SKU: "CHAIR", Sequence: 1, Tries: 7, Dead: true, Error: "no route to host"}
		assert.Equal(t, want, s.failure("CHAIR"), "failure")

		lines := log.all()
		require.Len(t, lines, 7, "lines")
		firstLine := "WARN outbox: event was not accepted sku=CHAIR sequence=1 tries=1 error=no route to host retry_at="
		assert.Contains(t, lines[0], firstLine, "log")
		lastLine := "ERROR outbox: event is dead sku=CHAIR sequence=1 tries=7 error=no route to host"
		assert.Equal(t, lastLine, lines[6], "log")
	})
}

func TestADeadEventWaitsForRetryOrSkip(t *testing.T) {
	for _, row := range []struct {
		name   string
		revive func(t *testing.T, s *shop)
		want   []int64
	}{
		{"Retry", func(t *testing.T, s *shop) {
			t.Helper()
			require.NoError(t, s.Retry(t.Context(), "CHAIR"))
		}, []int64{1, 2, 3}},
		{"Skip", func(t *testing.T, s *shop) {
			t.Helper()
			require.NoError(t, s.Skip(t.Context(), "CHAIR", 2))
		}, []int64{1, 3}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, "CHAIR")
				s.sell("CHAIR", 2)
				var healed atomic.Bool
				p := &picky{refuses: func(e outbox.Envelope) error {
					if e.Sequence == 2 && !healed.Load() {
						return errors.New("schema is not registered")
					}
					return nil
				}}
				start(t, s, p, &outbox.Options{Tries: 2})
				pass(time.Hour)
				assert.True(t, s.failure("CHAIR").Dead, "Dead")
				healed.Store(true)
				pass(time.Hour)
				assert.Equal(t, []int64{1}, p.of("CHAIR"), "events before %s", row.name)
				row.revive(t, s)
				pass(time.Second)
				assert.Equal(t, row.want, p.of("CHAIR"), "events after %s", row.name)
			})
		})
	}
}

func TestAWrongResultOfPublishFailsOnlyItsProduct(t *testing.T) {
	result := func(accepted int, err error) publisher {
		return func(context.Context, []outbox.Envelope) (int, error) { return accepted, err }
	}
	panics := func(context.Context, []outbox.Envelope) (int, error) { panic("nil map") }
	eof, long := errors.New("eof"), "x"+strings.Repeat("é", 600)
	for _, row := range []struct {
		name  string
		chair publisher
		want  string // prefix of Failure.Error
		sent  int64  // events marked as sent
	}{
		{"panic", panics, "outbox: Publish panicked: nil map\ngoroutine ", 0},
		{"fewer without an error", result(2, nil), "outbox: Publish accepted 2 of 3 events without an error", 2},
		{"more than all", result(4, nil), "outbox: Publish returned a wrong count: 4 of 3 events", 0},
		{"a negative count", result(-1, eof), "outbox: Publish returned a wrong count: -1 of 3 events\neof", 0},
		{"all with an error", result(3, eof), "outbox: Publish returned a wrong count: 3 of 3 events\neof", 0},
		{"an error with invalid bytes", result(0, errors.New("\x00\xff ")), "\uFFFD\uFFFD ", 0},
		{"a long error", result(0, errors.New(long)), "x" + strings.Repeat("é", 499), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, "CHAIR", "LAMP")
				s.sell("CHAIR", 2)
				var got sent
				p := publisher(func(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
					if envelopes[0].Subject == "CHAIR" {
						return row.chair(ctx, envelopes)
					}
					return got.accept(envelopes...)
				})
				start(t, s, p, nil)
				pass(0)
				f := s.failure("CHAIR")
				assert.True(t, strings.HasPrefix(f.Error, row.want), "Error = %q, want %q", f.Error, row.want)
				assert.LessOrEqual(t, len(f.Error), 1000, "length of Error")
				assert.True(t, utf8.ValidString(f.Error), "Error is UTF-8")
				assert.Equal(t, row.sent+1, f.Sequence, "Sequence")
				assert.Equal(t, upTo(1), got.of("LAMP"), "events of LAMP")
			})
		})
	}
}

// A publisher may call runtime.Goexit, as FailNow of a test does. Only the delivery is lost, until its lease ends.
func TestGoexitInAPublisherDelaysOnlyItsProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		var got sent
		ends := true
		p := publisher(func(_ context.Context, envelopes []outbox.Envelope) (int, error) {
			if envelopes[0].Subject == "CHAIR" && ends {
				ends = false
				runtime.Goexit()
			}
			return got.accept(envelopes...)
		})
		_, stop := start(t, s, p, nil)
		pass(time.Minute)
		assert.Equal(t, upTo(1), got.of("LAMP"), "events of LAMP")
		assert.Equal(t, upTo(1), got.of("CHAIR"), "events of CHAIR after the lease")
		stop()
	})
}

// unreadable is a store with an event of an unknown kind: the third event of CHAIR.
type unreadable struct{ *shop }

func (u unreadable) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	deliveries, err := u.shop.Claim(ctx, c)
	for _, d := range deliveries {
		for i, r := range d.Events {
			if d.SKU == "CHAIR" && r.Sequence == 3 {
				d.Events[i] = outbox.Record{Sequence: 3, Err: fmt.Errorf("%w: unknown kind", allocation.ErrInvalid)}
			}
		}
	}
	return deliveries, err
}

func TestAnUndecodableEventStopsOnlyItsProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, "CHAIR", "LAMP")
		s.sell("CHAIR", 4)
		s.sell("LAMP", 4)
		var got sent
		start(t, unreadable{s}, &got, &outbox.Options{Tries: 2})
		pass(time.Hour)
		assert.Equal(t, upTo(2), got.of("CHAIR"), "events of CHAIR")
		assert.Equal(t, upTo(5), got.of("LAMP"), "events of LAMP")
		want := outbox.Failure{
			SKU: "CHAIR", Sequence: 3, Tries: 2, Dead: true,
			Error: `allocation: NewEnvelope: event "3": invalid: unknown kind`,
		}
		assert.Equal(t, want, s.failure("CHAIR"), "failure")
	})
}
