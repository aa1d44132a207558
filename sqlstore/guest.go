package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cosmic-go/allocation"
)

// Statement is a guest of a command, see [allocation.Service.With]: a statement of the host's own, with the engine's
// placeholders. A statement must neither begin nor end a transaction. Rows of an answer are not read.
//
// On MariaDB the values go into the text, see [Row], and the text has no question mark but the placeholders. Statements
// that MariaDB commits by itself, such as TRUNCATE, are refused.
type Statement struct {
	SQL  string
	Args []any
}

// Row is a guest of a command, see [allocation.Service.With]: a row of the host's own. Insert is an INSERT up to the
// list of columns, such as "INSERT INTO orders (id, customer)", and Values has a value for each column.
//
// Rows of one commit with the same Insert are inserted by few statements, at the place of the first such row, but never
// before a [Statement] that precedes the row. If a row needs another row of the same commit, and the other row comes
// too late because of that, the commit takes longer and succeeds.
//
// On MariaDB the values go into the text: only the types of [driver.Value], and types made from these or with a method
// Value, are possible. A time is written in UTC.
type Row struct {
	Insert string
	Values []any
}

// Guest marks Statement as an [allocation.Guest].
func (Statement) Guest() {}

// Guest marks Row as an [allocation.Guest].
func (Row) Guest() {}

var _ allocation.GuestStore = (*Store)(nil)

// CheckGuest accepts a [Statement] and a [Row], see [allocation.GuestStore].
func (s *Store) CheckGuest(guest allocation.Guest) error {
	const op = "CheckGuest"
	if s == nil || s.engine == nil {
		return invalid(op, "store", nil, "must be made by New")
	}
	switch g := guest.(type) {
	case Statement:
		return g.check(op, s.engine)
	case Row:
		return g.check(op, s.engine)
	}
	return invalid(op, "guest", fmt.Sprintf("%T", guest), "must be a sqlstore.Statement or a sqlstore.Row")
}

// endings begin the statements that would end the transaction.
var endings = []string{
	"ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START", "XA",
}

// endingsOfMariaDB begin the statements that MariaDB commits before: the transaction would be cut in two.
var endingsOfMariaDB = []string{
	"ALTER", "CREATE", "DROP", "FLUSH", "GRANT", "LOCK", "RENAME", "REVOKE", "TRUNCATE", "UNLOCK",
	"ANALYZE", "OPTIMIZE", //nolint:misspell // so SQL spells them
}

func (g Statement) check(op string, e *engine) error {
	text := strings.TrimSpace(g.SQL)
	letters := strings.IndexFunc(text+" ", func(r rune) bool { return !unicode.IsLetter(r) })
	switch {
	case text == "":
		return invalid(op, "SQL", g.SQL, "must not be empty")
	case slices.Contains(endings, strings.ToUpper(text[:letters])),
		e.literals && slices.Contains(endingsOfMariaDB, strings.ToUpper(text[:letters])):
		return invalid(op, "SQL", g.SQL, "must neither begin nor end a transaction")
	case !e.literals:
		return nil
	case strings.Count(g.SQL, "?") != len(g.Args):
		const rule = "must have a placeholder for each of the %d arguments, and no other question mark"
		return invalid(op, "SQL", g.SQL, fmt.Sprintf(rule, len(g.Args)))
	}
	return checkLiterals(op, g.Args)
}

// mostColumns is the most values of a row. With 64 rows in a statement no engine has too many parameters.
const mostColumns = 500

func (g Row) check(op string, e *engine) error {
	switch {
	case strings.TrimSpace(g.Insert) == "":
		return invalid(op, "Insert", g.Insert, "must not be empty")
	case len(g.Values) == 0 || len(g.Values) > mostColumns:
		return invalid(op, "Values", len(g.Values), fmt.Sprintf("must be 1 to %d", mostColumns))
	case !e.literals:
		return nil
	}
	return checkLiterals(op, g.Values)
}

// checkLiterals refuses values that have no text, or whose method Value panics.
func checkLiterals(op string, values []any) error {
	for _, value := range values {
		l := &literalText{}
		if l.value(value); l.err != nil {
			reason := fmt.Errorf("%w: %w", allocation.ErrInvalid, l.err)
			return &allocation.Error{Op: op, Field: "value", Value: fmt.Sprintf("%T", value), Err: reason}
		}
	}
	return nil
}

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

// guestFailureError is the failure of a guest in a transaction that goes no further.
type guestFailureError struct {
	err      error
	answered bool // by the server; otherwise the connection may be lost
}

func (f *guestFailureError) Error() string { return f.err.Error() }

func (f *guestFailureError) Unwrap() error { return f.err }

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

// concernsAll reports whether the error of a guest's statement concerns the whole commit.
func (s *Store) concernsAll(ctx context.Context, err error) bool {
	return past(ctx) != nil || s.classify(err).isCurable()
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

const (
	setGuestSavepoint     = "SAVEPOINT allocation_guest"
	backToGuestSavepoint  = "ROLLBACK TO SAVEPOINT allocation_guest"
	setGuestsSavepoint    = "SAVEPOINT allocation_guests"
	backToGuestsSavepoint = "ROLLBACK TO SAVEPOINT allocation_guests"
)

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
