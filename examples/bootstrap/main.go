package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, "bootstrap.db", 3*time.Second, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bootstrap: %v\n", err)
		os.Exit(1)
	}
}

// run is the real program: a database, the real clock, and the terminal in the place of broker and mail.
func run(ctx context.Context, file string, hold time.Duration, stdout, stderr io.Writer) (err error) {
	db, err := sql.Open("sqlite", file+"?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"+
		"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	app, err := New(Config{
		Store:     store,
		Publisher: printer{log.New(stdout, "", 0)},
		Notify: func(ctx context.Context, text string) error {
			logger.InfoContext(ctx, "to the buyers", "text", text)
			return nil
		},
		Now:    time.Now,
		Logger: logger,
		Sweep:  time.Second,
	})
	if err != nil {
		return err
	}
	return app.Run(ctx, func(ctx context.Context) error { // an HTTP server, for example
		if err := app.sell(ctx, hold); err != nil && ctx.Err() == nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

// sell can be repeated on the database of an earlier run.
func (a *App) sell(ctx context.Context, hold time.Duration) error {
	if err := a.Service.AddBatch(ctx, allocation.Batch{Ref: "lamps-1", SKU: "LAMP", Purchased: 10}); err != nil {
		return err
	}
	if err := a.Service.SetLowStock(ctx, "LAMP", 4); err != nil {
		return err
	}
	for _, request := range []allocation.Request{
		{OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "LAMP", Quantity: 5}},
		{OrderLine: allocation.OrderLine{OrderID: "cart-1", SKU: "LAMP", Quantity: 3}, HoldUntil: time.Now().Add(hold)},
		{OrderLine: allocation.OrderLine{OrderID: "order-2", SKU: "LAMP", Quantity: 4}}, // too late, for now
	} {
		if _, err := a.Service.Allocate(ctx, request); err != nil && !errors.As(err, new(*allocation.OutOfStockError)) {
			return err
		}
	}
	stock, err := a.Views.Stock(ctx, time.Now(), "LAMP")
	if err != nil {
		return err
	}
	a.logger.InfoContext(ctx, "open until Ctrl-C", "lamps", stock[0].InWarehouse)
	return nil
}

// printer is a publisher without a broker.
type printer struct{ *log.Logger }

func (p printer) Publish(_ context.Context, envelopes []outbox.Envelope) (accepted int, err error) {
	for _, e := range envelopes {
		text, err := json.Marshal(e)
		if err != nil {
			return accepted, err
		}
		p.Println(string(text))
		accepted++
	}
	return accepted, nil
}
