package sqlstore

import (
	"context"

	"github.com/cosmic-go/allocation/outbox"
)

// Settle clears the marks of sent events and ends the lease, see [outbox.Store]. A lost race is retried, in the end
// with [allocation.ErrConflict]. After an error the marks may be cleared without an end of the lease.
func (s *Store) Settle(ctx context.Context, t outbox.Settlement) error {
	const op = "Settle"
	if err := s.checkSettlement(ctx, op, t); err != nil {
		return err
	}
	return s.explain(ctx, op, s.retry(ctx, func() error { return s.settle(ctx, t) }))
}

func (s *Store) checkSettlement(ctx context.Context, op string, t outbox.Settlement) error {
	arguments := []error{t.SKU.Validate(), checkOwner(t.Owner), atLeast(0, "sent", t.Sent)}
	if f := t.Failure; f != nil {
		arguments = append(arguments, atLeast(t.Sent+1, "sequence", f.Sequence), atLeast(1, "tries", f.Tries))
	}
	return s.check(ctx, op, arguments...)
}

func (s *Store) settle(ctx context.Context, t outbox.Settlement) error {
	statements, arg := s.statements.outbox, settlementArgs(t)
	if t.Failure != nil {
		_, err := s.together(ctx, statements.failure, arg)
		return err
	}
	ended, err := s.together(ctx, statements.sent, arg)
	if err != nil || ended > 0 {
		return err
	}
	// Nothing new was sent, so the failure and the tries stay, or the lease belongs to another owner.
	_, err = s.db.exec(ctx, statements.giveBack, statements.giveBack.args(arg)...)
	return err
}

// settlementArgs returns the arguments of a settlement.
func settlementArgs(t outbox.Settlement) func(name string) any {
	values := map[string]any{"owner": t.Owner, "sku": string(t.SKU), "sent": t.Sent}
	if f := t.Failure; f != nil {
		values["sequence"], values["tries"], values["error"] = f.Sequence, f.Tries, f.Error
		values["dead"], values["retry_at"] = zeroOrOne(f.Dead), f.RetryAt.UnixMicro()
	}
	return func(name string) any { return values[name] }
}

// together runs statements one after the other, and returns the number of rows that the last statement matched.
func (s *Store) together(ctx context.Context, queries []*query, arg func(string) any) (rows int64, err error) {
	run := func(r runner) (err error) {
		for _, q := range queries {
			if rows, err = r.exec(ctx, q, q.args(arg)...); err != nil {
				return err
			}
		}
		return nil
	}
	if s.engine.embedded {
		err = s.inTransaction(ctx, s.isolation, queries, func(t *transaction) error { return run(t) })
	} else {
		err = run(s.db)
	}
	return rows, err
}
