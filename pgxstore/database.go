package pgxstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// querier is a pool, a connection or a transaction of pgx.
type querier interface {
	Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
}

var (
	_ querier = (*pgxpool.Pool)(nil)
	_ querier = (*pgxpool.Conn)(nil)
	_ querier = pgx.Tx(nil)
)

// runner is the [seam.Runner] over pgx, which prepares statements by text.
type runner struct{ querier querier }

func (r runner) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	tag, err := r.querier.Exec(ctx, text, args...)
	return tag.RowsAffected(), err
}

func (r runner) Each(ctx context.Context, text string, args []any, row func(seam.Row) error) error {
	rows, err := r.querier.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// database is the [seam.Database] over a pool.
type database struct{ pool *pgxpool.Pool }

var (
	_ seam.Database = database{}
	_ seam.Pipeline = database{}
)

func (d database) Exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	err = d.retry(ctx, isUnsent, func() error {
		return d.on(ctx, func(conn *pgxpool.Conn) error {
			changed, err = runner{conn}.Exec(ctx, text, args...)
			return err
		})
	})
	return changed, err
}

// on runs fn with a connection, which then returns to the pool, or leaves the pool if the server refuses writes.
func (d database) on(ctx context.Context, fn func(conn *pgxpool.Conn) error) error {
	conn, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { release(ctx, conn, err) }()
	err = fn(conn)
	return err
}

// acquire passes over connections that the server has closed, as a server that crashed and is back has closed all. The
// pool asks the server only about a connection that was idle for a second.
func (d database) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for closed := d.pool.Stat().TotalConns(); ; closed-- {
		conn, err := d.pool.Acquire(ctx)
		if err != nil || closed <= 0 || !seam.HasEnded(conn.Conn().PgConn().Conn()) {
			return conn, err
		}
		discard(ctx, conn)
	}
}

// release returns a connection to the pool, unless the error says that the server refuses writes, as a standby does.
// The pool would lead the next writer to the server again, and a new connection may find the primary.
func release(ctx context.Context, conn *pgxpool.Conn, err error) {
	if isReadOnly(err) {
		discard(ctx, conn)
		return
	}
	conn.Release()
}

func isReadOnly(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "25006"
}

func (d database) Each(ctx context.Context, text string, args []any, row func(seam.Row) error) error {
	rows := 0
	return d.retry(ctx, isUnsent, func() error {
		err := d.on(ctx, func(conn *pgxpool.Conn) error {
			return runner{conn}.Each(ctx, text, args, func(r seam.Row) error {
				rows++
				return row(r)
			})
		})
		if err != nil && rows > 0 {
			return final{err}
		}
		return err
	})
}

// final is an error after which nothing is sent again.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// retry sends a statement again that failed without any effect: the server closed an idle connection, or somebody
// changed the tables after the statement was prepared on the connection. Each connection of the pool may fail once.
func (d database) retry(ctx context.Context, isHarmless func(error) bool, send func() error) (err error) {
	for range d.pool.Stat().TotalConns() + 2 {
		err = send()
		var last final
		if errors.As(err, &last) {
			return last.error
		}
		if err == nil || ctx.Err() != nil || !isHarmless(err) && !hasOldPlan(err) {
			return err
		}
	}
	return err
}

// isUnsent reports whether the server never received a statement. pgx says so as well, by ErrConnClosed, of a simple
// query or a batch whose connection was open and has ended before the answer.
func isUnsent(err error) bool {
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
}

// hasOldPlan reports whether the answer is "cached plan must not change result type", after which pgx prepares the
// statement anew. The server has no other reason to answer 0A000 to the statements of a store.
func hasOldPlan(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "0A000"
}

var levels = map[sql.IsolationLevel]pgx.TxIsoLevel{
	sql.LevelDefault:        "",
	sql.LevelReadCommitted:  pgx.ReadCommitted,
	sql.LevelRepeatableRead: pgx.RepeatableRead,
	sql.LevelSerializable:   pgx.Serializable,
}

func (d database) Begin(ctx context.Context, level sql.IsolationLevel) (seam.Transaction, error) {
	isolation, known := levels[level]
	if !known {
		return nil, fmt.Errorf("PostgreSQL has no level %s", level)
	}
	var begun seam.Transaction
	err := d.retry(ctx, pgconn.SafeToRetry, func() error { // a BEGIN that was sent does no harm
		conn, err := d.acquire(ctx)
		if err != nil {
			return err
		}
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: isolation})
		if err != nil {
			release(ctx, conn, err)
			return err
		}
		begun = &ownTransaction{transaction: transaction{runner{tx}, tx}, conn: conn}
		return nil
	})
	return begun, err
}

