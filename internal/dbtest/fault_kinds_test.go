package dbtest

import (
	"context"
	"database/sql/driver"
	"io"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cosmic-go/allocation/sqlstore"
)

// What an error says about a request, told apart by whether it can have been a commit.
type verdict int

const (
	unsent    verdict = iota // it never left, so that a fresh connection is safe to try
	silent                   // there is no answer, so that it may have been carried out
	curable                  // a fresh attempt may cure it
	incurable                // a definite failure
)

// judged is a fault with its verdict.
type judged struct {
	fault
	verdict verdict
}

// faults are how exchanges with an engine go wrong, with errors as its driver makes them.
func (e *engine) faults() []judged {
	lost := map[*sqlstore.Dialect]error{
		sqlstore.SQLite: io.ErrUnexpectedEOF, sqlstore.PostgreSQL: io.ErrUnexpectedEOF,
		sqlstore.MariaDB: mysql.ErrInvalidConn,
	}[e.dialect]
	cuts := []judged{
		{fault{name: "cut before it was sent", err: driver.ErrBadConn, cut: true}, unsent},
		{fault{name: "cut before it arrived", err: lost, cut: true}, silent},
		{fault{name: "cut before the answer", err: lost, cut: true, done: true}, silent},
	}
	return append(cuts, map[*sqlstore.Dialect][]judged{
		sqlstore.SQLite: {
			{fault{name: "BUSY", err: coded(5)}, curable},
			{fault{name: "BUSY_SNAPSHOT", err: coded(517)}, curable},
			{fault{name: "LOCKED", err: coded(6)}, curable},
			{fault{name: "FULL", err: coded(13)}, incurable},
		},
		sqlstore.PostgreSQL: {
			{fault{name: "40001", err: sqlstate("40001"), ends: abort}, curable},
			{fault{name: "40P01", err: sqlstate("40P01"), ends: abort}, curable},
			{fault{name: "57P01", err: sqlstate("57P01"), cut: true}, curable},
			{fault{name: "25006", err: sqlstate("25006"), ends: abort, leaves: true}, curable},
			{fault{name: "53100", err: sqlstate("53100"), ends: abort}, incurable},
		},
		sqlstore.MariaDB: {
			{fault{name: "1213", err: number("40001", 1213), ends: takeBack}, curable},
			{fault{name: "1020", err: number("HY000", 1020), ends: takeBack}, curable},
			{fault{name: "1205", err: number("HY000", 1205)}, curable},
			{fault{name: "1290", err: errReadOnly, leaves: true}, curable},
			{fault{name: "1836", err: number("HY000", 1836), leaves: true}, curable},
			{fault{name: "1047", err: errNotReady, leaves: true}, curable},
			{fault{name: "1114", err: number("HY000", 1114)}, incurable},
			{fault{name: "1153", err: number("08S01", 1153), cut: true}, incurable},
			{fault{name: "1927", err: number("70100", 1927), cut: true}, silent},
			{fault{name: "1053", err: number("08S01", 1053), cut: true}, silent},
			{fault{name: "2013", err: number("HY000", 2013), cut: true}, silent},
		},
	}[e.dialect]...)
}

// errReadOnly is the answer of MariaDB with the option read_only.
var errReadOnly = &mysql.MySQLError{
	Number:  1290,
	Message: "The MariaDB server is running with the --read-only option so it cannot execute this statement",
}

// errNotReady is the answer of a server that has left its Galera cluster, or has not joined yet.
var errNotReady = &mysql.MySQLError{
	Number: 1047, Message: "WSREP has not yet prepared node for application use",
}

func sqlstate(code string) error {
	return &pgconn.PgError{Severity: "ERROR", Code: code, Message: "a failure of the server"}
}

func number(state string, n uint16) error {
	failed := &mysql.MySQLError{Number: n, Message: "a failure of the server"}
	copy(failed.SQLState[:], state)
	return failed
}

// abort leaves a transaction as PostgreSQL leaves it after an error: it refuses all but its end.
func abort(c *brokenConn) {
	_, _ = c.driverConn.ExecContext(context.Background(), `SELECT no_such_column`, nil)
}

// takeBack leaves no transaction, as MariaDB after a deadlock: what follows on the connection is autocommitted.
func takeBack(c *brokenConn) {
	_, _ = c.driverConn.ExecContext(context.Background(), `ROLLBACK`, nil)
}
