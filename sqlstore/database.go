package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// sqlDatabase is the [database] over database/sql.
type sqlDatabase struct {
	db       *sql.DB
	prepares bool
}

var _ database = (*sqlDatabase)(nil)

func (d *sqlDatabase) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	if !d.prepares || q.literal {
		result, err := d.db.ExecContext(ctx, q.text, args...)
		return affected(q, result, err)
	}
	stmt, err := d.statement(ctx, q)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	return affected(q, result, err)
}

func (d *sqlDatabase) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	if !d.prepares || q.literal {
		rows, err := d.db.QueryContext(ctx, q.text, args...)
		return scan(rows, err, row)
	}
	stmt, err := d.statement(ctx, q)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return scan(rows, err, row)
}

func (d *sqlDatabase) prepare(ctx context.Context, queries []*query) error {
	if !d.prepares {
		return nil
	}
	for _, q := range queries {
		if _, err := d.statement(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// statement returns the prepared statement.
func (d *sqlDatabase) statement(ctx context.Context, q *query) (*sql.Stmt, error) {
	if known := q.prepared.Load(); known != nil {
		return known, nil
	}
	stmt, err := d.db.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	if q.prepared.CompareAndSwap(nil, stmt) {
		return stmt, nil
	}
	return q.prepared.Load(), stmt.Close()
}

// begin waits for a connection as long as the context lasts. Left to itself, database/sql rolls back in the background
// when the context ends, and then nobody can tell whether COMMIT was sent.
func (d *sqlDatabase) begin(ctx context.Context, level sql.IsolationLevel) (driverTransaction, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	tx, err := d.db.BeginTx(lasting, &sql.TxOptions{Isolation: level})
	if err != nil {
		detach()
		cancel()
		return nil, err
	}
	t := &sqlTransaction{tx: tx, prepares: d.prepares, cancel: cancel}
	if !detach() {
		t.rollback()
		return nil, ctx.Err()
	}
	return t, nil
}

func (d *sqlDatabase) connect(ctx context.Context) (connection, error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return sqlConnection{conn}, nil
}

// closing is how long COMMIT or ROLLBACK may take. Nothing else ends them: what they do must not depend on
// whether the caller still waits.
const closing = 30 * time.Second

// sqlTransaction is a *sql.Tx: one of ours, or a host's.
type sqlTransaction struct {
	tx       *sql.Tx
	prepares bool
	cancel   context.CancelFunc // nil for a host's
	prepared []preparedStatement
}

// preparedStatement is a statement on the connection of a transaction.
type preparedStatement struct {
	query *query
	stmt  *sql.Stmt
}

func (t *sqlTransaction) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	if !t.prepares || q.literal {
		result, err := t.tx.ExecContext(ctx, q.text, args...)
		return affected(q, result, err)
	}
	stmt, err := t.statement(ctx, q)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	return affected(q, result, err)
}

func (t *sqlTransaction) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	if !t.prepares || q.literal {
		rows, err := t.tx.QueryContext(ctx, q.text, args...)
		return scan(rows, err, row)
	}
	stmt, err := t.statement(ctx, q)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return scan(rows, err, row)
}

// statement takes no second connection: what isn't prepared yet is prepared on that of the transaction.
func (t *sqlTransaction) statement(ctx context.Context, q *query) (*sql.Stmt, error) {
	for _, known := range t.prepared {
		if known.query == q {
			return known.stmt, nil
		}
	}
	var stmt *sql.Stmt
	if known := q.prepared.Load(); known != nil {
		stmt = t.tx.StmtContext(ctx, known)
	} else {
		var err error
		if stmt, err = t.tx.PrepareContext(ctx, q.text); err != nil {
			return nil, err
		}
	}
	t.prepared = append(t.prepared, preparedStatement{q, stmt}) // the end of the transaction closes it
	return stmt, nil
}

func (t *sqlTransaction) commit() error {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	return t.tx.Commit()
}

func (t *sqlTransaction) rollback() {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	defer t.cancel()
	_ = t.tx.Rollback() // the connection is given up if it fails
}

// sqlConnection is one connection of a *sql.DB.
type sqlConnection struct{ conn *sql.Conn }

func (c sqlConnection) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	result, err := c.conn.ExecContext(ctx, q.text, args...)
	return affected(q, result, err)
}

func (c sqlConnection) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	rows, err := c.conn.QueryContext(ctx, q.text, args...)
	return scan(rows, err, row)
}

// unsent goes by what drivers promise: ErrBadConn, and nothing else, says that a fresh connection is safe to try.
func (c sqlConnection) unsent(err error) bool { return errors.Is(err, driver.ErrBadConn) }

// close returns nil for a connection that is lost: whatever ran on it has said so.
func (c sqlConnection) close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

func (c sqlConnection) discard() { _ = c.conn.Raw(func(any) error { return driver.ErrBadConn }) }

// scan reads an answer to its end, where errors may be that come after the last row.
func scan(rows *sql.Rows, err error, row func(scanner) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// affected asks no driver for the number of rows where there may be none, as after DDL.
func affected(q *query, result sql.Result, err error) (int64, error) {
	if err != nil || q.literal {
		return 0, err
	}
	return result.RowsAffected()
}
