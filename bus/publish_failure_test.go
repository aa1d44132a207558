package bus_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
)

var errMail = errors.New("mail server is away")

// failures lists the ways of a handler to fail.
var failures = map[string]struct {
	handle func() error
	cause  error  // for errors.Is, nil if the handler has no error value
	text   string // text of HandlerError.Err
	panics bool
}{
	"error":               {func() error { return errMail }, errMail, "mail server is away", false},
	"panic with an error": {func() error { panic(errMail) }, errMail, "mail server is away", true},
	"panic with a text":   {func() error { panic("no address") }, nil, "no address", true},
}

func TestAFailedHandlerIsReportedAndStopsNothingElse(t *testing.T) {
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			s := open(t, 0, "CHAIR", "LAMP")
			before := s.listen()
			calls := 0
			bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
				if calls++; e.SKU == "CHAIR" {
					return failure.handle()
				}
				return nil
			})
			after := s.listen()

			require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR", "LAMP"), "the command stands")
			assert.Equal(t, []string{"o1/CHAIR", "o1/LAMP"}, before())
			assert.Equal(t, before(), after(), "events of the handlers before and after the failed handler")
			assert.Equal(t, 2, calls, "calls of the failed handler, one for each event")

			require.Len(t, s.reports(), 1)
			var failed *bus.HandlerError
			require.ErrorAs(t, s.reports()[0], &failed)
			event := allocation.LineAllocated{SKU: "CHAIR", At: morning, OrderID: "o1", Batch: "CHAIR", Quantity: 1}
			assert.Equal(t, event, failed.Event)
			assert.EqualError(t, failed.Err, failure.text)
			if failure.cause != nil {
				assert.ErrorIs(t, s.reports()[0], failure.cause)
			}
			assert.Equal(t, failure.panics, failed.Stack != nil, "a panic has a stack")
		})
	}
}

func TestTheReportOfAPanicHasTheStack(t *testing.T) {
	s := open(t, 0, "CHAIR")
	bus.Subscribe(s.Bus, func(context.Context, allocation.LineAllocated) error { return errMail })
	bus.Subscribe(s.Bus, func(context.Context, allocation.LineAllocated) error { return indexOf(nil) })
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	require.Len(t, s.reports(), 2)
	assert.EqualError(t, s.reports()[0], "bus: handler of LineAllocated: mail server is away")
	assert.ErrorContains(t, s.reports()[1], "bus: handler of LineAllocated panicked: runtime error: index out of range")
	assert.ErrorContains(t, s.reports()[1], "bus_test.indexOf(", "the stack names the function that panicked")
	var culprit runtime.Error
	assert.ErrorAs(t, s.reports()[1], &culprit)
}

//go:noinline
func indexOf(none []error) error { return none[0] }

func TestWithoutReportAFailureIsDropped(t *testing.T) {
	for name, opts := range map[string]*bus.Options{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			b := bus.New(opts)
			calls := 0
			bus.Subscribe(b, func(context.Context, allocation.Event) error { panic(errMail) })
			bus.Subscribe(b, func(context.Context, allocation.Event) error { calls++; return nil })
			b.Publish(t.Context(), []allocation.Event{allocation.LineShipped{}, allocation.LineShipped{}})
			assert.Equal(t, 2, calls)
		})
	}
}

func TestAFailureIsReportedUnderTheHandlersContext(t *testing.T) {
	type key struct{}
	var seen any
	b := bus.New(&bus.Options{Report: func(ctx context.Context, _ error) { seen = ctx.Value(key{}) }})
	bus.Subscribe(b, func(context.Context, allocation.Event) error { return errMail })
	b.Publish(context.WithValue(t.Context(), key{}, "caller"), []allocation.Event{allocation.LineShipped{}})
	assert.Equal(t, "caller", seen)
}

func TestTheErrorOfAHandlersCommandIsReported(t *testing.T) {
	s := open(t, 0, "CHAIR")
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		return s.allocate(ctx, e.OrderID, "SOFA")
	})
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"))
	require.Len(t, s.reports(), 1)
	assert.ErrorIs(t, s.reports()[0], allocation.ErrNotFound)
}

func TestHandlersRunEvenIfTheCallersContextEndsAfterTheCommit(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	ctx, leave := context.WithCancel(t.Context())
	bus.Subscribe(s.Bus, func(context.Context, allocation.LineAllocated) error { leave(); return nil })
	bus.Subscribe(s.Bus, func(ctx context.Context, _ allocation.LineAllocated) error { return ctx.Err() })
	heard := s.listen()
	require.NoError(t, s.allocate(ctx, "o1", "CHAIR", "LAMP"), "the commit stands")
	assert.Equal(t, []string{"o1/CHAIR", "o1/LAMP"}, heard())
	require.Len(t, s.reports(), 2)
	assert.ErrorIs(t, s.reports()[0], context.Canceled, "the handlers' context has ended")
}

func TestGoexitInAHandlerEndsTheCommandsGoroutine(t *testing.T) {
	s := open(t, 0, "CHAIR", "LAMP")
	bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
		if e.OrderID == "o1" {
			runtime.Goexit()
		}
		return nil
	})
	heard := s.listen()
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_ = s.allocate(t.Context(), "o1", "CHAIR")
		returned = true
	}()
	<-done
	assert.False(t, returned)
	assert.Empty(t, heard())
	product, _ := s.store.Product("CHAIR")
	assert.Len(t, product.Lines, 1, "the commit stands")
	require.NoError(t, s.allocate(t.Context(), "o2", "LAMP"), "the next command")
	assert.Equal(t, []string{"o2/LAMP"}, heard())
}
