package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// sqlConnection is one connection of a *sql.DB.
type sqlConnection struct {
	conn   *sql.Conn
	engine *engine
}

func (c sqlConnection) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	text, args, err := c.sent(q, args)
	if err != nil {
		return 0, err
	}
	result, err := c.conn.ExecContext(ctx, text, args...)
	return affected(q, result, err)
}

func (c sqlConnection) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	text, args, err := c.sent(q, args)
	if err != nil {
		return err
	}
	rows, err := c.conn.QueryContext(ctx, text, args...)
	return scan(rows, err, row)
}

// sent returns the text and the arguments to send.
func (c sqlConnection) sent(q *query, args []any) (string, []any, error) {
	if !c.engine.literals {
		return q.text, args, nil
	}
	text, err := q.withValues(args)
	return text, nil, err
}

// unsent relies on the contract of drivers: only ErrBadConn says that a retry on a fresh connection is safe.
func (c sqlConnection) unsent(err error) bool { return errors.Is(err, driver.ErrBadConn) }

// close returns nil for a lost connection: the statement has returned the error already.
func (c sqlConnection) close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

func (c sqlConnection) discard() { _ = c.conn.Raw(func(any) error { return driver.ErrBadConn }) }

// scan reads an answer to the end. Errors may come after the last row.
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

// affected doesn't ask for the number of rows of literal statements: drivers may have no number, for example after
// DDL.
func affected(q *query, result sql.Result, err error) (int64, error) {
	if err != nil || q.literal {
		return 0, err
	}
	return result.RowsAffected()
}
