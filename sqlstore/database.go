package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// sqlDatabase is the [database] over database/sql.
type sqlDatabase struct {
	db      *sql.DB
	engine  *engine
	sockets sockets // of connections to PostgreSQL
}

var _ database = (*sqlDatabase)(nil)

func (d *sqlDatabase) pool() any { return d.db }

func (d *sqlDatabase) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	changed, err := d.execOnce(ctx, q, args)
	d.leave(ctx, err)
	return changed, err
}

func (d *sqlDatabase) execOnce(ctx context.Context, q *query, args []any) (int64, error) {
	if err := d.engine.fits(ctx, d, q.text, args); err != nil {
		return 0, err
	}
	if !d.engine.prepares {
		conn, err := d.connect(ctx)
		if err != nil {
			return 0, err
		}
		changed, err := conn.exec(ctx, q, args...)
		_ = conn.close()
		if err == nil || !conn.unsent(err) {
			return changed, err
		}
	}
	if !d.engine.prepares || q.literal {
		result, err := d.db.ExecContext(ctx, q.text, args...)
		return affected(q, result, err)
	}
	stmt, err := d.statement(ctx, q)
	var result sql.Result
	if err == nil {
		result, err = stmt.ExecContext(ctx, args...)
	}
	if d.isUnprepared(err) {
		text, unwritable := q.withValues(args)
		if unwritable != nil {
			return 0, unwritable
		}
		result, err = d.db.ExecContext(ctx, text)
	}
	return affected(q, result, err)
}

// leave gives up the connection on which a server has answered that another server must do the work. database/sql
// doesn't tell which connection a statement took, but hands out the connection that came back last. Another caller may
// be faster; then leave may give up a good connection, and the other caller meets the error and leaves in turn.
func (d *sqlDatabase) leave(ctx context.Context, err error) {
	if err == nil || d.engine.classify(err) != elsewhere || d.db.Stats().Idle == 0 {
		return
	}
	if conn, failed := d.connect(ctx); failed == nil {
		conn.discard()
	}
}

// isUnprepared reports whether a statement didn't run because the server prepares no more statements.
func (d *sqlDatabase) isUnprepared(err error) bool {
	return err != nil && d.engine.unprepared != nil && d.engine.unprepared(err)
}

// each sends a statement again if the tables have changed since the statement was prepared on the connection: each
// connection of the pool may say so once.
func (d *sqlDatabase) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	for sendings := d.db.Stats().OpenConnections + 1; ; sendings-- {
		rows := 0
		err := d.eachOnce(ctx, q, args, func(r scanner) error {
			rows++
			return row(r)
		})
		d.leave(ctx, err)
		if err == nil || d.engine.again == nil || !d.engine.again(err) || rows > 0 || sendings == 0 {
			return err
		}
	}
}

func (d *sqlDatabase) eachOnce(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	if err := d.engine.fits(ctx, d, q.text, args); err != nil {
		return err
	}
	if !d.engine.prepares {
		conn, err := d.connect(ctx)
		if err != nil {
			return err
		}
		seen := false
		err = conn.each(ctx, q, args, func(r scanner) error {
			seen = true
			return row(r)
		})
		_ = conn.close()
		if err == nil || seen || !conn.unsent(err) {
			return err
		}
	}
	if !d.engine.prepares || q.literal {
		rows, err := d.db.QueryContext(ctx, q.text, args...)
		return scan(rows, err, row)
	}
	stmt, err := d.statement(ctx, q)
	var rows *sql.Rows
	if err == nil {
		rows, err = stmt.QueryContext(ctx, args...)
	}
	if d.isUnprepared(err) {
		text, unwritable := q.withValues(args)
		if unwritable != nil {
			return unwritable
		}
		rows, err = d.db.QueryContext(ctx, text)
	}
	return scan(rows, err, row)
}

