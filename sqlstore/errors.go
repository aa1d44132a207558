package sqlstore

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/cosmic-go/allocation"
)

// class is the meaning of an engine's error.
type class int

const (
	unanswered class = iota // not an answer of the engine, as far as the package can tell
	answered                // a definite failure
	conflict                // a fresh attempt may cure it
	elsewhere               // the server carries nothing out now; a fresh attempt on another connection may succeed
	lost                    // the connection has ended; a COMMIT, or a write without a transaction, may have succeeded
	duplicate               // a unique key exists
	refused                 // another constraint was broken
	undefined               // possibly a missing table or column
	tooLarge                // the statement is larger than the server accepts
)

// isCurable reports whether nothing was written and a fresh attempt may succeed.
func (c class) isCurable() bool { return c == conflict || c == elsewhere }

// isUnknown reports whether a COMMIT with the error may have been carried out.
func (c class) isUnknown() bool { return c == unanswered || c == lost }

// This package imports no driver, so the package recognises the errors of drivers by methods and fields.

// find walks a tree of errors and returns the first value that see finds.
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

// field returns a field of a struct, or of the struct behind a pointer; the zero Value if there is none.
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

// number returns an integer field, or the integer result of a method without parameters.
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

// ErrNotMigrated is wrapped in the [*allocation.Error] of every method that finds tables missing, or a version of
// the tables that differs from the version of this package. See [Store.Migrate].
var ErrNotMigrated = errors.New("database is not migrated")

// subjectError names the subject of a failed statement.
type subjectError struct {
	field string
	value any
	err   error

	// taken is the meaning of an existing unique key; nil if the database contradicts itself.
	taken error
}

func (f *subjectError) Error() string { return f.err.Error() }

func (f *subjectError) Unwrap() error { return f.err }

// errBehind is the meaning of a number that an event of the product has already, such as after a partial restore.
var errBehind = errors.New("the version of the product is behind its events, see Mend of allocation.Service")

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

// sqlState returns the SQLSTATE of an error of the server.
func sqlState(err error) (state string, ok bool) {
	return find(err, func(err error) (string, bool) {
		coded, ok := err.(interface{ SQLState() string })
		if !ok {
			return "", false
		}
		return coded.SQLState(), true
	})
}

// placeOf returns the function of the server that made the error, "" if the driver doesn't say.
func placeOf(err error) string {
	place, _ := find(err, func(err error) (string, bool) {
		v := field(err, "Routine")
		return v.String(), v.IsValid() && v.String() != ""
	})
	return place
}
