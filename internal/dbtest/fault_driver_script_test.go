package dbtest

import (
	"context"
	"database/sql/driver"
	"strings"
)

// scriptStart begins a statement with all writes of a commit on MariaDB.
const scriptStart = "BEGIN NOT ATOMIC START TRANSACTION;\n"

// scriptParts are the statements of a script between its begin and its end.
func scriptParts(text string) []string {
	return strings.SplitAfter(strings.TrimSuffix(strings.TrimPrefix(text, scriptStart), "END"), ";\n")
}

// script runs a statement that begins a transaction. Before one of its parts the server may end the transaction.
func (c *brokenConn) script(ctx context.Context, text string) (driver.Result, error) {
	torn := scriptStart
	for _, part := range scriptParts(text) {
		if part != "" && c.breaker.strikes(exchange{"part", part, true}) != nil {
			torn += "ROLLBACK;\n"
		}
		torn += part
	}
	return across(c, "exec", text, func() (driver.Result, error) {
		result, err := c.driverConn.ExecContext(ctx, torn+"END", nil)
		if !c.gone {
			c.tx = &scriptTx{c.driverConn} // also after an error
		}
		return result, err
	})
}

func (c *brokenConn) endScript(ctx context.Context, text string) (driver.Result, error) {
	result, err := across(c, strings.ToLower(text), text, func() (driver.Result, error) {
		return c.driverConn.ExecContext(ctx, text, nil)
	})
	c.tx = nil
	return result, err
}

// scriptTx is a transaction that a script began.
type scriptTx struct{ conn driverConn }

func (t *scriptTx) Commit() error   { return t.end("COMMIT") }
func (t *scriptTx) Rollback() error { return t.end("ROLLBACK") }

func (t *scriptTx) end(text string) error {
	_, err := t.conn.ExecContext(context.Background(), text, nil)
	return err
}
