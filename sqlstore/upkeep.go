package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// Backlog counts what is unsent, see [outbox.Maintainer].
func (s *Store) Backlog(ctx context.Context) (outbox.Backlog, error) {
	const op = "Backlog"
	if err := s.check(ctx, op); err != nil {
		return outbox.Backlog{}, err
	}
	var b outbox.Backlog
	err := s.pool().each(ctx, s.statements.outbox.upkeep.backlog, nil, func(rows *sql.Rows) error {
		var oldest sql.NullInt64
		err := rows.Scan(&b.Products, &b.Events, &oldest)
		b.Oldest = moment(oldest)
		return err
	})
	if err != nil {
		return outbox.Backlog{}, s.explain(ctx, op, err)
	}
	return b, nil
}

// Failures lists products whose first unsent event failed, see [outbox.Maintainer].
func (s *Store) Failures(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
	const op = "Failures"
	if err := s.check(ctx, op, checkAfter(after), atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	var failures []outbox.Failure
	q := s.statements.outbox.upkeep.failures
	args := q.args(func(name string) any { return map[string]any{"after": string(after), "limit": limit}[name] })
	err := s.pool().each(ctx, q, args, func(rows *sql.Rows) error {
		var f outbox.Failure
		var retryAt int64
		err := rows.Scan(&f.SKU, &f.Sequence, &f.Tries, &retryAt, &f.Dead, &f.Error)
		if !f.Dead {
			f.RetryAt = time.UnixMicro(retryAt).UTC()
		}
		failures = append(failures, f)
		return err
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	return failures, nil
}

// Retry lets a failed event be tried again, see [outbox.Maintainer]. Whoever is trying it just now keeps the lease.
func (s *Store) Retry(ctx context.Context, sku allocation.SKU) error {
	const op = "Retry"
	if err := s.check(ctx, op, sku.Validate()); err != nil {
		return err
	}
	forgive := s.statements.outbox.upkeep.retry
	err := s.again(ctx, func() error {
		met, err := s.pool().exec(ctx, forgive, forgive.args(func(string) any { return string(sku) })...)
		if err == nil && met == 0 {
			err = noFailure("sku", sku)
		}
		return err
	})
	return s.explain(ctx, op, err)
}

// Skip gives up a failed event, see [outbox.Maintainer]. Whoever is trying it just now keeps the lease.
func (s *Store) Skip(ctx context.Context, sku allocation.SKU, sequence int64) error {
	const op = "Skip"
	if err := s.check(ctx, op, sku.Validate()); err != nil {
		return err
	}
	arg := func(name string) any {
		if name == "sku" {
			return string(sku)
		}
		return sequence // of the failure, and then the last that counts as sent
	}
	forgive, mark := s.statements.outbox.upkeep.skip, s.statements.outbox.upkeep.mark
	err := s.again(ctx, func() error {
		return s.inTransaction(ctx, s.isolation, []*query{forgive, mark}, func(t *transaction) error {
			met, err := t.exec(ctx, forgive, forgive.args(arg)...)
			if err == nil && met == 0 {
				err = noFailure("sequence", sequence)
			}
			if err != nil {
				return err
			}
			_, err = t.exec(ctx, mark, mark.args(arg)...)
			return err
		})
	})
	return s.explain(ctx, op, err)
}

func noFailure(field string, value any) error {
	return &failed{field: field, value: value, err: fmt.Errorf("%w: no such failure of a first unsent event", allocation.ErrNotFound)}
}
