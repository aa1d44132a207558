package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"
)

// query is a statement as the engine wants it.
type query struct {
	text    string
	params  []string // the names of its parameters, in their order
	repeats bool     // a parameter stands in params once for each use
	literal bool     // it has values in it, and is not worth preparing

	// prepared is nil until the first use. To analyse a load takes SQLite several times as long as to
	// carry it out.
	prepared atomic.Pointer[sql.Stmt]
}

// param returns the number of a parameter, counted from 1.
func (q *query) param(name string) int {
	for i, known := range q.params {
		if known == name && !q.repeats {
			return i + 1
		}
	}
	q.params = append(q.params, name)
	return len(q.params)
}

// args puts the values of the parameters in their order.
func (q *query) args(value func(name string) any) []any {
	args := make([]any, len(q.params))
	for i, name := range q.params {
		args[i] = value(name)
	}
	return args
}

// prepare returns the prepared statement. It may need a connection of its own, so no transaction may be open
// when it is called first: the pool may have only one.
func (q *query) prepare(ctx context.Context, db *sql.DB) (*sql.Stmt, error) {
	if known := q.prepared.Load(); known != nil {
		return known, nil
	}
	stmt, err := db.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	if q.prepared.CompareAndSwap(nil, stmt) {
		return stmt, nil
	}
	return q.prepared.Load(), stmt.Close()
}

// runner runs statements: each by itself, or in one transaction.
type runner interface {
	// exec returns how many rows the statement met.
	exec(ctx context.Context, q *query, args ...any) (int64, error)

	// each hands every row of the answer on.
	each(ctx context.Context, q *query, args []any, row func(*sql.Rows) error) error
}

// pool runs statements, each by itself on whichever connection is free.
type pool struct {
	db       *sql.DB
	prepares bool
}

func (p pool) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	if !p.prepares || q.literal {
		return affected(p.db.ExecContext(ctx, q.text, args...))
	}
	stmt, err := q.prepare(ctx, p.db)
	if err != nil {
		return 0, err
	}
	return affected(stmt.ExecContext(ctx, args...))
}

func (p pool) each(ctx context.Context, q *query, args []any, row func(*sql.Rows) error) error {
	if !p.prepares || q.literal {
		rows, err := p.db.QueryContext(ctx, q.text, args...)
		return scan(rows, err, row)
	}
	stmt, err := q.prepare(ctx, p.db)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return scan(rows, err, row)
}

// single runs one statement on a connection, and keeps how it went.
type single struct {
	conn   *sql.Conn
	err    error
	unsent bool // the statement never reached the server
}

func (s *single) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	rows, err := affected(s.conn.ExecContext(ctx, q.text, args...))
	return rows, s.note(err)
}

func (s *single) each(ctx context.Context, q *query, args []any, row func(*sql.Rows) error) error {
	rows, err := s.conn.QueryContext(ctx, q.text, args...)
	return s.note(scan(rows, err, row))
}

// note goes by what drivers promise: ErrBadConn, and nothing else, says that a fresh connection is safe to try.
func (s *single) note(err error) error {
	s.err, s.unsent = err, errors.Is(err, driver.ErrBadConn)
	return err
}

// scan reads an answer to its end, where errors may be that come after the last row.
func scan(rows *sql.Rows, err error, row func(*sql.Rows) error) error {
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

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
