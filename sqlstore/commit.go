package sqlstore

import (
	"context"
	"database/sql"
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
	rows, err := relationsOf(changes)
	if err == nil {
		switch {
		case !slices.ContainsFunc(changes, hasEvents):
			err = checkVersions(ctx, s.db, s.statements.versions, rows.products)
		case s.engine.oneStatement && s.isolation == sql.LevelDefault:
			err = s.commitStatement(ctx, rows)
		default:
			err = s.commitTransaction(ctx, rows)
		}
	}
	return s.explain(ctx, op, err)
}

// checkVersions demands that a statement over SKUs selects the versions that were read; 0 is that of a missing product.
func checkVersions(ctx context.Context, r runner, q *query, products []productRow) error {
	if len(products) == 0 {
		return nil
	}
	versions := make(map[allocation.SKU]int64, len(products))
	err := r.each(ctx, q, []any{idList(skusOf(products))}, func(row scanner) error {
		var sku allocation.SKU
		var version int64
		err := row.Scan(&sku, &version)
		versions[sku] = version
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range products {
		if versions[p.sku] != p.seen {
			return conflictOn(p)
		}
	}
	return nil
}

func skusOf(products []productRow) []allocation.SKU {
	skus := make([]allocation.SKU, len(products))
	for i, p := range products {
		skus[i] = p.sku
	}
	return skus
}

// commitTransaction begins with the products, by SKU, under the condition that they have the versions that were read: its
// first statement is a write that waits for its turn, and whoever comes second finds another version.
func (s *Store) commitTransaction(ctx context.Context, rows *relations) error {
	return s.inTransaction(ctx, s.isolation, s.statements.ahead(), func(t *transaction) error {
		return s.statements.writer.write(ctx, t, rows)
	})
}

// commitStatement writes with a single statement, and again if the driver says that the statement was never sent. Some
// drivers say that of one that was sent (lib/pq, whenever the connection ends): to send it again does no
// harm, for the versions are checked, but its failure then says nothing about the first.
func (s *Store) commitStatement(ctx context.Context, rows *relations) error {
	unsent, err := s.tryStatement(ctx, rows)
	for attempt := 1; err != nil && unsent && ctx.Err() == nil && attempt < 3; attempt++ {
		if unsent, err = s.tryStatement(ctx, rows); err != nil {
			err = fmt.Errorf("%w: sent again: %v", allocation.ErrUnknownOutcome, err) //nolint:errorlint // a conflict it is not
		}
	}
	return err
}

// tryStatement asks for a connection first, because a failure to get one is no doubt about the outcome.
func (s *Store) tryStatement(ctx context.Context, rows *relations) (unsent bool, err error) {
	conn, err := s.db.connect(ctx)
	if err != nil {
		return false, err
	}
	r := &noted{connection: conn}
	err = s.statements.writer.write(ctx, r, rows)
	closed := conn.close()
	switch {
	case err == nil:
		return false, closed
	case r.err != nil && !conn.unsent(r.err) && s.classify(r.err) == unanswered:
		return false, fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
	}
	return conn.unsent(r.err), err
}

// noted keeps how the last statement on a connection went.
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

// conflictOn is the answer to whom another unit of work came before.
func conflictOn(p productRow) error {
	return &subjectError{
		field: "sku", value: p.sku,
		err: fmt.Errorf("%w: its version is not %d any more", allocation.ErrConflict, p.seen),
	}
}

// conflictOnAny names the product if there is only one.
func conflictOnAny(products []productRow) error {
	if len(products) == 1 {
		return conflictOn(products[0])
	}
	return &subjectError{
		field: "sku", value: skusOf(products),
		err: fmt.Errorf("%w: not all of them have the version that was read any more", allocation.ErrConflict),
	}
}
