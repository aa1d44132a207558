// Command bootstrap puts the parts of the library together in one place: store, bus, relay, clock, the program's own
// handlers, and the order in which everything ends. Run it from the folder examples:
//
//	go run ./bootstrap     # sells lamps until Ctrl-C, and prints every event as a CloudEvent, a lapsed hold included
//	go test -v ./bootstrap # the same wiring over fakes
//
// A reader learns where each part of the library belongs in a program, and how to test the whole without a database,
// a broker and a clock. Look at New in this file first, then at Run. The program's own reactions to events are in
// handlers.go. The parts of the real program, a database and a terminal, are in main.go, which the tests replace.
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

// Store has the abilities that the program needs of its storage. The stores of packages sqlstore and memory have all.
type Store interface {
	allocation.Store
	outbox.Store
	views.Reader
}

// Config has the choices in which the program and its tests differ.
type Config struct {
	Store     Store
	Publisher outbox.Publisher
	Notify    func(ctx context.Context, text string) error // tells the people who buy stock
	Now       func() time.Time
	Logger    *slog.Logger
	Sweep     time.Duration // how often lapsed holds are released
}

// App is the program: commands go to Service, questions to Views.
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
		Poll: 10 * time.Second, // for retries and other processes' commits; own commits wake the relay
	})
	app := &App{
		Service: service,
		Views:   c.Store,
		relay:   relay, logger: c.Logger, sweep: c.Sweep,
	}
	subscribe(events, c.Notify, relay.Wake)
	return app, nil
}

// Run runs serve, which takes commands until its context ends, and beside serve the relay and the release of lapsed
// holds. The parts end in this order: the commands, then the release of holds, which commits last, then the relay.
// Unsent events are sent after the next start. The caller closes the database last.
func (a *App) Run(ctx context.Context, serve func(ctx context.Context) error) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	stopRelay := beside(ctx, func(ctx context.Context) {
		if failed = a.relay.Run(ctx); failed != nil {
			stop() // the relay could not begin
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

// beside runs a part until stop is called. The end of ctx does not end the part.
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

// releaseLapsed releases lapsed holds now and then, so that their events are recorded even if nobody wants the units.
func (a *App) releaseLapsed(ctx context.Context) {
	ticker := time.NewTicker(a.sweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := a.Service.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.logger.WarnContext(ctx, "lapsed holds will be released later", "error", err)
		}
	}
}
