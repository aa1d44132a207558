// Package bus is a message bus within a process: after a commit, the bus calls the handlers of the committed events.
//
//	b := bus.New(&bus.Options{Report: func(ctx context.Context, err error) {
//		slog.ErrorContext(ctx, "event handler failed", "error", err)
//	}})
//	bus.Subscribe(b, func(ctx context.Context, e allocation.LineReleased) error {
//		return mail.Send(ctx, e.OrderID, "we are sorry")
//	})
//	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Committed: b.Publish})
//
// Handlers run on the goroutine of the caller whose command caused the event, after the commit and before the command
// returns. A handler may run further commands, each in a unit of work of its own. The events of these commands queue
// behind the events of the first command, and their handlers run before the first command returns.
//
// # Guarantees
//
// A handler is called at most once for each event. The commit stands whether or not a handler fails. An error or panic
// of a handler goes to [Options].Report; the bus doesn't call the handler again for the event, calls the other handlers
// as usual, and doesn't fail the command.
//
// Handlers are not called if the process dies after the commit, or if the outcome of the commit is unknown. A unit of
// work inside a host's own transaction refuses the option Committed, because the host can still roll back. Therefore
// choose the place of a reaction by its importance:
//
//   - A reaction that may be missed, such as dropping a cached page or waking a relay, is a handler on the bus.
//   - A reaction that must not be missed belongs behind a relay, see package outbox.
//   - A reaction that must be part of the commit belongs in a transaction of the host, see Join in package sqlstore.
//
// The bus carries events only. A command has exactly one handler, the method of [allocation.Service], and the caller
// needs the method's error.
package bus

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/cosmic-go/allocation"
)

// Options are the settings of [New]. Zero values mean the defaults.
type Options struct {
	// Report, if set, is called with a [*HandlerError] for each failed call of a handler, and with an error that
	// wraps [ErrCycle] for each cycle of handlers. The context has the values of the handler's context. By default
	// errors of handlers are dropped. Report must be safe for concurrent use.
	Report func(ctx context.Context, err error)

	// Limit is the number of events that may follow from a single event, through handlers that run commands;
	// 1,000 by default. Events beyond the limit are reported once as a cycle, and no handler is called for them.
	Limit int
}

// Bus calls handlers for events. A Bus is safe for concurrent use.
type Bus struct {
	report func(context.Context, error)
	limit  int

	mu       sync.RWMutex
	handlers []handler
}

// handler gets every event, and ignores events of types other than the subscribed type.
type handler func(ctx context.Context, event allocation.Event) error

// New returns a bus without handlers. opts may be nil.
func New(opts *Options) *Bus {
	b := &Bus{report: func(context.Context, error) {}, limit: 1000}
	if opts == nil {
		return b
	}
	if opts.Report != nil {
		b.report = opts.Report
	}
	if opts.Limit > 0 {
		b.limit = opts.Limit
	}
	return b
}

// Subscribe registers a handler for all further events of type E. With [allocation.Event] as E the handler gets every
// event. Handlers are called in the order of the subscriptions. A handler must be safe for concurrent use, because
// commands run concurrently. A subscription can't be taken back.
//
// Subscribe panics if handle is nil, or if E is a pointer type: events are plain values, so the handler would never be
// called.
func Subscribe[E allocation.Event](b *Bus, handle func(ctx context.Context, event E) error) {
	switch eventType := reflect.TypeFor[E](); {
	case handle == nil:
		panic(fmt.Sprintf("bus: Subscribe: handler of %v is nil", eventType))
	case eventType.Kind() == reflect.Pointer:
		panic(fmt.Sprintf("bus: Subscribe: no event has the type %v", eventType))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers = append(b.handlers, func(ctx context.Context, event allocation.Event) error {
		if e, ok := event.(E); ok {
			return handle(ctx, e)
		}
		return nil
	})
}
