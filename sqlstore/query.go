package sqlstore

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// query is a statement as the engine wants it.
type query struct {
	text    string
	params  []string // the names of its parameters, in their order
	repeats bool     // a parameter stands in params once for each use
	literal bool     // it has values in it, and is not worth preparing

	// prepared belongs to [sqlDatabase], and is nil until the first use. To analyse a load takes SQLite several times as long as to
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

// database is all that this package needs of a driver's interface. [sqlDatabase] is the one over database/sql; the
// statements know no other type of a driver, so that another interface needs a type beside it and nothing else.
// It is safe for concurrent use.
type database interface {
	runner // each statement by itself, on whichever connection is free

	// prepare prepares statements. It may need a connection of its own, and must not be called while a transaction
	// is open: the pool may have only one.
	prepare(ctx context.Context, queries []*query) error

	// begin begins a transaction, which the end of the context doesn't end.
	begin(ctx context.Context, level sql.IsolationLevel) (driverTransaction, error)

	// connect keeps a connection until close.
	connect(ctx context.Context) (connection, error)
}

// runner runs statements: each by itself, or in one transaction.
type runner interface {
	// exec returns how many rows the statement matched, 0 for a statement with values in its text.
	exec(ctx context.Context, q *query, args ...any) (int64, error)

	// each hands every row of the answer on.
	each(ctx context.Context, q *query, args []any, row func(row scanner) error) error
}

// scanner is a row of an answer.
type scanner interface {
	Scan(targets ...any) error
}

// driverTransaction is a transaction that is open until commit or rollback; rollback does nothing after commit.
type driverTransaction interface {
	runner
	commit() error
	rollback()
}

// connection runs statements one after the other on one connection, and prepares none.
type connection interface {
	runner

	// unsent reports whether an error says that the statement never reached the server.
	unsent(err error) bool

	// close gives the connection back to the pool; discard ends it.
	close() error
	discard()
}
