package sqlstore

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// query is a statement as the engine wants it.
type query struct {
	text   string
	params []string // the names of its parameters, in their order

	// prepared is nil until the first use. To analyse a load takes SQLite several times as long as to
	// carry it out.
	prepared atomic.Pointer[sql.Stmt]
}

// param returns the number of a parameter, counted from 1.
func (q *query) param(name string) int {
	for i, known := range q.params {
		if known == name {
			return i + 1
		}
	}
	q.params = append(q.params, name)
	return len(q.params)
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

// each runs a query and hands its rows on.
func (s *Store) each(ctx context.Context, q *query, arg func(name string) any, row func(*sql.Rows) error) error {
	stmt, err := q.prepare(ctx, s.db)
	if err != nil {
		return err
	}
	args := make([]any, len(q.params))
	for i, name := range q.params {
		args[i] = arg(name)
	}
	rows, err := stmt.QueryContext(ctx, args...)
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
