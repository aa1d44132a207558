package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

var morning = time.Date(2030, time.March, 1, 9, 0, 0, 0, time.UTC)

// fakes stand for everything outside the program: its storage, the broker, the buyers, the clock and the log.
type fakes struct {
	store  *memory.Store
	clock  *memory.Clock
	broker *broker
	notes  []string
	mailer error // the error of the next mails
	log    bytes.Buffer
}

// newApp is the program of main.go over fakes.
func newApp(t *testing.T) (*App, *fakes) {
	t.Helper()
	f := &fakes{store: memory.New(), clock: memory.NewClock(morning), broker: &broker{}}
	return newFrom(t, f.config()), f
}

func newFrom(t *testing.T, c Config) *App {
	t.Helper()
	app, err := New(c)
	require.NoError(t, err)
	return app
}

func (f *fakes) config() Config {
	return Config{
		Store: f.store, Publisher: f.broker, Now: f.clock.Now, Sweep: time.Minute,
		Notify: func(_ context.Context, text string) error { f.notes = append(f.notes, text); return f.mailer },
		Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
}

// broker keeps the kinds of the published events.
type broker struct {
	mu   sync.Mutex
	got  []string
	down error
}

func (b *broker) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return 0, b.down
	}
	for _, e := range envelopes {
		event, err := e.Event()
		if err != nil {
			return 0, err
		}
		b.got = append(b.got, event.Kind())
	}
	return len(envelopes), nil
}

// received waits until every goroutine is idle, and returns the kinds of the published events.
func (b *broker) received() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got
}

func lamps(order allocation.OrderID, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: "LAMP", Quantity: quantity}}
}

// A test of a handler needs only the program and fakes: the handler has run when the command returns.
func TestBuyersHearOfLowStockAndOfRefusals(t *testing.T) {
	app, f := newApp(t)
	require.NoError(t, f.store.Seed(allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
	require.NoError(t, app.Service.SetLowStock(t.Context(), "LAMP", 4))
	_, err := app.Service.Allocate(t.Context(), lamps("order-1", 7))
	require.NoError(t, err)
	assert.Equal(t, []string{"LAMP: only 3 left"}, f.notes)

	_, err = app.Service.Allocate(t.Context(), lamps("order-2", 4))
	require.ErrorAs(t, err, new(*allocation.OutOfStockError))
	assert.Equal(t, []string{"LAMP: only 3 left", "LAMP: 4 wanted, 3 left"}, f.notes)

	_, err = app.Service.Cancel(t.Context(), "order-1")
	require.NoError(t, err)
	assert.Len(t, f.notes, 2, "that there is enough again is no news")
}

func TestAMailThatFailsIsLoggedAndTheOrderStands(t *testing.T) {
	app, f := newApp(t)
	f.mailer = errors.New("mail server is away")
	require.NoError(t, f.store.Seed(allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
	_, err := app.Service.Allocate(t.Context(), lamps("order-1", 11))
	require.ErrorAs(t, err, new(*allocation.OutOfStockError), "the refusal is the answer, not the mail")
	assert.Contains(t, f.log.String(), "mail server is away")
}

// The parts beside the commands are tested in the time of a synctest bubble, where waiting takes no time.
func TestACommitIsPublishedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, f := newApp(t)
		require.NoError(t, app.Run(t.Context(), func(ctx context.Context) error {
			assert.Empty(t, f.broker.received())
			opened := time.Now()
			require.NoError(t, app.Service.AddBatch(ctx, allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
			assert.Equal(t, []string{"BatchAdded"}, f.broker.received())
			assert.Zero(t, time.Since(opened), "the relay was woken and has not waited for its poll")
			return nil
		}))
	})
}

func TestLapsedHoldsAreReleasedWithoutACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, f := newApp(t)
		require.NoError(t, f.store.Seed(allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
		require.NoError(t, app.Run(t.Context(), func(ctx context.Context) error {
			cart := lamps("cart-1", 3)
			cart.HoldUntil = morning.Add(time.Hour)
			_, err := app.Service.Allocate(ctx, cart)
			require.NoError(t, err)
			time.Sleep(2 * time.Minute)
			assert.NotContains(t, f.broker.received(), "HoldLapsed")
			f.clock.Advance(time.Hour)
			time.Sleep(time.Minute)
			assert.Equal(t, []string{"BatchAdded", "LineAllocated", "HoldLapsed"}, f.broker.received())
			return nil
		}))
	})
}

func TestAFailedReleaseOfHoldsIsLoggedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, f := newApp(t)
		require.NoError(t, f.store.Seed(allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
		require.NoError(t, app.Run(t.Context(), func(ctx context.Context) error {
			cart := lamps("cart-1", 3)
			cart.HoldUntil = morning.Add(time.Minute)
			_, err := app.Service.Allocate(ctx, cart)
			require.NoError(t, err)
			f.clock.Advance(time.Minute)
			f.store.FailLoad(errors.New("disk full"))
			time.Sleep(3 * time.Minute)
			assert.Contains(t, f.broker.received(), "HoldLapsed")
			return nil
		}))
		assert.Contains(t, f.log.String(), "disk full")
	})
}

func TestTheLastCommandIsPublishedBeforeTheRelayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, f := newApp(t)
		ctx, stop := context.WithCancel(t.Context())
		require.NoError(t, app.Run(ctx, func(ctx context.Context) error {
			stop()
			<-ctx.Done()
			last := context.WithoutCancel(ctx) // like a request that a server lets finish
			require.NoError(t, app.Service.AddBatch(last, allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
			assert.Equal(t, []string{"BatchAdded"}, f.broker.received())
			return nil
		}))
	})
}

