package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// CommitWith is [Store.Commit] with guests in the same transaction, see [allocation.GuestStore]. A commit that succeeds
// sets no savepoint. If a guest failed, a second transaction carries out each guest behind a savepoint to find all
// guests at fault.
func (s *Store) CommitWith(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	const op = "CommitWith"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	if len(guests) == 0 {
		return s.Commit(ctx, changes)
	}
	if err := s.checkGuests(guests); err != nil {
		return err
	}
	rows, err := relationsOf(changes)
	if err == nil {
		err = s.commitWith(ctx, rows, guests)
	}
	if failed := asGuestError(err); failed != nil {
		return failed
	}
	return s.explain(ctx, op, s.retryable(ctx, err))
}

func (s *Store) checkGuests(guests []allocation.Guest) error {
	for _, guest := range guests {
		if err := s.CheckGuest(guest); err != nil {
			return err
		}
	}
	return nil
}

func asGuestError(err error) *allocation.GuestError {
	var failed *allocation.GuestError
	if errors.As(err, &failed) {
		return failed
	}
	return nil
}

func (s *Store) commitWith(ctx context.Context, rows *relations, guests []allocation.Guest) error {
	statements := s.guestStatements(guests)
	done, err := s.tryPipeline(ctx, rows, statements)
	if !done {
		done, err = s.tryScript(ctx, rows, statements)
	}
	if !done {
		err = s.inTransaction(ctx, s.isolation, s.statements.ahead(), func(t *transaction) error {
			if err := s.writeProducts(ctx, t, rows); err != nil {
				return err
			}
			return s.runGuests(ctx, t, statements)
		})
	}
	var failed *guestFailureError
	switch {
	case !errors.As(err, &failed):
		return err
	case len(guests) == 1 && failed.answered:
		return &allocation.GuestError{Errs: []error{failed.err}}
	}
	return s.inTransaction(ctx, s.isolation, s.statements.ahead(), func(t *transaction) error {
		if err := s.writeProducts(ctx, t, rows); err != nil {
			return err
		}
		return s.runEach(ctx, t.driverTransaction, guests)
	})
}

// writeProducts writes the changes, if there are any.
func (s *Store) writeProducts(ctx context.Context, t *transaction, rows *relations) error {
	if len(rows.products) == 0 {
		return nil
	}
	return s.statements.writer.write(ctx, t, rows)
}

// CheckGuest is that of the store.
func (in *inside) CheckGuest(guest allocation.Guest) error { return in.store.CheckGuest(guest) }

// CommitWith undoes its own writes if guests failed, by a savepoint; then the transaction is still usable.
func (in *inside) CommitWith(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	const op = "CommitWith"
	if err := in.check(ctx, op); err != nil {
		return err
	}
	if len(guests) == 0 {
		return in.Commit(ctx, changes)
	}
	if err := in.store.checkGuests(guests); err != nil {
		return err
	}
	rows, err := relationsOf(changes)
	if err == nil {
		err = in.commitWith(ctx, rows, guests)
	}
	if failed := asGuestError(err); failed != nil {
		return failed
	}
	return in.explain(ctx, op, err)
}

func (in *inside) commitWith(ctx context.Context, rows *relations, guests []allocation.Guest) error {
	s, t := in.store, in.transaction
	if _, err := t.exec(ctx, s.statements.plain(setGuestsSavepoint)); err != nil {
		return err
	}
	if err := in.writeProducts(ctx, rows); err != nil {
		return err
	}
	// The errors of guests don't spoil the transaction as long as there is a way back to the savepoint.
	err := s.runGuests(ctx, t.driverTransaction, s.guestStatements(guests))
	var failed *guestFailureError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &failed):
		t.note(err)
		return err
	}
	if err := in.backToGuests(ctx, err); err != nil {
		return err
	}
	if len(guests) == 1 {
		return &allocation.GuestError{Errs: []error{failed.err}}
	}
	if err := in.writeProducts(ctx, rows); err != nil {
		return err
	}
	err = s.runEach(ctx, t.driverTransaction, guests)
	switch {
	case err == nil:
		return nil
	case asGuestError(err) == nil:
		t.note(err)
		return err
	}
	if lost := in.backToGuests(ctx, err); lost != nil {
		return lost
	}
	return err
}

// writeProducts writes the changes, if there are any.
func (in *inside) writeProducts(ctx context.Context, rows *relations) error {
	if len(rows.products) == 0 {
		return nil
	}
	return in.write(ctx, rows)
}

// backToGuests undoes the commit after an error of a guest. Without a way back the transaction is unusable.
func (in *inside) backToGuests(ctx context.Context, err error) error {
	if _, lost := in.transaction.driverTransaction.exec(ctx,
		in.store.statements.plain(backToGuestsSavepoint)); lost != nil {
		in.transaction.note(lost)
		return fmt.Errorf("%w after: %v", lost, err) //nolint:errorlint // the guest's error is not the transaction's
	}
	return nil
}
