package dbtest

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"sync"
)

// spy stands between database/sql and a driver: it notes every statement, and can make one fail.
type spy struct {
	driver.Connector

	mu         sync.Mutex
	statements []string
	rows       int // that statements returned, if countRows is set

	countRows bool // the rows of the driver then offer nothing but their values

	// before is asked about every statement, BEGIN, COMMIT and ROLLBACK included, and its error is
	// returned instead of running it; nil lets it pass.
	before func(statement string) error

	// after is the same, asked once the statement has run.
	after func(statement string) error
}

func (s *spy) note(statement string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements = append(s.statements, statement)
	if s.before != nil {
		return s.before(statement)
	}
	return nil
}

func (s *spy) answer(statement string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.after != nil {
		return s.after(statement)
	}
	return err
}

// answerRows is answer for a query, which has run once all of its rows were read.
func (s *spy) answerRows(statement string, rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return rows, err
	}
	failed := s.answer(statement, nil)
	if failed == nil && s.countRows {
		return &spyRows{Rows: rows, spy: s}, nil
	}
	if failed == nil {
		return rows, nil
	}
	values := make([]driver.Value, len(rows.Columns()))
	for err == nil {
		err = rows.Next(values)
	}
	return nil, errors.Join(failed, rows.Close())
}

// set changes what happens to statements.
func (s *spy) set(before, after func(statement string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// loseCommit loses the next answer to COMMIT.
func (s *spy) loseCommit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := false
	s.after = func(statement string) error {
		if statement == "COMMIT" && !lost {
			lost = true
			return io.ErrUnexpectedEOF
		}
		return nil
	}
}

// trips begins a new list of statements, and returns the old one.
func (s *spy) trips() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	noted := s.statements
	s.statements = nil
	return noted
}

// forget is trips, in which each stands once.
func (s *spy) forget() []string {
	noted := s.trips()
	slices.Sort(noted)
	return slices.Compact(noted)
}

func (s *spy) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &spyConn{driverConn: conn.(driverConn), spy: s}, nil
}

// driverConn is what the driver's connections can do.
type driverConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
}

// spyRows counts rows.
type spyRows struct {
	driver.Rows
	spy *spy
}

func (r *spyRows) Next(values []driver.Value) error {
	err := r.Rows.Next(values)
	if err == nil {
		r.spy.mu.Lock()
		r.spy.rows++
		r.spy.mu.Unlock()
	}
	return err
}

type spyConn struct {
	driverConn
	spy *spy
}

// IsValid and CheckNamedValue are optional for a driver.
func (c *spyConn) IsValid() bool {
	able, ok := c.driverConn.(driver.Validator)
	return !ok || able.IsValid()
}

func (c *spyConn) CheckNamedValue(v *driver.NamedValue) error {
	if able, ok := c.driverConn.(driver.NamedValueChecker); ok {
		return able.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *spyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.spy.note(text); err != nil {
		return nil, err
	}
	result, err := c.driverConn.ExecContext(ctx, text, args)
	return result, c.spy.answer(text, err)
}

func (c *spyConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.spy.note(text); err != nil {
		return nil, err
	}
	rows, err := c.driverConn.QueryContext(ctx, text, args)
	return c.spy.answerRows(text, rows, err)
}

func (c *spyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.spy.note("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.driverConn.BeginTx(ctx, opts)
	return &spyTx{Tx: tx, spy: c.spy}, c.spy.answer("BEGIN", err)
}

type spyTx struct {
	driver.Tx
	spy *spy
}

func (t *spyTx) Commit() error {
	if err := t.spy.note("COMMIT"); err != nil {
		_ = t.Tx.Rollback() // a connection that is lost takes its transaction along
		return err
	}
	return t.spy.answer("COMMIT", t.Tx.Commit())
}

func (t *spyTx) Rollback() error {
	if err := t.spy.note("ROLLBACK"); err != nil {
		return err
	}
	return t.spy.answer("ROLLBACK", t.Tx.Rollback())
}

func (c *spyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	stmt, err := c.driverConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &spyStmt{driverStmt: stmt.(driverStmt), text: text, spy: c.spy}, nil
}

// driverStmt is what the driver's statements can do.
type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type spyStmt struct {
	driverStmt
	text string
	spy  *spy
}

func (s *spyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.spy.note(s.text); err != nil {
		return nil, err
	}
	result, err := s.driverStmt.ExecContext(ctx, args)
	return result, s.spy.answer(s.text, err)
}

func (s *spyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.spy.note(s.text); err != nil {
		return nil, err
	}
	rows, err := s.driverStmt.QueryContext(ctx, args)
	return s.spy.answerRows(s.text, rows, err)
}
