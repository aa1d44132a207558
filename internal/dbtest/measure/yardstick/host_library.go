package yardstick

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

const libraryOrder = "INSERT INTO library_orders (id, customer)"

// guestOf makes the guest for an order's row; nil for no row.
type guestOf func(p *place, order string) allocation.Guest

func aRow(_ *place, order string) allocation.Guest {
	return sqlstore.Row{Insert: libraryOrder, Values: []any{order, "customer"}}
}

func aStatement(p *place, order string) allocation.Guest {
	return sqlstore.Statement{SQL: p.insertOrder(), Args: []any{order, "customer"}}
}

func (p *place) insertOrder() string {
	if p.Name == "postgresql" {
		return libraryOrder + " VALUES ($1, $2)"
	}
	return libraryOrder + " VALUES (?, ?)"
}

// serviceSide is the library with all defaults, with guests or without.
type serviceSide struct {
	service *allocation.Service
	place   *place
	guest   guestOf
}

func (s serviceSide) Place(ctx context.Context, lines []sides.Line) error {
	service := s.service
	if s.guest != nil {
		service = service.With(s.guest(s.place, lines[0].Order))
	}
	_, err := service.Allocate(ctx, oneUnit(lines[0]))
	return err
}

func oneUnit(l sides.Line) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(l.Order), SKU: allocation.SKU(l.SKU), Quantity: 1,
	}}
}

func serve(store allocation.Store) (*allocation.Service, error) {
	return allocation.New(allocation.NewUnitOfWork(store, nil), nil)
}

// openStore returns an opener of the library over database/sql.
func openStore(guest guestOf) opener {
	return func(_ context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
		db, store, err := p.Open(dsn, connections, nil)
		if err != nil {
			return nil, nil, err
		}
		service, err := serve(store)
		return serviceSide{service, p, guest}, db.Close, err
	}
}

// openPgxStore returns an opener of the library over pgx.
func openPgxStore(guest guestOf) opener {
	return func(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
		store, end, err := openPgx(ctx, dsn, connections)
		if err != nil {
			return nil, nil, err
		}
		service, err := serve(store)
		return serviceSide{service, p, guest}, end, err
	}
}

func openPgx(ctx context.Context, dsn string, connections int) (*pgxstore.Store, func() error, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = int32(connections) //nolint:gosec // at most 64
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	store, err := pgxstore.New(pool, nil)
	return store, func() error { pool.Close(); return nil }, err
}

// sideFunc makes a side from a function.
type sideFunc func(ctx context.Context, line sides.Line) error

func (f sideFunc) Place(ctx context.Context, lines []sides.Line) error { return f(ctx, lines[0]) }

// openWithin opens Within of the library over database/sql. Callers name the SKU.
func openWithin(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	db, store, err := p.Open(dsn, connections, nil)
	if err != nil {
		return nil, nil, err
	}
	service, err := serve(store)
	insert, failed := db.PrepareContext(ctx, p.insertOrder())
	return sideFunc(func(ctx context.Context, l sides.Line) error {
		return store.Within(ctx, service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
			return placeInside(ctx, tx, insert, inside, l)
		}, allocation.SKU(l.SKU))
	}), db.Close, errors.Join(err, failed)
}

func placeInside(
	ctx context.Context, tx *sql.Tx, insert *sql.Stmt, inside *allocation.Service, l sides.Line,
) error {
	own := tx.StmtContext(ctx, insert) //nolint:sqlclosecheck // the end of the transaction closes the statement
	if _, err := own.ExecContext(ctx, l.Order, "customer"); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, oneUnit(l))
	return err
}

// openJoin opens a host that begins and commits the transaction, and begins again after a lost race.
func openJoin(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	db, store, err := p.Open(p.immediate(dsn), connections, nil)
	if err != nil {
		return nil, nil, err
	}
	service, err := serve(store)
	insert, failed := db.PrepareContext(ctx, p.insertOrder())
	once := func(ctx context.Context, l sides.Line) error {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: p.joinLevel()})
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		inside, committed := service.Inside(store.Join(tx))
		if err := placeInside(ctx, tx, insert, inside, l); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		committed(ctx)
		return nil
	}
	return sideFunc(func(ctx context.Context, l sides.Line) error {
		for {
			if err := once(ctx, l); !errors.Is(err, allocation.ErrConflict) || ctx.Err() != nil {
				return err
			}
		}
	}), db.Close, errors.Join(err, failed)
}

// joinLevel is the level at which a host on the engine begins a transaction.
func (p *place) joinLevel() sql.IsolationLevel {
	if p.Name == "mariadb" {
		return sql.LevelReadCommitted
	}
	return sql.LevelDefault
}

// openPgxWithin opens Within of the library over pgx.
func openPgxWithin(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	store, end, err := openPgx(ctx, dsn, connections)
	if err != nil {
		return nil, nil, err
	}
	service, err := serve(store)
	insert := p.insertOrder()
	return sideFunc(func(ctx context.Context, l sides.Line) error {
		return store.Within(ctx, service, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
			if _, err := tx.Exec(ctx, insert, l.Order, "customer"); err != nil {
				return err
			}
			_, err := inside.Allocate(ctx, oneUnit(l))
			return err
		}, allocation.SKU(l.SKU))
	}), end, err
}
