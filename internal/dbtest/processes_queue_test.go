package dbtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// comeLate is the role of two processes: in every round half of the walk-ins ask for a unit, after the hold on the unit
// has lapsed. The answer is how many units walk-ins were given, or were told to be available.
func comeLate(ctx context.Context, w *worker) (any, error) {
	var units atomic.Int64
	err := w.inRounds(ctx, func(round int) error {
		return atOnce(walkIns/w.Of, func(i int) error {
			order := cart(fmt.Sprintf("walk-in-%d-%d", w.Number, i), round)
			_, err := w.service.Allocate(ctx, firm(order, ticket(round), 1))
			var short *allocation.OutOfStockError
			switch {
			case errors.As(err, &short):
				units.Add(int64(short.Shortages[0].Available))
				return nil
			case err == nil:
				units.Add(1)
			}
			return err
		})
	})
	return units.Load(), err
}

func TestB2_ALapsedHoldGoesToTheQueueBeforeWalkInsOfTwoProcesses(t *testing.T) {
	rounds := roundsToPlay(t)
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		const lapse = time.Minute
		for round := range rounds {
			hold := firm(cart("hold", round), ticket(round), 1)
			hold.HoldUntil = start.Add(lapse)
			openRound(t, service, round, 1, hold, patient(cart("waiter", round), ticket(round), 1))
		}
		for n, units := range inTwoProcesses[int](t, p, "come late", rounds, lapse) {
			assert.Zero(t, units, "units that walk-ins of process %d were given, or told to be available", n)
		}
		served := requireServed(t, store, rounds, allocation.HoldLapsed{})
		t.Logf("the waiter had the unit in %d of %d rounds; %s sets the rounds", served, rounds, roundsVariable)
	})
}

// leaveQueue is the role of two processes: in every round the first frees the unit that a line waits for, and the
// second cancels the line.
func leaveQueue(ctx context.Context, w *worker) (any, error) {
	leaves := []string{"owner", "waiter"}[w.Number]
	return true, w.inRounds(ctx, func(round int) error {
		_, err := w.service.Cancel(ctx, cart(leaves, round))
		return err
	})
}

func TestB7_ALineThatLeavesTheQueueWhileItIsServedHasNoUnit(t *testing.T) {
	rounds := roundsToPlay(t)
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		for round := range rounds {
			requests := []allocation.Request{
				firm(cart("owner", round), ticket(round), 1), patient(cart("waiter", round), ticket(round), 1),
				patient(cart("next", round), ticket(round), 1),
			}
			openRound(t, service, round, 1, requests[:2+round%2]...) // every other round has a line behind
		}
		inTwoProcesses[bool](t, p, "leave", rounds, 0)
		taken, never := 0, 0
		for round := range rounds {
			switch story := storyOf(t, store, round); story {
			case "waits for 1, given 1, given 0":
				taken++
			case "waits for 1, waits for 0":
				never++
			default:
				t.Errorf("round %d: the line %s", round, story)
			}
			order := cart("next", round)
			state := load(t, store, ticket(round), cart("waiter", round), order)
			assert.False(t, state.AnyWaiting, "somebody waits after round %d", round)
			require.Len(t, state.Lines, round%2, "lines after round %d", round)
			for _, line := range state.Lines {
				assert.Equal(t, order, line.OrderID, "who has the unit after round %d", round)
			}
			assert.EqualValues(t, round%2, promised(t, store, round), "units promised after round %d", round)
			requireClean(t, service, ticket(round))
		}
		assert.Equal(t, rounds, taken+never, "rounds in which the line was left without a unit")
		t.Logf("given and taken back in %d, never given in %d of %d rounds; %s sets the rounds", taken, never, rounds,
			roundsVariable)
	})
}

