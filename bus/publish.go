package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/cosmic-go/allocation"
)

// ErrCycle is wrapped in what is reported of events that follow from one another without end.
var ErrCycle = errors.New("bus: too many events follow from one")

// HandlerError is what is reported of a handler that failed.
type HandlerError struct {
	Event allocation.Event
	Err   error  // what the handler returned, or what it panicked with
	Stack []byte // of a panic, else nil
}

func (e *HandlerError) Error() string {
	if e.Stack != nil {
		return fmt.Sprintf("bus: handler of %s panicked: %v\n%s", e.Event.Kind(), e.Err, e.Stack)
	}
	return fmt.Sprintf("bus: handler of %s: %v", e.Event.Kind(), e.Err)
}

func (e *HandlerError) Unwrap() error { return e.Err }

// Publish calls the handlers of events; it is made to be [allocation.Options].Committed. Called by a handler,
// through the commands that it runs under its own context, it adds the events to those that wait for their
// turn and returns; once the outer command has returned, what a handler's goroutine causes counts and is handled
// like a command of its own. A handler that ends its goroutine (runtime.Goexit) ends the command's.
func (b *Bus) Publish(ctx context.Context, events []allocation.Event) {
	if cause, inside := ctx.Value(turnKey{b}).(turn); inside {
		added, endless := cause.follow(events, b.limit)
		if endless != nil {
			b.report(ctx, fmt.Errorf("%w: more than %d from %s %+v", ErrCycle, b.limit, endless.Kind(), endless))
		}
		if added {
			return
		}
	}
	r := newRun(events)
	defer r.end()
	for next := range r.turns {
		b.handle(context.WithValue(ctx, turnKey{b}, next), next.event)
	}
}

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

// call shields the neighbours of a handler from it.
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
