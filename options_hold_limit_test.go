package allocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// No hold ends later than the host allows, and no repeat that changes nothing is refused.
func TestLongestHold(t *testing.T) {
	clock := memory.NewClock(morning)
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 100)))
	opts := allocation.UnitOfWorkOptions{Now: clock.Now, LongestHold: 15 * time.Minute}
	units := allocation.NewUnitOfWork(store, &opts)
	free := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: clock.Now}})
	limited := newService(t, units, nil)
	until := func(minutes int) time.Time { return morning.Add(time.Duration(minutes) * time.Minute) }
	held := func(order allocation.OrderID, minutes int) allocation.Request {
		r := want(order, "LAMP", 1)
		r.HoldUntil = until(minutes)
		return r
	}
	_, err := free.Allocate(t.Context(), held("long", 60))
	require.NoError(t, err)
	for range 2 { // the second reads a cached product
		_, err = limited.Allocate(t.Context(), held("new", 16))
		refused(t, err, "Allocate", "hold until", until(16))
		_, err = limited.Allocate(t.Context(), want("firm", "LAMP", 1), held("held", 15))
		require.NoError(t, err)
	}
	_, err = limited.Allocate(t.Context(), held("held", 16))
	refused(t, err, "Allocate", "hold until", until(16))
	_, err = limited.Extend(t.Context(), "held", until(16))
	refused(t, err, "Extend", "hold until", until(16))
	_, err = limited.Allocate(t.Context(), held("firm", 60))
	require.NoError(t, err, "a repeat about a firm line")
	_, err = limited.Allocate(t.Context(), held("long", 60))
	require.NoError(t, err, "a repeat of a long hold")
	_, err = limited.Extend(t.Context(), "long", until(60))
	require.NoError(t, err, "an extension that changes nothing")
	_, errs := limited.AllocateEach(t.Context(), [][]allocation.Request{{held("bulk", 16)}, {held("held", 15)}})
	refused(t, errs[0], "Allocate", "hold until", until(16))
	require.NoError(t, errs[1])
	err = units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", "do")
		require.NoError(t, err)
		_, err = p.Allocate(products.Now(), nil, held("do", 16))
		return err
	})
	refused(t, err, "Allocate", "hold until", until(16))
	err = units.Do(t.Context(), func(_ context.Context, products allocation.Repository) error {
		p, err := allocation.NewProduct("NEW")
		require.NoError(t, err)
		require.NoError(t, p.AddBatch(stock("b2", "NEW", 1), products.Now()))
		require.NoError(t, products.Add(p))
		r := want("new", "NEW", 1)
		r.HoldUntil = until(16)
		_, err = p.Allocate(products.Now(), nil, r)
		return err
	})
	refused(t, err, "Allocate", "hold until", until(16))
	clock.Advance(time.Minute)
	lines, err := limited.Extend(t.Context(), "held", until(16))
	require.NoError(t, err)
	assert.Equal(t, until(16), lines[0].HeldUntil)
}

// A limit of a nanosecond is a limit.
func TestTheShortestLongestHold(t *testing.T) {
	now := func() time.Time { return morning }
	s := serve(t, memory.New(), settings{units: allocation.UnitOfWorkOptions{Now: now, LongestHold: 1}})
	require.NoError(t, s.AddBatch(t.Context(), stock("b1", "LAMP", 100)))
	held, timed := want("held", "LAMP", 1), want("timed", "LAMP", 1)
	held.HoldUntil, timed.HoldFor = morning.Add(time.Hour), time.Microsecond
	for _, r := range []allocation.Request{held, timed} {
		_, err := s.Allocate(t.Context(), r)
		assert.ErrorIs(t, err, allocation.ErrInvalid)
	}
}
