package sqlstore

import (
	"context"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// runGuests carries out statements. An error that a fresh attempt may cure, and the end of the context, are returned
// as they are, other errors as a guestFailureError.
func (s *Store) runGuests(ctx context.Context, r runner, statements []guestStatement) error {
	for _, statement := range statements {
		err := s.runGuest(ctx, r, statement)
		switch {
		case err == nil:
			continue
		case s.concernsAll(ctx, err):
			return err
		}
		return &guestFailureError{err: err, answered: !s.classify(err).isUnknown()}
	}
	return nil
}

// runGuest carries out one statement. A panic of an argument's method Value becomes an error, because the goroutine
// belongs to another caller.
func (s *Store) runGuest(ctx context.Context, r runner, statement guestStatement) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("sqlstore: a guest panicked: %v", cause)
		}
	}()
	if statement.err != nil {
		return statement.err
	}
	if err := s.engine.fits(ctx, r, statement.text, nil); err != nil {
		return err
	}
	_, err = r.exec(ctx, &query{text: statement.text, literal: true}, statement.args...)
	return err
}

// runEach carries out each guest behind a savepoint, and returns an [*allocation.GuestError] if any guest failed. An
// error after which there is no way back to the savepoint can't be attributed.
func (s *Store) runEach(ctx context.Context, r runner, guests []allocation.Guest) error {
	failed := &allocation.GuestError{Errs: make([]error, len(guests))}
	one := false
	for i := range guests {
		if _, err := r.exec(ctx, s.statements.plain(setGuestSavepoint)); err != nil {
			return err
		}
		var err error
		for _, statement := range s.guestStatements(guests[i : i+1]) {
			err = s.runGuest(ctx, r, statement)
		}
		switch {
		case err == nil:
			continue
		case s.concernsAll(ctx, err):
			return err
		}
		if _, lost := r.exec(ctx, s.statements.plain(backToGuestSavepoint)); lost != nil {
			return err
		}
		failed.Errs[i], one = err, true
	}
	if one {
		return failed
	}
	return nil
}

// guestFailureError is the failure of a guest in a transaction that goes no further.
type guestFailureError struct {
	err      error
	answered bool // by the server; otherwise the connection may be lost
}

func (f *guestFailureError) Error() string { return f.err.Error() }

func (f *guestFailureError) Unwrap() error { return f.err }

// concernsAll reports whether the error of a guest's statement concerns the whole commit.
func (s *Store) concernsAll(ctx context.Context, err error) bool {
	return past(ctx) != nil || s.classify(err).isCurable()
}
