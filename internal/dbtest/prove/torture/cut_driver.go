package torture

import (
	"context"
	"database/sql/driver"
)

// cutConnector opens connections of a driver that has no network, and cuts them as if it had.
type cutConnector struct {
	driver.Connector
	cut *cutter
}

// fileConn is what the connections of SQLite's driver can do.
type fileConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Validator
	driver.SessionResetter
}

// fileStmt is what its statements can do.
type fileStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (c cutConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &driverConn{fileConn: conn.(fileConn), cut: c.cut, prepared: map[*cutStmt]bool{}}, nil
}

// driverConn is a connection that is closed at once when it is cut, which takes its transaction back.
type driverConn struct {
	fileConn
	cut      *cutter
	prepared map[*cutStmt]bool // and not closed yet
	closed   bool
}

// drop closes the statements first: SQLite keeps a connection, and its locks, until the last of them is closed.
func (c *driverConn) drop() {
	for s := range c.prepared {
		_ = s.fileStmt.Close()
	}
	c.closed = true
	_ = c.fileConn.Close()
}

func (c *driverConn) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return c.fileConn.Close()
}

func (c *driverConn) IsValid() bool { return !c.closed && c.fileConn.IsValid() }

func (c *driverConn) ResetSession(ctx context.Context) error {
	if c.closed {
		return driver.ErrBadConn
	}
	return c.fileConn.ResetSession(ctx)
}

// across runs one exchange with the database, which may be cut before it or after it.
func across[T any](c *driverConn, exchange func() (T, error)) (T, error) {
	var none T
	if !c.closed && c.cut.cuts(beforeRequest) {
		c.drop()
	}
	if c.closed {
		return none, driver.ErrBadConn
	}
	result, err := exchange()
	if err == nil && c.cut.cuts(insteadOfAnswer) {
		if rows, open := any(result).(driver.Rows); open {
			_ = rows.Close()
		}
		c.drop()
		return none, errCut
	}
	return result, err
}

func (c *driverConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return across(c, func() (driver.Tx, error) {
		tx, err := c.fileConn.BeginTx(ctx, opts)
		return &cutTx{tx: tx, conn: c}, err
	})
}

func (c *driverConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	return across(c, func() (driver.Stmt, error) {
		stmt, err := c.fileConn.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		s := &cutStmt{fileStmt: stmt.(fileStmt), conn: c}
		c.prepared[s] = true
		return s, nil
	})
}

func (c *driverConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	return across(c, func() (driver.Result, error) { return c.fileConn.ExecContext(ctx, text, args) })
}

func (c *driverConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	return across(c, func() (driver.Rows, error) { return c.fileConn.QueryContext(ctx, text, args) })
}

// cutTx is a transaction on such a connection.
type cutTx struct {
	tx   driver.Tx
	conn *driverConn
}

func (t *cutTx) Commit() error   { return t.end(t.tx.Commit) }
func (t *cutTx) Rollback() error { return t.end(t.tx.Rollback) }

func (t *cutTx) end(end func() error) error {
	_, err := across(t.conn, func() (struct{}, error) { return struct{}{}, end() })
	return err
}

// cutStmt is a prepared statement on such a connection.
type cutStmt struct {
	fileStmt
	conn *driverConn
}

func (s *cutStmt) Close() error {
	if s.conn.closed {
		return nil // it went with the connection
	}
	delete(s.conn.prepared, s)
	return s.fileStmt.Close()
}

func (s *cutStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return across(s.conn, func() (driver.Result, error) { return s.fileStmt.ExecContext(ctx, args) })
}

func (s *cutStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return across(s.conn, func() (driver.Rows, error) { return s.fileStmt.QueryContext(ctx, args) })
}
