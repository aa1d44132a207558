package dbtest

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
)

// breaker stands between database/sql and a driver, and lets one exchange with the database go wrong, as the driver,
// the network and the server would.
type breaker struct {
	driver.Connector
	skips bool // the driver takes arguments only through a prepared statement

	mu     sync.Mutex
	counts func(x exchange) bool // which exchanges are counted
	at     int                   // the one that goes wrong, counted from 1
	fault  *fault
	passed []exchange // before it
	struck *exchange
	victim *brokenConn // of the exchange that went wrong, nil for a connect
	later  []exchange  // after it

	// look is called after every exchange; a query's is over once its rows were read.
	look func(x exchange)
}

// exchange is a request to the database and its answer.
type exchange struct {
	kind string // connect, prepare, exec, query, rows, begin, commit, rollback, or part: a statement in a script
	text string
	inTx bool
}

// fault is how an exchange goes wrong.
type fault struct {
	name string
	err  error // that the driver returns
	done bool  // the request was carried out; only its answer is lost
	cut  bool  // the connection is gone, and with it the transaction

	// leaves says that the connection has to leave the pool, unless it is in a host's transaction.
	leaves bool

	// open says that the server refuses COMMIT, and keeps the transaction.
	open bool

	torn bool // the server ends the transaction beforehand, and nobody hears of that

	// ends is what the server does to an open transaction when it fails with err.
	ends func(c *brokenConn)
}

// arm lets the n-th exchange that counts go wrong.
func (b *breaker) arm(n int, f *fault, counts func(x exchange) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at, b.fault, b.counts = n, f, counts
	b.passed, b.struck, b.victim, b.later = nil, nil, nil, nil
}

// disarm returns the exchange that went wrong, nil if there was none, and those before and after it.
func (b *breaker) disarm() (struck *exchange, before, after []exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = 0
	return b.struck, b.passed, b.later
}

// strikes says how this exchange goes wrong, nil if it doesn't.
func (b *breaker) strikes(x exchange) *fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.at == 0:
		return nil
	case b.struck != nil:
		b.later = append(b.later, x)
		return nil
	case b.counts(x):
		b.at--
	}
	if b.at > 0 {
		b.passed = append(b.passed, x)
		return nil
	}
	b.at, b.struck = -1, &x
	return b.fault
}

func (b *breaker) seen(x exchange) {
	if b.look != nil && x.kind != "query" {
		b.look(x)
	}
}

func (b *breaker) Connect(ctx context.Context) (driver.Conn, error) {
	x := exchange{kind: "connect"}
	if f := b.strikes(x); f != nil {
		return nil, f.err
	}
	conn, err := b.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &brokenConn{driverConn: conn.(driverConn), breaker: b, stmts: map[*brokenStmt]bool{}}, nil
}

// brokenConn is a connection that may break.
type brokenConn struct {
	driverConn
	breaker *breaker
	stmts   map[*brokenStmt]bool
	tx      driver.Tx // nil outside a transaction
	gone    bool
}

// across is one exchange.
func across[T any](c *brokenConn, kind, text string, do func() (T, error)) (T, error) {
	var none T
	if c.gone {
		return none, driver.ErrBadConn
	}
	x := exchange{kind, text, c.tx != nil}
	f := c.breaker.strikes(x)
	if f == nil {
		result, err := do()
		c.breaker.seen(x)
		return result, err
	}
	if f.torn {
		takeBack(c)
		result, err := do()
		c.breaker.seen(x)
		return result, err
	}
	if f.done {
		result, err := do()
		if rows, open := any(result).(driver.Rows); open && err == nil {
			err = errors.Join(drain(rows), rows.Close())
		}
		if err != nil {
			return none, err
		}
	}
	c.breaker.victim = c
	c.fail(kind, f)
	return none, f.err
}

// fail does to the transaction and to the connection what the fault does.
func (c *brokenConn) fail(kind string, f *fault) {
	switch {
	case f.cut:
		c.drop()
	case c.tx == nil, f.open:
	case kind == "commit":
		_ = c.tx.Rollback()
	case f.ends != nil:
		f.ends(c)
	}
}

// drop ends the transaction here, since a server takes a moment to see that its client has gone, and closes the
// statements, up to the last of which SQLite keeps a connection.
func (c *brokenConn) drop() {
	if c.tx != nil {
		_ = c.tx.Rollback()
	}
	for s := range c.stmts {
		_ = s.driverStmt.Close()
	}
	c.gone = true
	_ = c.driverConn.Close()
}

func drain(rows driver.Rows) error {
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(values); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func (c *brokenConn) Close() error {
	if c.gone {
		return nil
	}
	c.gone = true
	return c.driverConn.Close()
}

func (c *brokenConn) IsValid() bool {
	able, ok := c.driverConn.(driver.Validator)
	return !c.gone && (!ok || able.IsValid())
}

func (c *brokenConn) ResetSession(ctx context.Context) error {
	if c.gone {
		return driver.ErrBadConn
	}
	return c.driverConn.ResetSession(ctx)
}

func (c *brokenConn) CheckNamedValue(v *driver.NamedValue) error {
	if able, ok := c.driverConn.(driver.NamedValueChecker); ok {
		return able.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *brokenConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if c.breaker.skips && len(args) > 0 {
		return nil, driver.ErrSkip
	}
	switch {
	case strings.HasPrefix(text, scriptStart):
		return c.script(ctx, text)
	case text == "COMMIT" || text == "ROLLBACK":
		return c.endScript(ctx, text)
	}
	return across(c, "exec", text, func() (driver.Result, error) { return c.driverConn.ExecContext(ctx, text, args) })
}

func (c *brokenConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if c.breaker.skips && len(args) > 0 {
		return nil, driver.ErrSkip
	}
	return c.query(text, func() (driver.Rows, error) { return c.driverConn.QueryContext(ctx, text, args) })
}

func (c *brokenConn) query(text string, do func() (driver.Rows, error)) (driver.Rows, error) {
	rows, err := across(c, "query", text, do)
	if err != nil {
		return nil, err
	}
	return &brokenRows{Rows: rows, conn: c, text: text}, nil
}
