package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// ErrNotMigrated is wrapped in the [*allocation.Error] of every method that finds the tables missing, or in
// another version than this package needs. See [Store.Migrate].
var ErrNotMigrated = errors.New("database is not migrated")

// failed says what a statement was about when it failed.
type failed struct {
	field string
	value any
	err   error

	// taken is what it means that a unique key exists; nil if the database contradicts itself then.
	taken error
}

func (f *failed) Error() string { return f.err.Error() }
func (f *failed) Unwrap() error { return f.err }

// explain is meaning, and tells whether the error is one of missing tables. No transaction may be open, since it
// may have to ask the database what is there.
func (s *Store) explain(ctx context.Context, op string, err error) error {
	if err != nil && ctx.Err() == nil && s.classify(err) == undefined {
		if missing := s.checkVersion(ctx, op); errors.Is(missing, ErrNotMigrated) {
			return missing
		}
	}
	return s.meaning(ctx, op, err)
}

// meaning turns an error into what the contract of [allocation.Store] says.
func (s *Store) meaning(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	at := &failed{field: "database", value: s.dialect.name, err: err}
	errors.As(err, &at)
	reason := err
	switch class := s.classify(err); {
	case errors.Is(err, allocation.ErrUnknownOutcome), errors.Is(err, allocation.ErrConflict):
	case ctx.Err() != nil:
		return ended(op, ctx.Err())
	case class == conflict:
		reason = fmt.Errorf("%w: %w", allocation.ErrConflict, err)
	case class == duplicate && at.taken != nil:
		reason = fmt.Errorf("%w: %w", at.taken, err)
	case class == duplicate, class == refused:
		reason = fmt.Errorf("the database refuses: %w", err)
	}
	return &allocation.Error{Op: op, Field: at.field, Value: at.value, Err: reason}
}
