// Command bootstrap shows how a program puts the library's parts together, in one place: store, bus, relay, clock,
// what the program's own handlers do, and the order in which it all ends.
//
//	go run ./bootstrap     # sells lamps until Ctrl-C; what is told leaves the program on its standard output
//	go test -v ./bootstrap # the same wiring over fakes
//
// The wiring is in this file, the program's own reactions in handlers.go, and what only the real program has, a
// database and a terminal, in main.go. The tests replace what main.go does, and nothing else.
package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

// Store is what the program needs of its storage. Packages sqlstore and memory have it all.
type Store interface {
	allocation.Store
	outbox.Store
	views.Reader
}

// Config is what the program and its tests choose differently.
type Config struct {
	Store     Store
	Publisher outbox.Publisher
	Notify    func(ctx context.Context, text string) error // tells the people who buy stock
	Now       func() time.Time
	Logger    *slog.Logger
	Sweep     time.Duration // how often lapsed holds are told of
}

// App is the program: commands go to the Service, questions to the Views.
type App struct {
	Service *allocation.Service
	Views   views.Reader

	relay  *outbox.Relay
	logger *slog.Logger
	sweep  time.Duration
}

// New puts the program together. Nothing runs yet.
func New(c Config) (*App, error) {
	events := bus.New(&bus.Options{
		Report: func(ctx context.Context, err error) { c.Logger.ErrorContext(ctx, "handler failed", "error", err) },
	})
	units := allocation.NewUnitOfWork(c.Store, &allocation.UnitOfWorkOptions{
		Now: c.Now, Logger: c.Logger,
		Committed: events.Publish,
	})
	service, err := allocation.New(units, &allocation.ServiceOptions{Policy: allocation.EarliestFirst})
	if err != nil {
		return nil, err
	}
	relay := outbox.NewRelay(c.Store, c.Publisher, &outbox.Options{
		Source: "https://shop.example/stock",
		Now:    c.Now, Logger: c.Logger,
		Poll: 10 * time.Second, // for retries, and for what other processes commit; this one wakes its relay
	})
	app := &App{
		Service: service,
		Views:   c.Store,
		relay:   relay, logger: c.Logger, sweep: c.Sweep,
	}
	subscribe(events, c.Notify, relay.Wake)
	return app, nil
}

// Run runs serve, which takes commands until its context ends, and beside it what no command waits for. Then the parts
// end in the order in which they need each other: first the commands, then the sweeping, which is the last to commit,
// then the relay. What that leaves unsent is sent at the next start. The database is the caller's, to be closed last.
func (a *App) Run(ctx context.Context, serve func(ctx context.Context) error) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	stopRelay := beside(ctx, func(ctx context.Context) {
		if failed = a.relay.Run(ctx); failed != nil {
			stop() // it could not begin
		}
	})
	stopSweeping := beside(ctx, a.releaseLapsed)
	defer func() {
		stopSweeping()
		stopRelay()
		err = errors.Join(err, failed)
	}()
	return serve(ctx)
}

// beside runs a part until it is stopped; that the program is to end is no reason yet.
func beside(ctx context.Context, part func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		part(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// releaseLapsed tells of lapsed holds now and then, even of those whose units nobody wants.
func (a *App) releaseLapsed(ctx context.Context) {
	ticker := time.NewTicker(a.sweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := a.Service.ReleaseLapsed(ctx); err != nil && ctx.Err() == nil {
			a.logger.WarnContext(ctx, "lapsed holds will be released later", "error", err)
		}
	}
}
