package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/cosmic-go/allocation"
)

// ErrCycle is wrapped by the error that goes to [Options].Report when more events than [Options].Limit follow from a
// single event. The handlers probably cause each other's events without end.
var ErrCycle = errors.New("bus: too many events follow from a single event")

// HandlerError is the error that goes to [Options].Report when a handler returns an error or panics.
type HandlerError struct {
	Event allocation.Event
	Err   error  // the handler's error, or the value of the panic as an error
	Stack []byte // stack trace of a panic, nil after an error
}

func (e *HandlerError) Error() string {
	if e.Stack != nil {
		return fmt.Sprintf("bus: handler of %s panicked: %v\n%s", e.Event.Kind(), e.Err, e.Stack)
	}
	return fmt.Sprintf("bus: handler of %s: %v", e.Event.Kind(), e.Err)
}

func (e *HandlerError) Unwrap() error { return e.Err }

// Publish calls the handlers of the events; its place is the option Committed of [allocation.UnitOfWorkOptions].
//
// Publish calls the handlers on the calling goroutine and returns when the queue of events is empty. When a handler
// runs a command under the handler's context, the inner Publish appends the command's events to the queue of the outer
// Publish and returns at once. A handler may pass its context to a goroutine; after the outer command has returned, a
// command of the goroutine is published like a command of its own.
//
// A handler that calls [runtime.Goexit] ends the goroutine of the command.
func (b *Bus) Publish(ctx context.Context, events []allocation.Event) {
	if cause, inside := ctx.Value(queuedKey{b}).(queued); inside {
		added, cycle := cause.follow(events, b.limit)
		if cycle != nil {
			b.report(ctx, fmt.Errorf("%w: more than %d from %s %+v", ErrCycle, b.limit, cycle.Kind(), cycle))
		}
		if added {
			return
		}
	}
	r := newRun(events)
	defer r.end()
	for next := range r.events {
		b.handle(context.WithValue(ctx, queuedKey{b}, next), next.event)
	}
}

// handle calls all handlers of an event. A handler that subscribes another handler doesn't change the current list.
func (b *Bus) handle(ctx context.Context, event allocation.Event) {
	b.mu.RLock()
	handlers := b.handlers
	b.mu.RUnlock()
	for _, h := range handlers {
		if err := call(ctx, h, event); err != nil {
			b.report(ctx, err)
		}
	}
}

// call calls a handler and returns the handler's error or panic as a HandlerError.
func call(ctx context.Context, h handler, event allocation.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			cause, isError := p.(error)
			if !isError {
				cause = fmt.Errorf("%v", p)
			}
			err = &HandlerError{Event: event, Err: cause, Stack: debug.Stack()}
		}
	}()
	if err := h(ctx, event); err != nil {
		return &HandlerError{Event: event, Err: err}
	}
	return nil
}
