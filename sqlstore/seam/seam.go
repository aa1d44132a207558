// Package seam is the border between the SQL of package sqlstore and the interface of a driver for PostgreSQL other
// than database/sql. Implement [Database], and make a store by sqlstore.OverPostgreSQL. Module pgxstore does so for
// jackc/pgx; hosts rarely need this package.
//
// # Statements
//
// A text has the placeholders $1, $2, … of PostgreSQL. A store sends few different texts, over and over, and an
// implementation should prepare each text once for each connection. Only Exec without arguments may get several
// statements in one text, with semicolons in between, and a text that never comes again.
//
// Arguments are string, int, int64 and nil. The database decides about the type, so a string may be meant for a
// parameter of type json or bigint[]. Scan gets pointers to string, int and int64 and to types made from string and
// int64, never to bool, and implementations of [sql.Scanner].
//
// # Errors
//
// An implementation returns the errors of the driver as they are, wrapped or not. An answer of the server must have a
// method SQLState() string, and a field ConstraintName or Constraint for a broken constraint. Any other error counts as
// a lost connection: a commit ends with allocation.ErrUnknownOutcome unless [Connection].Unsent says that nothing was
// sent. After the answer 25006, of a standby for example, an implementation closes its own connection, because a new
// connection may lead to the primary.
//
// # Contexts
//
// Statements end when their context ends. The driver may give the connection up, and a transaction then fails at the
// next statement.
package seam

import (
	"context"
	"database/sql"
)

// Database is a pool of connections. A Database is safe for concurrent use.
type Database interface {
	Runner // runs each statement by itself, on any free connection

	// Begin waits for a connection and begins a transaction, at the default level of the connection for
	// sql.LevelDefault. The end of ctx after Begin doesn't end the transaction.
	Begin(ctx context.Context, level sql.IsolationLevel) (Transaction, error)

	// Connect reserves a connection until Close or Discard.
	Connect(ctx context.Context) (Connection, error)
}

// Pipeline is an optional ability of a [Database].
type Pipeline interface {
	// Pipeline sends all statements in one round trip. The statements are a transaction of their own, at the default
	// level of the connection: all are committed, or none. Rows of an answer are not read.
	//
	// Pipeline returns the number of statements that succeeded before the error; all of them, if the error is about
	// the commit. undone reports that nothing was committed though the server has not said so, or that the error is
	// perhaps of another statement than the next.
	Pipeline(ctx context.Context, statements []Statement) (succeeded int, undone bool, err error)
}

// Statement is a statement of a [Pipeline]. The arguments may be the host's, of any type that the driver knows.
type Statement struct {
	Text string
	Args []any
}

// Runner runs statements, one after the other.
type Runner interface {
	// Exec returns the number of rows that the statement changed.
	Exec(ctx context.Context, text string, args ...any) (int64, error)

	// Each calls row for every row of the answer. Each returns the first error of row, or the error of the
	// statement, even if rows came before the error.
	Each(ctx context.Context, text string, args []any, row func(Row) error) error
}

// Row is one row of an answer, until the function that got the row returns.
type Row interface {
	// Scan copies all columns. NULL fits only a [sql.Scanner].
	Scan(targets ...any) error
}

// Transaction is open until Commit or Rollback. One goroutine at a time uses a Transaction.
type Transaction interface {
	Runner

	// Commit and Rollback get a context that the end of the caller's context doesn't end, with a time limit. If a host
	// has ended the transaction already, the error of Commit wraps [sql.ErrTxDone].
	Commit(ctx context.Context) error

	// Rollback does nothing after Commit. A connection on which the rollback fails must be closed.
	Rollback(ctx context.Context)
}

// Connection is a reserved connection. One goroutine at a time uses a Connection.
type Connection interface {
	Runner

	// Unsent reports whether err says that the server never received the statement.
	Unsent(err error) bool

	// Close returns the connection to the pool. Close returns nil for a lost connection.
	Close() error

	// Discard ends the connection, whatever the state of the connection is.
	Discard()
}