// storyOf tells the events of the waiter's line.
func storyOf(t *testing.T, store *sqlstore.Store, round int) (story string) {
	t.Helper()
	events, _, err := harness.Events(t.Context(), store, ticket(round))
	require.NoError(t, err)
	add := func(order allocation.OrderID, what string, units allocation.Quantity) {
		if order != cart("waiter", round) {
			return
		}
		if story != "" {
			story += ", "
		}
		story += fmt.Sprint(what, " ", units)
	}
	var units allocation.Quantity
	for _, event := range events {
		switch e := event.(type) {
		case allocation.LineWaiting:
			add(e.OrderID, "waits for", e.Quantity)
		case allocation.LineAllocated:
			if e.OrderID == cart("waiter", round) {
				units += e.Quantity
			}
			add(e.OrderID, "given", units)
		case allocation.LineDeallocated:
			if e.OrderID == cart("waiter", round) {
				units -= e.Quantity
			}
			add(e.OrderID, "given", units)
		}
	}
	return story
}

// promised is how many units the batch of a round has promised.
func promised(t *testing.T, store *sqlstore.Store, round int) allocation.Quantity {
	t.Helper()
	batches, err := store.Batches(t.Context(), start, ticket(round), "", 2)
	require.NoError(t, err)
	require.Len(t, batches, 1)
	return batches[0].Allocated
}

// sameCallers is how many callers of each process make one call in a round.
const sameCallers = 4

// orderTwice is the role of two processes: in every round the first lets line W wait for 8 units, and the second, which
// has cached the product, orders 5 units by W. In rounds with an owner W waits already, and the first process cancels
// the owner's line. The answers say for each round how many of the equal calls succeeded.
func orderTwice(ctx context.Context, w *worker) (any, error) {
	var won []int64
	err := w.inRounds(ctx, func(round int) error {
		r := patient("W", ticket(round), 8)
		if w.Number > 0 {
			r = firm("W", ticket(round), 5)
			if _, err := w.service.Allocate(ctx, firm(cart("warm", round), ticket(round), 1)); err != nil {
				return err
			}
		}
		if err := w.meet(ctx, fmt.Sprint("warm-", round)); err != nil {
			return err
		}
		var given atomic.Int64
		err := atOnce(sameCallers+1, func(i int) error {
			if i == sameCallers && w.Number > 0 {
				return nil
			}
			expected, err := allocation.ErrMismatch, error(nil)
			if i == sameCallers {
				expected = allocation.ErrNotFound // no owner
				_, err = w.service.Cancel(ctx, cart("owner", round))
			} else if _, err = w.service.Allocate(ctx, r); err == nil {
				given.Add(1)
			}
			if errors.Is(err, expected) {
				return nil
			}
			return err
		})
		won = append(won, given.Load())
		return err
	})
	return won, err
}

func TestB11_ALineWaitsOrHasUnitsWhicheverProcessIsFaster(t *testing.T) {
	rounds := roundsToPlay(t)
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		for round := range rounds {
			var requests []allocation.Request
			if round%2 > 0 {
				owner := firm(cart("owner", round), ticket(round), 5)
				requests = []allocation.Request{owner, patient("W", ticket(round), 8)}
			}
			openRound(t, service, round, 6, requests...)
		}
		won := inTwoProcesses[[]int64](t, p, "order twice", rounds, 0)
		waited := 0
		for round := range rounds {
			state := load(t, store, ticket(round), "W")
			has := [2]allocation.Quantity{}
			for _, line := range state.Lines {
				has[0] += line.Quantity
			}
			for _, line := range state.Waiting {
				has[1] += line.Waiting
			}
			want := [2]allocation.Quantity{5, 0}
			wanted := [2]int64{0, sameCallers} // calls that succeed
			if round%2 > 0 || won[0][round] > 0 {
				want, wanted = [2]allocation.Quantity{0, 8}, [2]int64{sameCallers, 0}
				waited++
			}
			assert.Equal(t, want, has, "units of W, and units that W waits for, after round %d", round)
			assert.Equal(t, wanted, [2]int64{won[0][round], won[1][round]}, "calls that succeeded in round %d", round)
			requireClean(t, service, ticket(round))
		}
		t.Logf("W waits for 8 units after %d, and has 5 units after %d of %d rounds; %s sets the rounds", waited,
			rounds-waited, rounds, roundsVariable)
	})
}
