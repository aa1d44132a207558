// Package bus lets parts of a program in the same process react to events, as the message bus of the book does.
//
//	b := bus.New(&bus.Options{Report: func(ctx context.Context, err error) { slog.ErrorContext(ctx, "handler", "error", err) }})
//	bus.Subscribe(b, func(ctx context.Context, e allocation.LineReleased) error {
//		return mail.Send(ctx, e.OrderID, "we are sorry")
//	})
//	units := allocation.NewUnitOfWork(store, &allocation.Options{Committed: b.Publish})
//
// Handlers run on the goroutine of the caller whose command caused the event: after its commit, and before the
// command returns. Each may begin a unit of work of its own. What happens there is handled in turn, after the
// events that came first.
//
// # What it promises, and what it doesn't
//
// A handler is called at most once for an event. The commit stands whatever handlers do: a handler that fails or
// panics is reported, and neither tried again nor able to keep others, or the command, from going on. A process
// that dies between commit and handler, or a commit whose outcome is unknown, leaves handlers out. So
//
//   - what may be missed, such as dropping a cached page or waking a relay, is a matter for the bus;
//   - what must not be missed goes through the outbox, see package outbox;
//   - what must happen in the same commit goes into the same transaction, see sqlstore's Join.
//
// Only events go through the bus. A command has one handler, whose error the caller needs: the methods of
// [allocation.Service] are those handlers.
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
	// Report is told of every handler that failed, by a [*HandlerError], and of cycles, by an error that
	// wraps [ErrCycle]. By default nobody is. It must be safe for concurrent use.
	Report func(ctx context.Context, err error)

	// Limit is how many events may follow from one, through handlers whose commands cause further
	// events; 1,000 by default. Those beyond it are handled by nobody and reported as a cycle.
	Limit int
}

// Bus calls handlers for events. It is safe for concurrent use.
type Bus struct {
	report func(context.Context, error)
	limit  int

	mu       sync.RWMutex
	handlers []handler
}

// handler is called with every event, and leaves those alone that it was not subscribed for.
type handler func(ctx context.Context, event allocation.Event) error

// New returns a bus without handlers. The options may be nil.
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

// Subscribe calls a handler for every event of type E from now on; with [allocation.Event] for E for every
// event. Handlers of one event are called in the order of their subscription. Handlers must be safe for
// concurrent use, since commands run side by side. A handler that is nil, or that wants a pointer, which no event
// is, is a mistake in the program and panics.
func Subscribe[E allocation.Event](b *Bus, handle func(ctx context.Context, event E) error) {
	switch wanted := reflect.TypeFor[E](); {
	case handle == nil:
		panic(fmt.Sprintf("bus: Subscribe: handler of %v is nil", wanted))
	case wanted.Kind() == reflect.Pointer:
		panic(fmt.Sprintf("bus: Subscribe: no event is a %v", wanted))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers = append(b.handlers, func(ctx context.Context, event allocation.Event) error {
		if wanted, ok := event.(E); ok {
			return handle(ctx, wanted)
		}
		return nil
	})
}
