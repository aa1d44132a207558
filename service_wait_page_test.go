package allocation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// Whoever is first in line needs the units of more lapsed holds than one page has. Nobody behind is served before.
func TestR15_NobodyOvertakesAtTheEdgeOfAPageOfLapsedHolds(t *testing.T) {
	frees := map[string]func(s shop) error{
		"the sweep": func(s shop) error { _, err := s.Sweep(s.t.Context()); return err },
		"a cancel":  func(s shop) error { _, err := s.Cancel(s.t.Context(), "firm"); return err },
		"a walk-in": func(s shop) error {
			_, err := s.Allocate(s.t.Context(), want("walk-in", "LAMP", 9))
			require.ErrorAs(s.t, err, new(*allocation.OutOfStockError))
			return nil
		},
	}
	for how, free := range frees {
		for page := 1; page < 6; page++ {
			t.Run(fmt.Sprintf("%s with pages of %d", how, page), func(t *testing.T) {
				store, clock := memory.New(), memory.NewClock(morning)
				require.NoError(t, store.Seed(stock("b1", "LAMP", 6)))
				opts := allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: page}
				service := newService(t, allocation.NewUnitOfWork(store, &opts), nil)
				s := shop{Service: service, t: t, store: store, clock: clock}
				place := func(r allocation.Request) {
					_, err := s.Allocate(t.Context(), r)
					require.NoError(t, err)
				}
				place(want("firm", "LAMP", 1))
				for i := range 5 {
					held := want(allocation.OrderID(fmt.Sprint("held-", i)), "LAMP", 1)
					held.HoldUntil = morning.Add(time.Minute)
					place(held)
				}
				for order, units := range []allocation.Quantity{4, 1, 1} {
					place(mayWait(allocation.OrderID(fmt.Sprint("waiting-", order)), "LAMP", units))
				}
				clock.Advance(time.Minute)
				require.NoError(t, free(s))
				_, err := s.Sweep(t.Context())
				require.NoError(t, err)
				events, err := store.Events(t.Context(), "LAMP", 0, 100)
				require.NoError(t, err)
				var served []allocation.OrderID
				for _, e := range events {
					if given, is := e.(allocation.LineAllocated); is && given.Waited {
						served = append(served, given.OrderID)
					}
				}
				require.NotEmpty(t, served)
				assert.Equal(t, allocation.OrderID("waiting-0"), served[0], "in order: %v", served)
			})
		}
	}
}

// A hold lapses, and its unit goes to the first in line, whose page the command has yet to load. Meanwhile another
// process serves a page of the line. The command then goes on from the mark, and not from the first in line again.
func TestR15_ACommandGoesOnFromTheMarkThatAnotherProcessSetMeanwhile(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 2))
	s.pageOf(1)
	other := newService(t, s.units, nil)
	hold := want("hold", "LAMP", 1)
	hold.HoldUntil = morning.Add(time.Minute)
	s.mustAllocate(want("firm", "LAMP", 1), hold)
	for _, order := range []allocation.OrderID{"large", "first", "second", "third"} {
		r := mayWait(order, "LAMP", 1)
		if order == "large" {
			r.Quantity = 99 // passed over
		}
		s.mustAllocate(r)
	}
	s.clock.Advance(time.Minute)
	runs := 0
	err := s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		runs++
		p, err := products.Get(ctx, "LAMP", "firm")
		if err != nil {
			return err
		}
		if _, err := p.Ship("firm", products.Now()); err != nil {
			return err
		}
		if runs == 1 {
			return other.AddBatch(t.Context(), stock("B-2", "LAMP", 3))
		}
		return nil
	})
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.has("first", "LAMP"), "by the other process")
	assert.EqualValues(t, 1, s.has("second", "LAMP"), "by the command")
	assert.Equal(t, []allocation.OrderID{"large", "third"}, s.queue("LAMP"))
}
