package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// ledger is a store with its books.
type ledger interface {
	allocation.Store
	allocation.Ledger
	views.OrderReader
}

// open opens a shop on a database and creates missing tables. The name "pgx" stands for PostgreSQL without
// database/sql; the name "memory" needs no database. The options may be nil.
func open(ctx context.Context, name, dsn string, opts *allocation.UnitOfWorkOptions) (*Shop, error) {
	switch name {
	case "memory":
		store := memory.New()
		return newShop(&memoryTill{store: store, table: map[string]Order{}}, store, opts, func() error { return nil })
	case "pgx":
		return openPool(ctx, dsn, opts)
	}
	e, known := engines[name]
	if !known {
		return nil, fmt.Errorf("engine %q is neither pgx nor one of %q", name, slices.Sorted(maps.Keys(engines)))
	}
	if dsn == "" {
		dsn = e.dsn
	}
	if dsn == "" {
		return nil, fmt.Errorf("engine %q needs a -dsn", name)
	}
	db, err := sql.Open(e.driver, dsn)
	if err != nil {
		return nil, err
	}
	shop, err := onDatabase(ctx, db, e, opts)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return shop, nil
}

// openPool opens a shop on PostgreSQL through pgx itself: stock and orders share a pool of connections.
func openPool(ctx context.Context, dsn string, opts *allocation.UnitOfWorkOptions) (*Shop, error) {
	if dsn == "" {
		return nil, errors.New(`engine "pgx" needs a -dsn`)
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	shop, err := onPool(ctx, pool, opts)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return shop, nil
}

// shopTables are the shop's own, the same on every engine.
const shopTables = `CREATE TABLE IF NOT EXISTS shop_orders (
	id       VARCHAR(100) NOT NULL PRIMARY KEY,
	customer VARCHAR(100) NOT NULL
)`

// onDatabase makes a shop whose Close closes db.
func onDatabase(ctx context.Context, db *sql.DB, e engine, opts *allocation.UnitOfWorkOptions) (*Shop, error) {
	store, err := sqlstore.New(db, e.dialect, nil)
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, shopTables); err != nil {
		return nil, fmt.Errorf("create the shop's tables: %w", err)
	}
	return newShop(&sqlTill{db: db, store: store, engine: e}, store, opts, db.Close)
}

// onPool makes a shop whose Close closes the pool.
func onPool(ctx context.Context, pool *pgxpool.Pool, opts *allocation.UnitOfWorkOptions) (*Shop, error) {
	store, err := pgxstore.New(pool, nil)
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, shopTables); err != nil {
		return nil, fmt.Errorf("create the shop's tables: %w", err)
	}
	end := func() error { pool.Close(); return nil }
	return newShop(&pgxTill{pool: pool, store: store}, store, opts, end)
}

func newShop(t till, store ledger, opts *allocation.UnitOfWorkOptions, end func() error) (*Shop, error) {
	service, err := allocation.New(allocation.NewUnitOfWork(store, opts), nil)
	if err != nil {
		return nil, err
	}
	return &Shop{till: t, service: service, ledger: store, close: end, step: func(allocation.OrderID, string) {}}, nil
}

// Close closes the database.
func (s *Shop) Close() error { return s.close() }

// announce takes batches into stock. There is nothing of the shop's own to commit with a batch, so the library's own
// transaction is enough. A batch that was announced before is unchanged.
func (s *Shop) announce(ctx context.Context, batches []allocation.Batch) error {
	for _, batch := range batches {
		if err := s.service.AddBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// books are counts over the whole database. The last two are 0 at any moment, also after a crash.
type books struct {
	orders, rowsWithoutGoods, goodsWithoutRow int
}

// books compares the shop's rows with the allocations of the goods on sale.
func (s *Shop) books(ctx context.Context, skus ...allocation.SKU) (b books, err error) {
	rows, err := s.till.orders(ctx)
	if err != nil {
		return b, err
	}
	b.orders = len(rows)
	for _, id := range rows {
		lines, err := s.ledger.Order(ctx, allocation.OrderID(id))
		if err != nil {
			return b, err
		}
		if len(lines) == 0 {
			b.rowsWithoutGoods++
		}
	}
	placed := map[allocation.OrderID]bool{}
	for _, sku := range skus {
		events, err := s.ledger.Events(ctx, sku, 0, 100_000)
		if err != nil {
			return b, err
		}
		for _, e := range events {
			if given, is := e.(allocation.LineAllocated); is {
				placed[given.OrderID] = true
			}
		}
	}
	for id := range placed {
		if _, there := slices.BinarySearch(rows, string(id)); !there {
			b.goodsWithoutRow++
		}
	}
	return b, nil
}
