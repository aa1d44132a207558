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

// transaction is a *sql.Tx that the caller's context doesn't end. Left to itself, database/sql rolls back in
// the background when the context ends, and then nobody can tell whether COMMIT was sent.
type transaction struct {
	tx     *sql.Tx
	cancel context.CancelFunc
	stmts  map[*query]*sql.Stmt
}

// inTransaction commits what fn does, unless fn returns an error, panics or ends its goroutine.
func (s *Store) inTransaction(ctx context.Context, fn func(*transaction) error) error {
	for _, q := range s.statements.writes.all() {
		if _, err := q.prepare(ctx, s.db); err != nil {
			return err
		}
	}
	t, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer t.rollback()
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.commit(s.dialect)
}

// begin waits for a connection as long as the context lasts.
func (s *Store) begin(ctx context.Context) (*transaction, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	tx, err := s.db.BeginTx(lasting, nil)
	if err != nil {
		detach()
		cancel()
		return nil, err
	}
	t := &transaction{tx: tx, cancel: cancel, stmts: map[*query]*sql.Stmt{}}
	if !detach() {
		t.rollback()
		return nil, ctx.Err()
	}
	return t, nil
}

// exec runs a statement that has been prepared, and returns how many rows it met.
func (t *transaction) exec(ctx context.Context, q *query, args ...any) (rows int64, err error) {
	stmt := t.stmts[q]
	if stmt == nil {
		stmt = t.tx.StmtContext(ctx, q.prepared.Load())
		t.stmts[q] = stmt
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t *transaction) commit(dialect *Dialect) error {
	timer := time.AfterFunc(closing, t.cancel)
	defer timer.Stop()
	err := t.tx.Commit()
	if err != nil && dialect.classify(err) == unanswered {
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
