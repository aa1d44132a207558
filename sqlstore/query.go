package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// query is a compiled statement.
type query struct {
	text    string
	parts   []string // the text between the placeholders; empty for a statement without markers
	params  []string // names of the parameters, in order
	repeats bool     // params has an entry for each use of a parameter
	literal bool     // values are in the text, so preparing doesn't pay

	// prepared belongs to [sqlDatabase]; nil before the first use. SQLite takes several times as long to analyse a
	// load as to run the load.
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

// args returns the values of the parameters in order.
func (q *query) args(value func(name string) any) []any {
	args := make([]any, len(q.params))
	for i, name := range q.params {
		args[i] = value(name)
	}
	return args
}

// withValues returns the text with the values of the parameters in the text.
func (q *query) withValues(args []any) (string, error) {
	if len(args) == 0 {
		return q.text, nil
	}
	l := &tupleList{}
	l.out = make([]byte, 0, len(q.text)+32*len(args))
	for i, arg := range args {
		l.out = append(l.out, q.parts[i]...)
		switch v := arg.(type) {
		case nil:
			l.null()
		case string:
			l.text(v)
		case int:
			l.number(int64(v))
		case int64:
			l.number(v)
		default:
			return "", fmt.Errorf("sqlstore: a parameter of type %T", arg)
		}
	}
	return string(append(l.out, q.parts[len(args)]...)), nil
}

// database is the seam between the statements and a driver's interface. [sqlDatabase] implements the seam over
// database/sql, and [overDatabase] over a [seam.Database]: the public half, for other modules. Statements know no type
// of a driver. A database is safe for concurrent use.
type database interface {
	runner // runs each statement by itself, on any free connection

	// prepare prepares statements ahead of a transaction. prepare may need a connection, so no transaction may be
	// open: the pool may have a single connection.
	prepare(ctx context.Context, queries []*query) error

	// begin begins a transaction. The end of ctx doesn't end the transaction.
	begin(ctx context.Context, level sql.IsolationLevel) (driverTransaction, error)

	// connect reserves a connection until close.
	connect(ctx context.Context) (connection, error)

	// leave is called with the error of a transaction that has ended. After an error of class elsewhere the connection
	// leaves the pool, so that the next attempt may reach another server.
	leave(ctx context.Context, err error)

	// pool is the same for two databases with the same connections.
	pool() any
}

// runner runs statements, each by itself or all in one transaction.
type runner interface {
	// exec returns the number of rows that the statement matched; 0 for literal statements.
	exec(ctx context.Context, q *query, args ...any) (int64, error)

	// each calls row for every row of the answer.
	each(ctx context.Context, q *query, args []any, row func(row scanner) error) error
}

// driverTransaction is open until commit or rollback. rollback after commit does nothing. The end of ctx interrupts
// neither.
type driverTransaction interface {
	runner
	commit(ctx context.Context) error
	rollback(ctx context.Context)
}

// connection runs statements one after the other on one connection, without preparing.
type connection interface {
	runner

	// unsent reports whether err says that the server never received the statement.
	unsent(err error) bool

	// close returns the connection to the pool; discard ends the connection.
	close() error
	discard()
}
