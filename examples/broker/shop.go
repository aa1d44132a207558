package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill/message"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// shop has the stock, and sends events about every change.
type shop struct {
	*allocation.Service
	store *sqlstore.Store
	relay *outbox.Relay // to be run by the caller, here or in another process
	db    *sql.DB
	to    message.Publisher
}

// openShop opens the shop's database and connects to the broker.
func openShop(ctx context.Context, path, url string, log *slog.Logger) (*shop, error) {
	db, store, err := openStore(ctx, path)
	if err != nil {
		return nil, err
	}
	to, err := publisherTo(url, log)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	relay := outbox.NewRelay(store, publisher{to, eventsTopic}, &outbox.Options{Source: "shop", Logger: log})
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Logger:    log,
		Committed: func(context.Context, []allocation.Event) { relay.Wake() }, // else events wait for the next Poll
	})
	service, err := allocation.New(units, nil)
	if err != nil {
		return nil, errors.Join(err, to.Close(), db.Close())
	}
	return &shop{service, store, relay, db, to}, nil
}

// Close closes the shop after its relay has ended.
func (s *shop) Close() error { return errors.Join(s.to.Close(), s.db.Close()) }

func openStore(ctx context.Context, path string) (*sql.DB, *sqlstore.Store, error) {
	db, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err == nil {
		err = store.Migrate(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}

// openFile opens an SQLite database, new or from an earlier run.
func openFile(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"+
		"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
}
