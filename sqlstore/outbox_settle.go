package sqlstore

import (
	"context"

	"github.com/cosmic-go/allocation/outbox"
)

// Settle takes the marks of what was sent away, and ends the lease, see [outbox.Store]. What loses a race on the server
// is tried again, and in the end an [allocation.ErrConflict]. After an error the marks may be gone and the
// lease not ended; it ends by itself.
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
	// Nothing new was sent, so that the tries count, or it isn't the owner's.
	_, err = s.db.exec(ctx, statements.giveBack, statements.giveBack.args(arg)...)
	return err
}

// settling are the arguments of a settlement.
func settlementArgs(t outbox.Settlement) func(name string) any {
	values := map[string]any{"owner": t.Owner, "sku": string(t.SKU), "sent": t.Sent}
	if f := t.Failure; f != nil {
		values["sequence"], values["tries"], values["error"] = f.Sequence, f.Tries, beginning(f.Error)
		values["dead"], values["retry_at"] = zeroOrOne(f.Dead), f.RetryAt.UnixMicro()
	}
	return func(name string) any { return values[name] }
}

// together runs statements one after the other, and returns how many rows the last one met.
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
