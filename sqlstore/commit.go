package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Commit writes all changes in one short transaction, or only reads if there is nothing but versions to check.
// See [allocation.Store].
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	const op = "Commit"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	work := s.write
	switch {
	case !slices.ContainsFunc(changes, hasEvents):
		work = s.verify
	case s.dialect.oneStatement && s.isolation == sql.LevelDefault:
		work = s.commitStatement
	}
	return s.explain(ctx, op, work(ctx, changes))
}

func hasEvents(c allocation.Changes) bool { return len(c.Events) > 0 }

// verify checks versions with one SELECT.
func (s *Store) verify(ctx context.Context, changes []allocation.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	skus := make([]allocation.SKU, len(changes))
	for i, c := range changes {
		skus[i] = c.SKU
	}
	versions := make(map[allocation.SKU]int64, len(changes))
	err := s.pool().each(ctx, s.statements.versions, []any{idList(skus)}, func(rows *sql.Rows) error {
		var sku allocation.SKU
		var version int64
		err := rows.Scan(&sku, &version)
		versions[sku] = version
		return err
	})
	if err != nil {
		return err
	}
	return compare(changes, versions)
}

// compare demands the versions that were read; 0 is that of a missing product.
func compare(changes []allocation.Changes, versions map[allocation.SKU]int64) error {
	for _, c := range changes {
		if versions[c.SKU] != c.Read {
			return conflictOn(c)
		}
	}
	return nil
}

// write begins with the products, by SKU, under the condition that they have the versions that were read: its
// first statement is a write that waits for its turn, and whoever comes second finds another version.
func (s *Store) write(ctx context.Context, changes []allocation.Changes) error {
	return s.inTransaction(ctx, s.isolation, s.statements.ahead(), func(t *transaction) error {
		return s.statements.writer.write(ctx, t, changes)
	})
}

// alone writes with a single statement, and again if the driver says that the statement was never sent. Some
// drivers say that of one that was sent (lib/pq, whenever the connection ends): to send it again does no
// harm, for the versions are checked, but its failure then says nothing about the first.
func (s *Store) commitStatement(ctx context.Context, changes []allocation.Changes) error {
	unsent, err := s.tryStatement(ctx, changes)
	for attempt := 1; err != nil && unsent && ctx.Err() == nil && attempt < 3; attempt++ {
		if unsent, err = s.tryStatement(ctx, changes); err != nil {
			err = fmt.Errorf("%w: sent again: %v", allocation.ErrUnknownOutcome, err) //nolint:errorlint // a conflict it is not
		}
	}
	return err
}

// once asks for a connection first, because a failure to get one is no doubt about the outcome.
func (s *Store) tryStatement(ctx context.Context, changes []allocation.Changes) (unsent bool, err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	r := &single{conn: conn}
	err = s.statements.writer.write(ctx, r, changes)
	closed := conn.Close()
	switch {
	case err == nil && closed != nil && !errors.Is(closed, sql.ErrConnDone):
		return false, closed
	case r.err != nil && !r.unsent && s.classify(r.err) == unanswered:
		return false, fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
	}
	return r.unsent, err
}

// lost is the answer to whom another unit of work came before.
func conflictOn(c allocation.Changes) error {
	return &subjectError{
		field: "sku", value: c.SKU,
		err: fmt.Errorf("%w: its version is not %d any more", allocation.ErrConflict, c.Read),
	}
}

// traceParent is that of the i-th event, "" if it has none.
func traceParent(c allocation.Changes, i int) string {
	if i >= len(c.TraceParents) {
		return ""
	}
	return c.TraceParents[i]
}

// unsentFrom is the mark of an event: the last one of a commit has the number of the first.
func unsentFrom(c allocation.Changes, sequence int64) any {
	if sequence != c.Version {
		return nil
	}
	return c.Read + 1
}

// lostOne names the product if there is only one.
func conflictOnAny(changes []allocation.Changes) error {
	if len(changes) == 1 {
		return conflictOn(changes[0])
	}
	skus := make([]allocation.SKU, len(changes))
	for i, c := range changes {
		skus[i] = c.SKU
	}
	return &subjectError{
		field: "sku", value: skus,
		err: fmt.Errorf("%w: not all of them have the version that was read any more", allocation.ErrConflict),
	}
}
