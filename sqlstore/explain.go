package sqlstore

import (
	"context"
	"errors"
)

// explain is like meaning, and detects missing tables. No transaction may be open, because explain may query the
// database.
func (s *Store) explain(ctx context.Context, op string, err error) error {
	if missing := s.missing(ctx, op, err); missing != nil {
		return missing
	}
	return s.meaning(ctx, op, err)
}

// missing returns ErrNotMigrated if missing tables explain an error, and nil otherwise.
func (s *Store) missing(ctx context.Context, op string, err error) error {
	if err != nil && past(ctx) == nil && s.classify(err) == undefined {
		if missing := s.checkVersion(ctx, op); errors.Is(missing, ErrNotMigrated) {
			return missing
		}
	}
	return nil
}
