package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// transaction is a transaction and the first error in the transaction. The driverTransaction is nil if the host
// passed a nil transaction.
type transaction struct {
	driverTransaction

	// broken is the first error of a statement. After an error the server may have ended the transaction, so that
	// the next statement would be a transaction of its own, or the server may refuse all statements but ROLLBACK.
	broken error

	// spoilt is the error of the first method of a store after which the transaction is unusable.
	spoilt error
}

func (t *transaction) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	matched, err := t.driverTransaction.exec(ctx, q, args...)
	t.note(err)
	return matched, err
}

func (t *transaction) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	err := t.driverTransaction.each(ctx, q, args, row)
	t.note(err)
	return err
}

func (t *transaction) note(err error) {
	if t.broken == nil {
		t.broken = err
	}
}

// inTransaction commits the work of fn, unless fn returns an error, panics or ends the goroutine. The statements of
// fn are prepared before the transaction takes a connection, if the engine prepares statements of transactions.
func (s *Store) inTransaction(
	ctx context.Context, level sql.IsolationLevel, queries []*query, fn func(*transaction) error,
) (err error) {
	if err := s.db.prepare(ctx, queries); err != nil {
		return err
	}
	begun, err := s.db.begin(ctx, level)
	if err != nil {
		return err
	}
	defer func() { s.db.leave(ctx, err) }() // after the rollback
	t := &transaction{driverTransaction: begun}
	defer t.rollback(ctx)
	if err := fn(t); err != nil {
		return err
	}
	switch {
	case t.broken != nil:
		return t.broken
	case ctx.Err() != nil:
		return ctx.Err()
	}
	err = t.commit(ctx)
	switch {
	case errors.Is(err, sql.ErrTxDone):
		return &subjectError{field: "transaction", err: fmt.Errorf(
			"%w: the function must neither commit nor roll back: %w", allocation.ErrInvalid, err)}
	case err != nil && s.classify(err).isUnknown():
		return fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
	}
	return err
}

// inLocking commits the work of fn in a transaction for locks. An error of fn is returned unchanged, unless tables are
// missing.
func (s *Store) inLocking(ctx context.Context, op string, fn func(*transaction) error) error {
	level := s.isolation
	if level == sql.LevelDefault {
		level = s.engine.locking
	}
	var decided error
	err := s.inTransaction(ctx, level, s.statements.ahead(), func(t *transaction) error {
		if first := s.statements.lockAll; first != nil {
			if _, err := t.exec(ctx, first); err != nil {
				return err
			}
		}
		decided = fn(t)
		return decided
	})
	switch {
	case err == nil:
		return nil
	case decided == nil:
		return s.explain(ctx, op, s.retryable(ctx, err))
	}
	if missing := s.missing(ctx, op, decided); missing != nil {
		return missing
	}
	return decided
}

const (
	setSavepoint    = "SAVEPOINT allocation_commit"
	backToSavepoint = "ROLLBACK TO SAVEPOINT allocation_commit"
)
