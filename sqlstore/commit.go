package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Commit writes all changes in one short transaction, or on PostgreSQL in a single statement; without new versions
// Commit only compares versions. See [allocation.Store].
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	const op = "Commit"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	rows, err := relationsOf(changes)
	if err == nil {
		switch {
		case !slices.ContainsFunc(changes, hasNewVersion):
			err = checkVersions(ctx, s.db, s.engine, s.statements.versions, rows.products)
		case s.engine.oneStatement && s.isolation == sql.LevelDefault:
			err = s.commitStatement(ctx, rows)
		default:
			err = s.commitTransaction(ctx, rows)
		}
	}
	return s.explain(ctx, op, s.retryable(ctx, err))
}

// commitTransaction writes the products first, in the order of the SKUs, on condition that each has the version
// that was read. The first statement is a write, so the transaction waits for concurrent writers before reading
// anything; the second of two rivals finds another version.
func (s *Store) commitTransaction(ctx context.Context, rows *relations) error {
	if done, err := s.tryScript(ctx, rows, nil); done {
		return err
	}
	return s.inTransaction(ctx, s.isolation, s.statements.ahead(), func(t *transaction) error {
		return s.statements.writer.write(ctx, t, rows)
	})
}

// commitStatement commits with a single statement, and sends the statement again if the driver reports that the
// server never received the statement. Some drivers under database/sql report so for a received statement (lib/pq,
// whenever the connection ends). A second try is harmless, because the versions are checked, but a failure of the
// second try leaves the outcome of the first unknown. The seam promises more, so that each try stands for itself.
func (s *Store) commitStatement(ctx context.Context, rows *relations) error {
	_, sure := s.db.(overDatabase)
	unsent, err := s.tryStatement(ctx, rows)
	for attempt := 1; err != nil && unsent && ctx.Err() == nil && attempt < 3; attempt++ {
		if unsent, err = s.tryStatement(ctx, rows); err != nil && !sure {
			err = fmt.Errorf("%w: sent again: %v", allocation.ErrUnknownOutcome, err) //nolint:errorlint // no conflict
		}
	}
	return err
}

// tryStatement gets a connection first: a failure to connect leaves no doubt about the outcome.
func (s *Store) tryStatement(ctx context.Context, rows *relations) (unsent bool, err error) {
	conn, err := s.db.connect(ctx)
	if err != nil {
		return false, err
	}
	r := &noted{connection: conn}
	err = s.statements.writer.write(ctx, r, rows)
	if s.leaves(r.err) {
		conn.discard()
	}
	_ = conn.close() // the answer to the statement decides
	switch {
	case err == nil:
		return false, nil
	case r.err != nil && !conn.unsent(r.err) && s.classify(r.err).isUnknown():
		return false, fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
	}
	return conn.unsent(r.err), err
}

// noted keeps the error of the last statement on a connection.
type noted struct {
	connection
	err error
}

func (n *noted) exec(ctx context.Context, q *query, args ...any) (matched int64, err error) {
	matched, n.err = n.connection.exec(ctx, q, args...)
	return matched, n.err
}

func (n *noted) each(ctx context.Context, q *query, args []any, row func(scanner) error) error {
	n.err = n.connection.each(ctx, q, args, row)
	return n.err
}
