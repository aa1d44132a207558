package main

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

// till is all that differs between the stores: how a transaction is made in which the shop writes an order's row.
type till interface {
	// within runs fn in a transaction, see [allocation.Service.Transact].
	within(ctx context.Context, service *allocation.Service,
		fn func(ctx context.Context, rows rows, inside *allocation.Service) error, skus ...allocation.SKU) error

	// orders returns the orders with a row, sorted.
	orders(ctx context.Context) ([]string, error)
}

// rows is the shop's own table, inside a transaction.
type rows interface {
	// insert writes an order's row, and does nothing if there is one.
	insert(ctx context.Context, o Order) error
}

// sqlTill has the table in the database of the stock.
type sqlTill struct {
	db     *sql.DB
	store  *sqlstore.Store
	engine engine
}

func (t *sqlTill) within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, rows rows, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	return t.store.Within(ctx, service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		return fn(ctx, sqlRows{tx, t.engine.insert}, inside)
	}, skus...)
}

func (t *sqlTill) orders(ctx context.Context) (ids []string, err error) {
	found, err := t.db.QueryContext(ctx, `SELECT id FROM shop_orders`)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, found.Err()
}

type sqlRows struct {
	tx   *sql.Tx
	text string
}

func (r sqlRows) insert(ctx context.Context, o Order) error {
	_, err := r.tx.ExecContext(ctx, r.text, string(o.ID), o.Customer)
	return err
}

// pgxTill has the table in the database of the stock, PostgreSQL, through pgx in place of database/sql.
type pgxTill struct {
	pool  *pgxpool.Pool
	store *pgxstore.Store
}

func (t *pgxTill) within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, rows rows, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	return t.store.Within(ctx, service, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
		return fn(ctx, pgxRows{tx}, inside)
	}, skus...)
}

func (t *pgxTill) orders(ctx context.Context) ([]string, error) {
	found, _ := t.pool.Query(ctx, `SELECT id FROM shop_orders`) // CollectRows returns the error
	ids, err := pgx.CollectRows(found, pgx.RowTo[string])
	slices.Sort(ids)
	return ids, err
}

// pgxRows writes with the statement that the engine "postgresql" has.
type pgxRows struct{ tx pgx.Tx }

func (r pgxRows) insert(ctx context.Context, o Order) error {
	_, err := r.tx.Exec(ctx, engines["postgresql"].insert, string(o.ID), o.Customer)
	return err
}

// memoryTill has the table in a map, for tests without a database.
type memoryTill struct {
	store *memory.Store
	mu    sync.Mutex
	table map[string]Order
}

func (t *memoryTill) within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, rows rows, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	return t.store.Within(ctx, service, func(ctx context.Context, tx *memory.Tx, inside *allocation.Service) error {
		return fn(ctx, memoryRows{t, tx}, inside)
	}, skus...)
}

func (t *memoryTill) orders(context.Context) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.table)), nil
}

type memoryRows struct {
	till *memoryTill
	tx   *memory.Tx
}

// insert takes the row back if the transaction is rolled back.
func (r memoryRows) insert(_ context.Context, o Order) error {
	t, id := r.till, string(o.ID)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.table[id]; there {
		return nil
	}
	return r.tx.Do(func() error { t.table[id] = o; return nil }, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.table, id)
	})
}
