package allocation

import (
	"errors"
	"fmt"
)

// Before anything is read: no store could carry out the call.
var (
	// ErrInvalid is wrapped by every error about an argument that is wrong whatever the store holds:
	// an empty or oversized identifier, a quantity out of range, a nil context, a unit of work inside
	// another. Nothing has been read. A hold in the past, or a count in the future, is found only
	// after the unit of work has looked at the clock, and so is a NeededBy, a FreshUntil or a
	// BestBefore that makes a new line or batch useless; then nothing has been written.
	ErrInvalid = errors.New("invalid")
)

// While deciding: the aggregate refuses, and no live line has been changed.
var (
	// ErrNotFound is wrapped when the store has no SKU, batch, order or line of that name.
	ErrNotFound = errors.New("not found")

	// ErrMismatch is wrapped when a known key comes with other data: a line with another quantity or
	// other terms (R3), a batch with another announcement (R8).
	ErrMismatch = errors.New("known with other data")

	// ErrNotAllowed is wrapped when the present state of a line or batch forbids the command:
	// shipping units before their arrival, for example, or shrinking a line below the units already
	// shipped.
	ErrNotAllowed = errors.New("not allowed")

	// ErrLapsed is wrapped when a command other than Cancel meets a hold after the hold's time (R7).
	// Once the hold has been cleared away, by somebody else's sale for example, the error is
	// ErrNotFound.
	ErrLapsed = errors.New("hold has lapsed")

	// ErrNotLoaded is wrapped when a product is asked about a line or a batch that the unit of work
	// has not loaded. The product never guesses: load the product by the order or the batch, see
	// [Repository].
	ErrNotLoaded = errors.New("not loaded")
)

// While committing: returned by a [Store], acted upon by a [UnitOfWork].
var (
	// ErrConflict is returned by Commit when another unit of work changed a product first, and for
	// any other reason that a fresh attempt may cure, such as a deadlock. Nothing has been written. A
	// unit of work tries again, and returns ErrConflict only once all attempts are used up.
	ErrConflict = errors.New("conflict")

	// ErrDuplicate is returned by Commit when a new batch or a new line is in the store already.
	// Nothing has been written.
	ErrDuplicate = errors.New("duplicate key")

	// ErrUnknownOutcome is returned by Commit when the answer of the database was lost: the changes
	// have all been written, or none. The library never retries after ErrUnknownOutcome, since only
	// the caller knows what to tell the customer meanwhile. Repeating the whole command is safe, and the
	// comment of each command says how the repeat answers. A commit may still be running on the
	// server after the connection was cut. So a repeat may be refused although the first commit
	// succeeds a moment later; another look shows the outcome.
	ErrUnknownOutcome = errors.New("outcome unknown")
)

// Error says which operation failed and on what subject, and wraps the reason: a sentinel of this
// package, or an error of the store.
type Error struct {
	Op    string // the method that was called, such as "Allocate"
	Field string // the subject, such as "sku" or "quantity"
	Value any    // the offending or missing value; nil for none
	Err   error  // the reason
}

// Error names operation, subject, value and reason; a value longer than 64 bytes is cut.
func (e *Error) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("allocation: %s: %s: %v", e.Op, e.Field, e.Err)
	}
	return fmt.Sprintf("allocation: %s: %s %s: %v", e.Op, e.Field, printable(e.Value), e.Err)
}

// Unwrap returns the reason, so that errors.Is finds the sentinels.
func (e *Error) Unwrap() error { return e.Err }

// printable quotes a value, since an identifier may hold any character, and cuts values too long for
// a log line.
func printable(value any) string {
	const most = 64
	text := fmt.Sprint(value)
	if len(text) > most {
		return fmt.Sprintf("%q… (%d bytes)", text[:most], len(text))
	}
	return fmt.Sprintf("%q", text)
}

// notAllowed returns the error for a command forbidden by the present state.
func notAllowed(op, field string, value any, reason string) error {
	return &Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", ErrNotAllowed, reason)}
}
