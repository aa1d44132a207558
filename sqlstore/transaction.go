package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// closing is how long COMMIT or ROLLBACK may take. Nothing else ends them: what they do must not depend on
// whether the caller still waits.
const closing = 30 * time.Second

// transaction is the [runner] of a *sql.Tx: one of ours, which the caller's context doesn't end, or a host's. Left
// to itself, database/sql rolls back in the background when the context ends, and then nobody can tell
// whether COMMIT was sent.
type transaction struct {
	tx       *sql.Tx
	prepares bool
	cancel   context.CancelFunc // nil for a host's
	stmts    map[*query]*sql.Stmt

	// failed is the first error of a statement. From then on the server may have ended the transaction, so
	// that what comes next would be a transaction of its own, or may refuse all but a rollback.
	broken error
}

func (s *Store) transactionOn(tx *sql.Tx, cancel context.CancelFunc) *transaction {
	return &transaction{tx: tx, prepares: s.engine.prepares, cancel: cancel, stmts: map[*query]*sql.Stmt{}}
}

// inTransaction commits what fn does, unless fn returns an error, panics or ends its goroutine. The statements that fn may
// need are prepared before it takes its connection.
func (s *Store) inTransaction(
	ctx context.Context, level sql.IsolationLevel, queries []*query, fn func(*transaction) error,
) error {
	if s.engine.prepares {
		for _, q := range queries {
			if _, err := q.prepare(ctx, s.db); err != nil {
				return err
			}
		}
	}
	t, err := s.begin(ctx, level)
	if err != nil {
		return err
	}
	defer t.rollback()
	if err := fn(t); err != nil {
		return err
	}
	switch {
	case t.broken != nil:
		return t.broken
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return s.commit(t)
}

// begin waits for a connection as long as the context lasts.
func (s *Store) begin(ctx context.Context, level sql.IsolationLevel) (*transaction, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	tx, err := s.db.BeginTx(lasting, &sql.TxOptions{Isolation: level})
	if err != nil {
		detach()
		cancel()
		return nil, err
	}
	t := s.transactionOn(tx, cancel)
	if !detach() {
		t.rollback()
		return nil, ctx.Err()
	}
	return t, nil
}

func (t *transaction) exec(ctx context.Context, q *query, args ...any) (rows int64, err error) {
	defer func() { t.note(err) }()
	if !t.prepares || q.literal {
		return affected(t.tx.ExecContext(ctx, q.text, args...))
	}
	stmt, err := t.stmt(ctx, q)
	if err != nil {
		return 0, err
	}
	return affected(stmt.ExecContext(ctx, args...))
}

func (t *transaction) each(ctx context.Context, q *query, args []any, row func(*sql.Rows) error) (err error) {
	defer func() { t.note(err) }()
	if !t.prepares || q.literal {
		rows, err := t.tx.QueryContext(ctx, q.text, args...)
		return scan(rows, err, row)
	}
	stmt, err := t.stmt(ctx, q)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return scan(rows, err, row)
}

// stmt takes no second connection: what isn't prepared yet is prepared on that of the transaction.
func (t *transaction) stmt(ctx context.Context, q *query) (*sql.Stmt, error) {
	if known := t.stmts[q]; known != nil {
		return known, nil
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
	t.stmts[q] = stmt // the end of the transaction closes it
	return stmt, nil
}

func (t *transaction) note(err error) {
	if t.broken == nil {
		t.broken = err
	}
}

func (s *Store) commit(t *transaction) error {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	err := t.tx.Commit()
	if err != nil && s.classify(err) == unanswered {
		return fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
	}
	return err
}

// rollback does nothing after commit.
func (t *transaction) rollback() {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	defer t.cancel()
	_ = t.tx.Rollback() // the connection is given up if it fails
}
