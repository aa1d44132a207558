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

func TestCommandsAndSubscriptionsMayRunConcurrently(t *testing.T) {
	const callers, commands = 8, 10
	s := open(t, 0, "CHAIR", "LAMP")
	heard := s.listen()
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
	assert.Len(t, heard(), callers*commands*2)
	seen := map[string]bool{}
	for _, line := range heard() {
		assert.False(t, seen[line], "%s was published twice", line)
		seen[line] = true
	}
	// A handler hears at least the two events of the command after its subscription.
	assert.GreaterOrEqual(t, late.Load(), int64(callers*commands*2), "calls of handlers subscribed later")
	assert.Empty(t, s.reports())
}

func TestEventsOfAHandlersGoroutineJoinTheQueue(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	var sameStack []bool
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		sameStack = append(sameStack, onStack(t.Name()))
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
	heard := s.listen()
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR", "LAMP"))
	require.Len(t, heard(), 4)
	assert.Equal(t, []string{"o1/CHAIR", "o1/LAMP"}, heard()[:2])
	assert.ElementsMatch(t, []string{"caused/LAMP", "caused too/LAMP"}, heard()[2:])
	assert.Equal(t, []bool{true, true, true, true}, sameStack, "handlers run on the command's goroutine")
}

func TestAGoroutineThatOutlivesTheCommandPublishesItself(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	heard := s.listen()
	returned, done := make(chan struct{}), make(chan struct{})
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if e.OrderID != "o1" {
			return nil
		}
		go func() {
			defer close(done)
			<-returned
			assert.NoError(t, s.allocate(ctx, "late", "LAMP"))
			assert.Contains(t, heard(), "late/LAMP", "events handled before the late command returned")
		}()
		return nil
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	assert.Equal(t, []string{"o1/CHAIR"}, heard())
	close(returned)
	<-done
	assert.Equal(t, []string{"o1/CHAIR", "late/LAMP"}, heard())
}

func TestAGoroutineThatOutlivesAGoexitPublishesItself(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	heard := s.listen()
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
	assert.Contains(t, heard(), "late/LAMP")
}

func TestNoEventIsLostWhileARunEnds(t *testing.T) {
	const times = 50
	s := open(t, 0, "CHAIR", "LAMP")
	heard := s.listen()
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
	assert.Len(t, heard(), 2*times)
}

func TestAGoroutinesEventsCountForTheEventOfItsHandler(t *testing.T) {
	const limit = 3
	s := open(t, limit, "CHAIR", "LAMP", "SOFA")
	heard := s.listen()
	begin, done := make(chan struct{}), make(chan struct{})
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		switch {
		case e.SKU == "CHAIR": // starts a goroutine that exceeds the limit, and doesn't wait for the goroutine
			go func() {
				defer close(done)
				<-begin
				for i := range limit + 3 {
					assert.NoError(t, s.allocate(ctx, allocation.OrderID(fmt.Sprint("chair's ", i)), "SOFA"))
				}
			}()
		case e.SKU == "LAMP": // lets the goroutine exceed the limit during the handlers of another event
			close(begin)
			<-done
			return s.allocate(ctx, "lamp's", "SOFA")
		}
		return nil
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR", "LAMP"))
	assert.Contains(t, heard(), "lamp's/SOFA")
	require.Len(t, s.reports(), 1, "reports, of several events beyond the limit")
	assert.ErrorIs(t, s.reports()[0], bus.ErrCycle)
	assert.ErrorContains(t, s.reports()[0], "SKU:CHAIR")
}