func (d database) Connect(ctx context.Context) (seam.Connection, error) {
	conn, err := d.acquire(ctx)
	if err != nil {
		return nil, err
	}
	return connection{runner{conn}, conn}, nil
}

// Pipeline sends the statements without BEGIN and COMMIT: the server takes a pipeline for one transaction.
func (d database) Pipeline(ctx context.Context, statements []seam.Statement) (succeeded int, undone bool, err error) {
	conn, err := d.acquire(ctx)
	if err != nil {
		return 0, true, err
	}
	defer func() { release(ctx, conn, err) }()
	batch := &pgx.Batch{}
	for _, s := range statements {
		batch.Queue(s.Text, s.Args...)
	}
	results := conn.SendBatch(ctx, batch)
	for err == nil && succeeded < len(statements) {
		if _, err = results.Exec(); err == nil {
			succeeded++
		}
	}
	if last := results.Close(); err == nil {
		err = last
	}
	return succeeded, err != nil && isUndone(conn.Conn(), err), err
}

// isUndone reports whether a batch failed before pgx sent the statements: at preparing, or at encoding an argument. A
// failure while sending or receiving ends the connection. A batch is also undone if the server has answered up to the
// end and a statement has failed with a state that a lost connection may have, too.
func isUndone(conn *pgx.Conn, err error) bool {
	var before pgx.ErrPreprocessingBatch
	return isUnsent(err) || errors.As(err, &before) || !conn.IsClosed() && !isPlain(err)
}

// isPlain reports whether an error is an answer of the server that a store takes for an answer: neither about a
// connection, such as the connection of a foreign table, nor a system's or an internal error.
func isPlain(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && !slices.ContainsFunc([]string{"08", "58", "XX"}, func(class string) bool {
		return strings.HasPrefix(answer.Code, class)
	})
}

// transaction is the [seam.Transaction] over a transaction of pgx.
type transaction struct {
	runner
	tx pgx.Tx
}

func (t transaction) Commit(ctx context.Context) error {
	err := t.tx.Commit(ctx)
	switch {
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return rolledBackError{err}
	case errors.Is(err, pgx.ErrTxClosed): // by the host
		return fmt.Errorf("%w: %w", sql.ErrTxDone, err)
	}
	return err
}

// rolledBackError is an answer of the server to COMMIT, in a form that a store recognises as an answer.
type rolledBackError struct{ error }

func (e rolledBackError) Unwrap() error { return e.error }

// SQLState is the state of a transaction in which a statement has failed.
func (rolledBackError) SQLState() string { return "25P02" }

func (t transaction) Rollback(ctx context.Context) { _ = t.tx.Rollback(ctx) } // pgx closes the connection on an error

// ownTransaction is a transaction on a connection of the pool. The connection leaves the pool if a statement met a
// server that refuses writes; the connection of a host's transaction is the host's.
type ownTransaction struct {
	transaction
	conn    *pgxpool.Conn
	refused error
}

func (t *ownTransaction) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	changed, err := t.transaction.Exec(ctx, text, args...)
	t.note(err)
	return changed, err
}

func (t *ownTransaction) Each(ctx context.Context, text string, args []any, row func(seam.Row) error) error {
	err := t.transaction.Each(ctx, text, args, row)
	t.note(err)
	return err
}

func (t *ownTransaction) note(err error) {
	if isReadOnly(err) {
		t.refused = err
	}
}

func (t *ownTransaction) Commit(ctx context.Context) error {
	err := t.transaction.Commit(ctx)
	t.note(err)
	t.end(ctx)
	return err
}

func (t *ownTransaction) Rollback(ctx context.Context) {
	if t.conn != nil {
		t.transaction.Rollback(ctx)
		t.end(ctx)
	}
}

// end gives the connection back, once.
func (t *ownTransaction) end(ctx context.Context) {
	release(ctx, t.conn, t.refused)
	t.conn = nil
}

// connection is the [seam.Connection] over a connection of a pool.
type connection struct {
	runner
	conn *pgxpool.Conn
}

func (connection) Unsent(err error) bool { return isUnsent(err) }

func (c connection) Close() error {
	c.conn.Release()
	return nil
}

// goodbye limits the time for telling the server that a connection ends.
const goodbye = time.Second

func (c connection) Discard() { discard(context.Background(), c.conn) }

func discard(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	_ = conn.Hijack().Close(ctx)
}
