package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
)

func TestCommandsAndSubscriptionsMayRunSideBySide(t *testing.T) {
	const callers, commands = 8, 10
	s := open(t, 0, "CHAIR", "LAMP")
	told := s.listen()
	var late atomic.Int64
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for i := range commands {
				bus.Subscribe(s.Bus, func(context.Context, allocation.LineAllocated) error {
					late.Add(1)
					return nil
				})
				order := allocation.OrderID(fmt.Sprintf("o%d-%d", caller, i))
				assert.NoError(t, s.allocate(t.Context(), order, "CHAIR", "LAMP"))
			}
		})
	}
	running.Wait()
	assert.Len(t, told(), callers*commands*2)
	seen := map[string]bool{}
	for _, line := range told() {
		assert.False(t, seen[line], "%s was told twice", line)
		seen[line] = true
	}
	assert.GreaterOrEqual(t, late.Load(), int64(callers*commands*2), "each hears at least of its own subscriber's command")
	assert.Empty(t, s.reports())
}

func TestWhatAHandlersGoroutineCausesIsHandledInTurn(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	var onStack []bool
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		onStack = append(onStack, below(t.Name()))
		if e.OrderID != "o1" || e.SKU != "CHAIR" {
			return nil
		}
		var both sync.WaitGroup
		for _, order := range []allocation.OrderID{"caused", "caused too"} {
			both.Go(func() { assert.NoError(t, s.allocate(ctx, order, "LAMP")) })
		}
		both.Wait()
		return nil
	})
	told := s.listen()
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR", "LAMP"))
	require.Len(t, told(), 4)
	assert.Equal(t, []string{"o1/CHAIR", "o1/LAMP"}, told()[:2])
	assert.ElementsMatch(t, []string{"caused/LAMP", "caused too/LAMP"}, told()[2:])
	assert.Equal(t, []bool{true, true, true, true}, onStack, "handlers run on the goroutine of the command, not of the handler's")
}

func TestAGoroutineThatOutlivesTheCommandHandlesItsOwnEvents(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	told := s.listen()
	returned, done := make(chan struct{}), make(chan struct{})
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if e.OrderID != "o1" {
			return nil
		}
		go func() {
			defer close(done)
			<-returned
			assert.NoError(t, s.allocate(ctx, "late", "LAMP"))
			assert.Contains(t, told(), "late/LAMP", "before the command returns, as ever")
		}()
		return nil
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	assert.Equal(t, []string{"o1/CHAIR"}, told())
	close(returned)
	<-done
	assert.Equal(t, []string{"o1/CHAIR", "late/LAMP"}, told())
}

func TestAGoroutineOutlivesACommandThatDidNotReturn(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	told := s.listen()
	ended, done := make(chan struct{}), make(chan struct{})
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if e.SKU == "CHAIR" {
			go func() {
				defer close(done)
				<-ended
				assert.NoError(t, s.allocate(ctx, "late", "LAMP"))
			}()
			runtime.Goexit()
		}
		return nil
	})
	go func() {
		defer close(ended)
		_ = s.allocate(t.Context(), "o1", "CHAIR")
	}()
	<-done
	assert.Contains(t, told(), "late/LAMP")
}

func TestNoEventIsLostWhileARunEnds(t *testing.T) {
	const times = 50
	s := open(t, 0, "CHAIR", "LAMP")
	told := s.listen()
	var stragglers sync.WaitGroup
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if e.SKU == "CHAIR" {
			stragglers.Go(func() { assert.NoError(t, s.allocate(ctx, e.OrderID, "LAMP")) })
		}
		return nil
	})
	for i := range times {
		require.NoError(t, s.allocate(t.Context(), allocation.OrderID(fmt.Sprint(i)), "CHAIR"))
	}
	stragglers.Wait()
	assert.Len(t, told(), 2*times)
}

func TestAGoroutinesEventsCountForTheEventThatItWasStartedFor(t *testing.T) {
	const limit = 3
	s := open(t, limit, "CHAIR", "LAMP", "SOFA")
	told := s.listen()
	begin, done := make(chan struct{}), make(chan struct{})
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		switch {
		case e.SKU == "CHAIR": // starts what goes too far, and doesn't wait for it
			go func() {
				defer close(done)
				<-begin
				for i := range limit + 3 {
					assert.NoError(t, s.allocate(ctx, allocation.OrderID(fmt.Sprint("chair's ", i)), "SOFA"))
				}
			}()
		case e.SKU == "LAMP": // it goes too far while it is the turn of another
			close(begin)
			<-done
			return s.allocate(ctx, "lamp's", "SOFA")
		}
		return nil
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR", "LAMP"))
	assert.Contains(t, told(), "lamp's/SOFA")
	require.Len(t, s.reports(), 1, "once, however many events are beyond the limit")
	assert.ErrorIs(t, s.reports()[0], bus.ErrCycle)
	assert.ErrorContains(t, s.reports()[0], "SKU:CHAIR")
}
