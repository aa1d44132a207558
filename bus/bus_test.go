package bus_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
)

func TestHandlersGetTheEventsOfTheirType(t *testing.T) {
	s := open(t, 0, "CHAIR")
	var allocated []allocation.LineAllocated
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
		allocated = append(allocated, e)
		return nil
	})
	all := s.kinds()
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	_, err := s.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	want := allocation.LineAllocated{SKU: "CHAIR", At: morning, OrderID: "o1", Batch: "CHAIR", Quantity: 1}
	assert.Equal(t, []allocation.LineAllocated{want}, allocated)
	assert.Equal(t, []string{"LineAllocated", "LineDeallocated"}, *all, "events of a handler of allocation.Event")
}

func TestHandlersOfOneEventAreCalledInTheOrderOfTheirSubscription(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	var called []string
	for _, name := range []string{"first", "second", "third"} {
		bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
			called = append(called, name+" "+string(e.SKU))
			return nil
		})
	}
	require.NoError(t, s.allocate(t.Context(), "o1", "LAMP", "CHAIR"))
	assert.Equal(t, []string{
		"first CHAIR", "second CHAIR", "third CHAIR", // the events of a commit are sorted by SKU
		"first LAMP", "second LAMP", "third LAMP",
	}, called)
}

func TestAHandlersSubscriptionStartsWithTheNextEvent(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	var late []allocation.SKU
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
		if e.SKU == "CHAIR" {
			bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
				late = append(late, e.SKU)
				return nil
			})
		}
		return nil
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR", "LAMP"))
	assert.Equal(t, []allocation.SKU{"LAMP"}, late)
}

func TestAHandlerRunsAfterTheCommitAndBeforeTheCommandReturns(t *testing.T) {
	s := open(t, 0, "CHAIR")
	handled, returned := false, false
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		handled = true
		assert.False(t, returned, "the command returned before the handler was called")
		return s.units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
			chair, err := products.Get(ctx, e.SKU, e.OrderID)
			if err != nil {
				return err
			}
			_, err = chair.Lines(e.OrderID, products.Now())
			assert.NoError(t, err, "the handler reads the committed line")
			return nil
		})
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	returned = true
	assert.True(t, handled)
	assert.Empty(t, s.reports())
}

func TestHandlersRunOnTheCallersGoroutine(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	var orders []allocation.OrderID
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		orders = append(orders, e.OrderID)
		assert.True(t, onStack(t.Name()), "%s: the handler runs on another goroutine than the test", e.OrderID)
		if e.OrderID == "o1" {
			return s.allocate(ctx, "caused", "LAMP")
		}
		return nil
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	assert.Equal(t, []allocation.OrderID{"o1", "caused"}, orders)
}

// onStack reports whether a function of this package is on the stack of the calling goroutine.
func onStack(function string) bool {
	callers := make([]uintptr, 100)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "."+function) {
			return true
		}
		if !more {
			return false
		}
	}
}

func TestEventsCausedByHandlersJoinTheEndOfTheQueue(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	heard := s.listen()
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if len(e.OrderID) == 3 {
			return nil
		}
		before := len(heard())
		err := s.allocate(ctx, e.OrderID+allocation.OrderID(e.SKU[:1]), e.SKU)
		assert.Len(t, heard(), before, "a handler's command returns before its events are handled")
		return err
	})
	require.NoError(t, s.allocate(t.Context(), "o", "CHAIR", "LAMP"))
	assert.Equal(t, []string{"o/CHAIR", "o/LAMP", "oC/CHAIR", "oL/LAMP", "oCC/CHAIR", "oLL/LAMP"}, heard())
	assert.Empty(t, s.reports())
}

func TestAHandlerGetsTheCallersContext(t *testing.T) {
	type key struct{}
	s := open(t, 0, "CHAIR", "LAMP")
	var seen []any
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		seen = append(seen, ctx.Value(key{}))
		if e.OrderID == "o1" {
			return s.allocate(ctx, "caused", "LAMP")
		}
		return nil
	})
	require.NoError(t, s.allocate(context.WithValue(t.Context(), key{}, "caller"), "o1", "CHAIR"))
	assert.Equal(t, []any{"caller", "caller"}, seen)
}

func TestTwoBusesHaveQueuesOfTheirOwn(t *testing.T) {
	one, other := open(t, 0, "CHAIR"), open(t, 0, "LAMP")
	lamps := other.listen()
	bus.Subscribe(one.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		err := other.allocate(ctx, e.OrderID, "LAMP")
		assert.Equal(t, []string{"o1/LAMP"}, lamps(), "the other bus calls its handlers before the command returns")
		return err
	})
	chairs := one.listen()
	require.NoError(t, one.allocate(t.Context(), "o1", "CHAIR"))
	assert.Equal(t, []string{"o1/CHAIR"}, chairs())
}

func TestARefusalReachesHandlersAndTheCaller(t *testing.T) {
	s := open(t, 0, "CHAIR")
	var refused []allocation.LineRefused
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineRefused) error {
		refused = append(refused, e)
		return nil
	})
	line := allocation.OrderLine{OrderID: "o1", SKU: "CHAIR", Quantity: 101}
	_, err := s.Allocate(t.Context(), allocation.Request{OrderLine: line})
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	want := allocation.LineRefused{SKU: "CHAIR", At: morning, OrderID: "o1", Quantity: 101, Available: 100}
	assert.Equal(t, []allocation.LineRefused{want}, refused)
}

func TestHandlersHearThatALineWaitsAndThatTheLineWasServed(t *testing.T) {
	s := open(t, 0, "CHAIR")
	var told []allocation.Event
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineWaiting) error {
		told = append(told, e)
		return nil
	})
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
		told = append(told, e)
		return nil
	})
	owner := allocation.Request{OrderLine: allocation.OrderLine{OrderID: "owner", SKU: "CHAIR", Quantity: 100}}
	waiter := allocation.Request{OrderLine: allocation.OrderLine{OrderID: "o1", SKU: "CHAIR", Quantity: 2}, Wait: true}
	for _, r := range []allocation.Request{owner, waiter} {
		_, err := s.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	_, err := s.Cancel(t.Context(), "owner")
	require.NoError(t, err)
	assert.Equal(t, []allocation.Event{
		allocation.LineAllocated{SKU: "CHAIR", At: morning, OrderID: "owner", Batch: "CHAIR", Quantity: 100},
		allocation.LineWaiting{SKU: "CHAIR", At: morning, OrderID: "o1", Quantity: 2, Wanted: 2},
		allocation.LineAllocated{SKU: "CHAIR", At: morning, OrderID: "o1", Batch: "CHAIR", Quantity: 2, Waited: true},
	}, told)
}

func TestSubscribePanicsIfTheHandlerCouldNeverBeCalled(t *testing.T) {
	b := bus.New(nil)
	assert.PanicsWithValue(t, "bus: Subscribe: handler of allocation.LineShipped is nil", func() {
		bus.Subscribe[allocation.LineShipped](b, nil)
	})
	assert.PanicsWithValue(t, "bus: Subscribe: handler of allocation.Event is nil", func() {
		bus.Subscribe[allocation.Event](b, nil)
	})
	assert.PanicsWithValue(t, "bus: Subscribe: no event has the type *allocation.LineShipped", func() {
		bus.Subscribe(b, func(context.Context, *allocation.LineShipped) error { return nil })
	})
}
