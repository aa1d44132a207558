package allocation_test

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
	"github.com/cosmic-go/allocation/bus"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

// hostWays are the ways to commit the host's row together with a line. An error of end fails the last write of the
// host. Join commits without an error of end, and calls committed twice.
var hostWays = map[string]func(c *till, order allocation.OrderID, end error) error{
	"guests": func(c *till, order allocation.OrderID, end error) error {
		row := memory.Func{
			Do:   func() error { c.rows[order] = true; return nil },
			Undo: func() { delete(c.rows, order) },
		}
		_, err := c.With(row, memory.Func{Do: func() error { return end }}).
			Allocate(context.Background(), want(order, "LAMP", 1))
		return err
	},
	"Within": func(c *till, order allocation.OrderID, end error) error {
		return c.place(context.Background(), func(context.Context, *allocation.Service) error { return end },
			want(order, "LAMP", 1))
	},
	"Join": func(c *till, order allocation.OrderID, end error) error {
		ctx := context.Background()
		tx := c.store.Begin()
		defer tx.Rollback()
		inside, committed := c.Inside(c.store.Join(tx))
		_, err := inside.Allocate(ctx, want(order, "LAMP", 1))
		if err := errors.Join(err, c.row(tx, order), end); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		committed(ctx)
		committed(ctx)
		return nil
	},
}

func TestTheBusHearsEachCommitOfTheHostOnce(t *testing.T) {
	for name, commit := range hostWays {
		t.Run(name, func(t *testing.T) {
			events := bus.New(nil)
			c := newTill(t, settings{units: allocation.UnitOfWorkOptions{Committed: events.Publish}},
				stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
			var heard []allocation.OrderID
			bus.Subscribe(events, func(ctx context.Context, e allocation.LineAllocated) error {
				heard = append(heard, e.OrderID)
				if e.SKU == "SOFA" {
					return nil
				}
				assert.True(t, c.rows[e.OrderID], "the host's row is there")
				assert.Contains(t, c.lines("LAMP"), e.OrderID, "the line is there")
				_, err := c.Allocate(ctx, want("gift for "+e.OrderID, "SOFA", 1)) // a command of the handler
				assert.NoError(t, err)
				return nil
			})
			failure := errors.New("the customer left")
			require.ErrorIs(t, commit(c, "o1", failure), failure)
			assert.Empty(t, heard)
			require.NoError(t, commit(c, "o1", nil))
			assert.Equal(t, []allocation.OrderID{"o1", "gift for o1"}, heard)
			c.store.FailCommit(allocation.ErrConflict)
			require.NoError(t, commit(c, "o2", nil), "a lost race is repeated")
			assert.Equal(t, []allocation.OrderID{"o1", "gift for o1", "o2", "gift for o2"}, heard)
			assert.Equal(t, []allocation.OrderID{"o1", "o2"}, c.lines("LAMP"))
			assert.Len(t, c.rows, 2)
			assert.Len(t, c.told, 4, "calls of Committed")
		})
	}
}

// claims is an outbox that counts the looks of a relay.
type claims struct {
	*memory.Store
	looks atomic.Int64
}

func (c *claims) Claim(ctx context.Context, claim outbox.Claim) ([]outbox.Delivery, error) {
	c.looks.Add(1)
	return c.Store.Claim(ctx, claim)
}

// accepted counts the events that a relay has sent.
type accepted struct{ events atomic.Int64 }

func (a *accepted) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	a.events.Add(int64(len(envelopes)))
	return len(envelopes), nil
}

func TestEachCommitOfTheHostWakesTheRelayOnce(t *testing.T) {
	for name, commit := range hostWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var relay *outbox.Relay
				wakes := 0
				c := newTill(t, settings{units: allocation.UnitOfWorkOptions{
					Committed: func(context.Context, []allocation.Event) { wakes++; relay.Wake() },
				}}, stock("b1", "LAMP", 10))
				source, sent := &claims{Store: c.store}, &accepted{}
				relay = outbox.NewRelay(source, sent, &outbox.Options{Poll: time.Hour})
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- relay.Run(ctx) }()
				synctest.Wait()
				looks, before := source.looks.Load(), sent.events.Load()
				failure := errors.New("the customer left")
				require.ErrorIs(t, commit(c, "o0", failure), failure)
				synctest.Wait()
				assert.Equal(t, looks, source.looks.Load(), "looks after a rollback")
				for i, order := range []allocation.OrderID{"o1", "o2", "o3"} {
					require.NoError(t, commit(c, order, nil))
					synctest.Wait()
					assert.Equal(t, i+1, wakes, "calls of Wake")
					assert.EqualValues(t, i+1, source.looks.Load()-looks, "looks")
					assert.EqualValues(t, i+1, sent.events.Load()-before, "events sent")
				}
				stop()
				require.NoError(t, <-ended)
			})
		})
	}
}

// A context that has ended begins no transaction.
func TestTransactUnderAContextThatHasEndedBeginsNothing(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, skus := range [][]allocation.SKU{nil, {"LAMP"}} {
		err := c.Transact(ctx,
			func(context.Context, func(allocation.Store) error) error { panic("a transaction begins") },
			func(context.Context, *allocation.Service) error { return nil }, skus...)
		require.ErrorIs(t, err, context.Canceled)
	}
}

// The hook Attempt hears that a transaction has not ended as it should.
func TestAttemptHearsOfATransactionThatPanics(t *testing.T) {
	w := &watch{}
	c := newTill(t, settings{units: allocation.UnitOfWorkOptions{Attempt: w.hook}}, stock("b1", "LAMP", 10))
	assert.PanicsWithValue(t, "away", func() {
		end := func(context.Context, *allocation.Service) error { panic("away") }
		_ = c.place(t.Context(), end, want("o1", "LAMP", 1))
	})
	require.Equal(t, "Transact", w.attempts[0].op)
	require.Len(t, w.attempts[0].ends, 1)
	require.ErrorContains(t, w.attempts[0].ends[0], "did not return")
}

// A hook Attempt without a context begins no transaction.
func TestTransactNeedsTheContextOfTheHook(t *testing.T) {
	c := newTill(t, settings{units: allocation.UnitOfWorkOptions{
		Attempt: func(context.Context, string, int) (context.Context, func(error)) { return nil, nil },
	}}, stock("b1", "LAMP", 10))
	require.ErrorIs(t, c.Transact(t.Context(),
		func(context.Context, func(allocation.Store) error) error { panic("a transaction begins") },
		func(context.Context, *allocation.Service) error { return nil }), allocation.ErrInvalid)
}
