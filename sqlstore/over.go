package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// OverPostgreSQL is like [New] with the dialect [PostgreSQL], over a driver's own interface in place of database/sql.
// Module pgxstore does so for jackc/pgx, see package seam.
func OverPostgreSQL(db seam.Database, opts *Options) (*Store, error) {
	const op = "OverPostgreSQL"
	if db == nil {
		return nil, invalid(op, "database", nil, "must not be nil")
	}
	return newStore(op, overDatabase{over{db}, db}, PostgreSQL.engine, opts)
}

// JoinOver is like [Store.Join] for a transaction of the interface under a store of [OverPostgreSQL].
func JoinOver(s *Store, tx seam.Transaction) allocation.Store {
	if tx == nil {
		return s.join(nil)
	}
	return s.join(overTransaction{over{tx}, tx})
}

// WithinOver is like [Store.Within] for a store of [OverPostgreSQL]. The transaction is the transaction of the seam.
func WithinOver(
	ctx context.Context, s *Store, service *allocation.Service,
	fn func(ctx context.Context, tx seam.Transaction, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	if fn == nil {
		return s.within(ctx, service, nil, skus)
	}
	if s != nil && s.db != nil {
		if _, able := s.db.(overDatabase); !able {
			return &allocation.Error{Op: "Within", Field: "database", Value: s.engine.name, Err: errors.ErrUnsupported}
		}
	}
	return s.within(ctx, service, func(ctx context.Context, tx driverTransaction, inside *allocation.Service) error {
		return fn(ctx, tx.(overTransaction).tx, inside)
	}, skus)
}

// over is the [runner] over a [seam.Runner]. The seam prepares statements by text.
type over struct{ runner seam.Runner }

func (o over) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	return o.runner.Exec(ctx, q.text, args...)
}

func (o over) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	return o.runner.Each(ctx, q.text, args, row)
}

// overDatabase is the [database] over a [seam.Database].
type overDatabase struct {
	over
	db seam.Database
}

var _ database = overDatabase{}

func (d overDatabase) pool() any { return d.db }

func (overDatabase) prepare(context.Context, []*query) error { return nil }

func (d overDatabase) begin(ctx context.Context, level sql.IsolationLevel) (driverTransaction, error) {
	tx, err := d.db.Begin(ctx, level)
	if err != nil {
		return nil, err
	}
	return overTransaction{over{tx}, tx}, nil
}

// leave does nothing, because an implementation of the seam gives such connections up.
func (overDatabase) leave(context.Context, error) {}

func (d overDatabase) connect(ctx context.Context) (connection, error) {
	conn, err := d.db.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return overConnection{over{conn}, conn}, nil
}

// overTransaction is the [driverTransaction] over a [seam.Transaction].
type overTransaction struct {
	over
	tx seam.Transaction
}

func (t overTransaction) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	return t.tx.Commit(ctx)
}

func (t overTransaction) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	t.tx.Rollback(ctx)
}

// overConnection is the [connection] over a [seam.Connection].
type overConnection struct {
	over
	conn seam.Connection
}

func (c overConnection) unsent(err error) bool { return c.conn.Unsent(err) }
func (c overConnection) close() error          { return c.conn.Close() }
func (c overConnection) discard()              { c.conn.Discard() }
