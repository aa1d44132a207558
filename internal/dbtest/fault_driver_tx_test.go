package dbtest

import (
	"context"
	"database/sql/driver"
	"io"
)

// brokenRows are read in one exchange, which goes wrong at the first row.
type brokenRows struct {
	driver.Rows
	conn *brokenConn
	text string
	read bool
	over bool
}

func (r *brokenRows) Next(values []driver.Value) error {
	if r.conn.gone {
		return driver.ErrBadConn
	}
	if !r.read {
		r.read = true
		if f := r.conn.breaker.strikes(r.exchange()); f != nil {
			_ = drain(r.Rows) // which is when a statement of its own is committed
			_ = r.Rows.Close()
			r.conn.breaker.victim = r.conn
			r.conn.fail("rows", f)
			return f.err
		}
	}
	err := r.Rows.Next(values)
	if err == io.EOF { //nolint:errorlint // drivers promise io.EOF itself
		r.end()
	}
	return err
}

func (r *brokenRows) Close() error {
	if r.conn.gone {
		return nil
	}
	err := r.Rows.Close()
	r.end()
	return err
}

func (r *brokenRows) end() {
	if !r.over {
		r.over = true
		r.conn.breaker.seen(r.exchange())
	}
}

func (r *brokenRows) exchange() exchange { return exchange{"rows", r.text, r.conn.tx != nil} }

func (c *brokenConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return across(c, "begin", "BEGIN", func() (driver.Tx, error) {
		tx, err := c.driverConn.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		c.tx = tx
		return &brokenTx{tx: tx, conn: c}, nil
	})
}

type brokenTx struct {
	tx   driver.Tx
	conn *brokenConn
}

func (t *brokenTx) Commit() error   { return t.end("commit", "COMMIT", t.tx.Commit) }
func (t *brokenTx) Rollback() error { return t.end("rollback", "ROLLBACK", t.tx.Rollback) }

func (t *brokenTx) end(kind, text string, end func() error) error {
	_, err := across(t.conn, kind, text, func() (struct{}, error) {
		err := end()
		t.conn.tx = nil
		return struct{}{}, err
	})
	t.conn.tx = nil
	return err
}

func (c *brokenConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	return across(c, "prepare", text, func() (driver.Stmt, error) {
		stmt, err := c.driverConn.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		s := &brokenStmt{driverStmt: stmt.(driverStmt), text: text, conn: c}
		c.stmts[s] = true
		return s, nil
	})
}

type brokenStmt struct {
	driverStmt
	text string
	conn *brokenConn
}

func (s *brokenStmt) Close() error {
	if s.conn.gone {
		return nil // it went with the connection
	}
	delete(s.conn.stmts, s)
	return s.driverStmt.Close()
}

func (s *brokenStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return across(s.conn, "exec", s.text, func() (driver.Result, error) { return s.driverStmt.ExecContext(ctx, args) })
}

func (s *brokenStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(s.text, func() (driver.Rows, error) { return s.driverStmt.QueryContext(ctx, args) })
}
