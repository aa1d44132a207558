package sqlstore

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/cosmic-go/allocation"
)

// class says what an error of the engine means.
type class int

const (
	unanswered class = iota // no answer of the engine, as far as one can tell
	answered                // a definite failure
	conflict                // a fresh attempt may cure it
	duplicate               // a unique key exists
	refused                 // another constraint was broken
	undefined               // possibly a table or column that doesn't exist
)

// Drivers can't be imported here, so their errors are known by what they have: methods and fields.

// find returns the first error of a tree for which see finds a number.
func find[V any](err error, see func(error) (V, bool)) (found V, ok bool) {
	for err != nil {
		if v, ok := see(err); ok {
			return v, true
		}
		switch wrapping := err.(type) { //nolint:errorlint // it walks the tree itself
		case interface{ Unwrap() error }:
			err = wrapping.Unwrap()
		case interface{ Unwrap() []error }:
			for _, inner := range wrapping.Unwrap() {
				if v, ok := find(inner, see); ok {
					return v, true
				}
			}
			return found, false
		default:
			return found, false
		}
	}
	return found, false
}

// field is the field of a struct, or of what a pointer points at; the zero Value if there is none.
func field(err error, name string) reflect.Value {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// number is the value of a field, or of what a method returns that takes nothing, if it is an integer.
func number(err error, name string) (int64, bool) {
	v := field(err, name)
	if m := reflect.ValueOf(err).MethodByName(name); m.IsValid() && m.Type().NumIn() == 0 && m.Type().NumOut() == 1 {
		v = m.Call(nil)[0]
	}
	switch {
	case v.CanInt():
		return v.Int(), true
	case v.CanUint():
		return int64(v.Uint()), true //nolint:gosec // codes are small
	}
	return 0, false
}

// ErrNotMigrated is wrapped in the [*allocation.Error] of every method that finds the tables missing, or in
// another version than this package needs. See [Store.Migrate].
var ErrNotMigrated = errors.New("database is not migrated")

// failed says what a statement was about when it failed.
type subjectError struct {
	field string
	value any
	err   error

	// taken is what it means that a unique key exists; nil if the database contradicts itself then.
	taken error
}

func (f *subjectError) Error() string { return f.err.Error() }

func (f *subjectError) Unwrap() error { return f.err }

// atLeast refuses a number that is too small.
func atLeast[N int | int64](least N, field string, n N) error {
	if n >= least {
		return nil
	}
	return invalid("", field, n, fmt.Sprintf("must be at least %d", least))
}

func invalid(op, field string, value any, rule string) error {
	return &allocation.Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)}
}

func ended(op string, err error) error { return fmt.Errorf("sqlstore: %s: %w", op, err) }

func checkLimit(op string, limit int) error {
	if limit < 1 {
		return invalid(op, "limit", limit, "must be at least 1")
	}
	return nil
}
