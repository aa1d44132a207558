package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// open opens a shop and creates missing tables.
func open(ctx context.Context, name, dsn string) (*Shop, error) {
	e, known := engines[name]
	if !known {
		return nil, fmt.Errorf("engine %q is none of %q", name, slices.Sorted(maps.Keys(engines)))
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
	shop, err := newShop(ctx, db, e)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return shop, nil
}

// shopTables are the shop's own, the same on every engine.
const shopTables = `CREATE TABLE IF NOT EXISTS shop_orders (
	id       VARCHAR(100) NOT NULL PRIMARY KEY,
	customer VARCHAR(100) NOT NULL
)`

func newShop(ctx context.Context, db *sql.DB, e engine) (*Shop, error) {
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
	return &Shop{db: db, engine: e, store: store, between: func(allocation.OrderID) {}, pause: backOff}, nil
}

// Close closes the database.
func (s *Shop) Close() error { return s.db.Close() }

// announce takes batches into stock. There is nothing of the shop's own to commit with a batch, so the library's own
// transaction is enough. A batch that was announced before is unchanged.
func (s *Shop) announce(ctx context.Context, batches []allocation.Batch) error {
	service, err := allocation.New(allocation.NewUnitOfWork(s.store, nil), nil)
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if err := service.AddBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// books are counts over the whole database. The last two are 0 at any moment, also after a crash.
type books struct {
	orders, rowsWithoutGoods, goodsWithoutRow int
}

// books compares the shop's table with the table of allocations, which a host may read.
func (s *Shop) books(ctx context.Context) (b books, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM shop_orders),
		(SELECT COUNT(*) FROM shop_orders o
			WHERE NOT EXISTS (SELECT 1 FROM allocation_lines l WHERE l.order_id = o.id)),
		(SELECT COUNT(DISTINCT l.order_id) FROM allocation_lines l
			WHERE NOT EXISTS (SELECT 1 FROM shop_orders o WHERE o.id = l.order_id))`,
	).Scan(&b.orders, &b.rowsWithoutGoods, &b.goodsWithoutRow)
	return b, err
}
