package allocation

import (
	"errors"
	"fmt"
)

// Before anything is read: the call itself can't be carried out.
var (
	// ErrInvalid is wrapped by every error about an argument that breaks a rule of its own: an empty
	// or oversized identifier, a quantity out of range, a nil context, a unit of work inside another.
	// Nothing has been read. A hold in the past, or a count in the future, is found once the unit of work
	// has a clock; nothing has been written then.
	ErrInvalid = errors.New("invalid")
)

// While deciding: the aggregate refuses, and nothing has been changed.
var (
	// ErrNotFound is wrapped when the store holds no such SKU, batch, order or line.
	ErrNotFound = errors.New("not found")

	// ErrMismatch is wrapped when a known key comes with other data: a line with another quantity
	// (R3), a batch announced differently (R8).
	ErrMismatch = errors.New("known with other data")

	// ErrNotAllowed is wrapped when the present state of a line or batch forbids the command, such as
	// shipping what has not arrived, or shrinking a line below what was shipped.
	ErrNotAllowed = errors.New("not allowed")

	// ErrLapsed is wrapped when a command other than Cancel meets a hold after its time (R7). Once the
	// hold has been cleared away, by somebody else's sale for example, it is ErrNotFound.
	ErrLapsed = errors.New("hold has lapsed")

	// ErrNotLoaded is wrapped when a product is asked about a line or a batch that was not loaded
	// with it. The product never guesses: load it by that order or batch, see [Repository].
	ErrNotLoaded = errors.New("not loaded")
)

// While committing: returned by a [Store], acted upon by a [UnitOfWork].
var (
	// ErrConflict is returned by Commit when another unit of work changed one of the products first,
	// and by anything else that a fresh attempt may cure, such as a deadlock. Nothing has been
	// written. A unit of work tries again and returns it only once its attempts are used up.
	ErrConflict = errors.New("conflict")

	// ErrDuplicate is returned by Commit when a new batch or a new line is in the store already.
	// Nothing has been written.
	ErrDuplicate = errors.New("duplicate key")

	// ErrUnknownOutcome is returned by Commit when its answer was lost: all of it has been written,
	// or none. It is never retried by the library, since only the caller knows what to do in the
	// meantime; to repeat the whole command is safe, its comment says what the repeat answers. A commit
	// whose connection was cut may still be running on the server: a repeat that is refused meanwhile
	// can be overtaken by it, and a later look shows which it was.
	ErrUnknownOutcome = errors.New("outcome unknown")
)

// Error says which operation failed on what, and wraps the reason: one of the sentinels of this
// package, or what a store returned.
type Error struct {
	Op    string // the method that was called, such as "Allocate"
	Field string // what the error is about, such as "sku" or "quantity"
	Value any    // the offending or missing value; nil if there is none
	Err   error  // why
}

func (e *Error) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("allocation: %s: %s: %v", e.Op, e.Field, e.Err)
	}
	return fmt.Sprintf("allocation: %s: %s %s: %v", e.Op, e.Field, printable(e.Value), e.Err)
}

// Unwrap returns the reason, so that errors.Is finds the sentinels.
func (e *Error) Unwrap() error { return e.Err }

// printable quotes identifiers, which may hold anything, and cuts what is too long for a log line.
func printable(value any) string {
	const most = 64
	text := fmt.Sprint(value)
	if len(text) > most {
		return fmt.Sprintf("%q… (%d bytes)", text[:most], len(text))
	}
	return fmt.Sprintf("%q", text)
}

// notAllowed returns the error for a command that the present state forbids.
func notAllowed(op, field string, value any, reason string) error {
	return &Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", ErrNotAllowed, reason)}
}