func (d *sqlDatabase) prepare(ctx context.Context, queries []*query) error {
	if !d.engine.prepares || d.engine.literals {
		return nil
	}
	for _, q := range queries {
		if _, err := d.statement(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// prepared is a *sql.Stmt. The end of the database, or of the transaction, closes the statement.
type prepared interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
}

// statement returns the prepared statement, and prepares the statement at the first use.
func (d *sqlDatabase) statement(ctx context.Context, q *query) (prepared, error) {
	if known := q.prepared.Load(); known != nil {
		return known, nil
	}
	stmt, err := d.db.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	if !q.prepared.CompareAndSwap(nil, stmt) { // another goroutine was first
		defer stmt.Close()
	}
	return q.prepared.Load(), nil
}

// begin waits for a connection until ctx ends. The transaction has a context of its own: given ctx, database/sql
// would roll back in the background when ctx ends, and nobody could tell whether COMMIT was sent.
func (d *sqlDatabase) begin(ctx context.Context, level sql.IsolationLevel) (driverTransaction, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	t := &sqlTransaction{engine: d.engine, cancel: cancel}
	if err := t.begin(lasting, d, &sql.TxOptions{Isolation: level}); err != nil {
		detach()
		cancel()
		d.leave(ctx, err)
		return nil, err
	}
	if !detach() {
		t.rollback(ctx)
		return nil, ctx.Err()
	}
	return t, nil
}

func (d *sqlDatabase) connect(ctx context.Context) (connection, error) {
	conn, err := d.reserve(ctx)
	if err != nil {
		return nil, err
	}
	return sqlConnection{conn, d.engine}, nil
}

// closing limits the time of COMMIT and ROLLBACK. The caller's context doesn't end COMMIT or ROLLBACK, because the
// outcome must not depend on whether the caller still waits.
const closing = 30 * time.Second

// sqlTransaction is the [driverTransaction] over database/sql: a transaction of a store, or of a host.
type sqlTransaction struct {
	tx       *sql.Tx
	conn     *sql.Conn // of the transaction, if begin has reserved the connection; nil after the end
	engine   *engine
	cancel   context.CancelFunc // nil for a transaction of a host
	prepared []preparedStatement
}

// preparedStatement is a statement on the connection of a transaction.
type preparedStatement struct {
	query *query
	stmt  *sql.Stmt
}

// begin reserves the connection where a server may keep the transaction: database/sql would return the connection to
// the pool even after a COMMIT that failed. PostgreSQL's connection is reserved to pass over a lost connection. A
// connection that was lost in the pool is replaced, as database/sql does.
func (t *sqlTransaction) begin(ctx context.Context, d *sqlDatabase, opts *sql.TxOptions) (err error) {
	if !t.engine.keeps && t.engine.prepares {
		t.tx, err = d.db.BeginTx(ctx, opts)
		return err
	}
	for range 3 {
		if t.conn, err = d.reserve(ctx); err != nil {
			return err
		}
		if t.tx, err = t.conn.BeginTx(ctx, opts); err == nil {
			return nil
		}
		t.end(err)
		if !errors.Is(err, driver.ErrBadConn) {
			return err
		}
	}
	return err
}

// end returns the reserved connection to the pool. A connection whose server may keep a transaction is given up after
// an error of BEGIN, COMMIT or ROLLBACK: the next BEGIN would commit the transaction.
func (t *sqlTransaction) end(err error) {
	if t.conn == nil {
		return
	}
	c := sqlConnection{t.conn, t.engine}
	if err != nil && t.engine.keeps {
		c.discard()
	}
	_ = c.close()
	t.conn = nil
}

func (t *sqlTransaction) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	if t.engine.literals {
		text, err := t.literal(ctx, q, args)
		if err != nil {
			return 0, err
		}
		result, err := t.tx.ExecContext(ctx, text)
		return affected(q, result, err)
	}
	if !t.engine.prepares || q.literal {
		result, err := t.tx.ExecContext(ctx, q.text, args...)
		return affected(q, result, err)
	}
	stmt, err := t.statement(ctx, q)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	return affected(q, result, err)
}

func (t *sqlTransaction) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	if t.engine.literals {
		text, err := t.literal(ctx, q, args)
		if err != nil {
			return err
		}
		rows, err := t.tx.QueryContext(ctx, text)
		return scan(rows, err, row)
	}
	if !t.engine.prepares || q.literal {
		rows, err := t.tx.QueryContext(ctx, q.text, args...)
		return scan(rows, err, row)
	}
	stmt, err := t.statement(ctx, q)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return scan(rows, err, row)
}

// literal returns the text with the values, if the server accepts a text of that size.
func (t *sqlTransaction) literal(ctx context.Context, q *query, args []any) (string, error) {
	text, err := q.withValues(args)
	if err == nil {
		err = t.engine.fits(ctx, t, text, nil)
	}
	return text, err
}

// statement needs no second connection: an unprepared statement is prepared on the connection of the transaction.
func (t *sqlTransaction) statement(ctx context.Context, q *query) (prepared, error) {
	for _, known := range t.prepared {
		if known.query == q {
			return known.stmt, nil
		}
	}
	var stmt *sql.Stmt
	if known := q.prepared.Load(); known != nil {
		stmt = t.tx.StmtContext(ctx, known)
	} else {
		var err error
		if stmt, err = t.tx.PrepareContext(ctx, q.text); err != nil {
			return nil, err
		}
	}
	t.prepared = append(t.prepared, preparedStatement{q, stmt}) // closed at the end of the transaction
	return stmt, nil
}

func (t *sqlTransaction) commit(context.Context) error {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	err := t.tx.Commit()
	t.end(err)
	return err
}

func (t *sqlTransaction) rollback(context.Context) {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	defer t.cancel()
	t.end(t.tx.Rollback()) // which does nothing after COMMIT
}

// reserve passes over connections that the server has closed: a server that crashed and is back has closed all. Where
// database/sql prepares, reserve leaves that to the driver. The driver may look itself (go-sql-driver), or ask the
// server only after a while (pgx, after a second).
func (d *sqlDatabase) reserve(ctx context.Context) (*sql.Conn, error) {
	open := d.db.Stats().OpenConnections
	for closed := open; ; closed-- {
		conn, err := d.db.Conn(ctx)
		if err != nil || d.engine.prepares || closed <= 0 || !d.sockets.hasEnded(conn, open) {
			return conn, err
		}
		sqlConnection{conn, d.engine}.discard()
	}
}