// slowStore answers a query for lapsed holds when answer is closed.
type slowStore struct {
	*memory.Store
	answer chan struct{}
}

func (s slowStore) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if q.Due {
		<-s.answer
	}
	return s.Store.Load(ctx, q)
}

func TestTheRelayEndsAfterTheReleaseOfHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newApp(t)
		c, slow := f.config(), slowStore{f.store, make(chan struct{})}
		c.Store = slow
		app, ended := newFrom(t, c), make(chan error, 1)
		go func() {
			ended <- app.Run(t.Context(), func(context.Context) error { time.Sleep(c.Sweep + 1); return nil })
		}()
		time.Sleep(2 * c.Sweep) // the commands have ended while a sweep was under way
		require.NoError(t, f.store.Seed(allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
		app.relay.Wake()
		assert.Equal(t, []string{"BatchAdded"}, f.broker.received(), "the relay works on for what the sweep may commit")
		assert.Empty(t, ended, "the program waits for it")
		close(slow.answer)
		require.NoError(t, <-ended)
	})
}

func TestUnsentEventsAreSentAfterTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, f := newApp(t)
		f.broker.down = errors.New("no broker")
		require.NoError(t, app.Run(t.Context(), func(ctx context.Context) error {
			require.NoError(t, app.Service.AddBatch(ctx, allocation.Batch{Ref: "lamps", SKU: "LAMP", Purchased: 10}))
			assert.Empty(t, f.broker.received())
			return nil
		}))
		f.broker.down = nil
		f.clock.Advance(time.Hour) // the pause after a failed try
		again := newFrom(t, f.config())
		require.NoError(t, again.Run(t.Context(), func(context.Context) error {
			assert.Equal(t, []string{"BatchAdded"}, f.broker.received())
			return nil
		}))
	})
}

func TestThePartsEndWhenCommandsFailOrPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		app, _ := newApp(t)
		failure := errors.New("port in use")
		require.ErrorIs(t, app.Run(t.Context(), func(context.Context) error { return failure }), failure)
		assert.PanicsWithError(t, failure.Error(), func() {
			_ = app.Run(t.Context(), func(context.Context) error { panic(failure) })
		})
	})
}

func TestARelayThatCannotWorkEndsTheProgram(t *testing.T) {
	_, f := newApp(t)
	broken := f.config()
	broken.Publisher = nil
	err := newFrom(t, broken).Run(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return nil })
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}
