package sqlstore

import (
	"context"
	"database/sql"

	"github.com/cosmic-go/allocation/sqlstore/seam"
)

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

func (c overConnection) close() error { return c.conn.Close() }

func (c overConnection) discard() { c.conn.Discard() }
