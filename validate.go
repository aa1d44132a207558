package allocation

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// maxIDBytes is the greatest length of an identifier (R12).
const maxIDBytes = 255

// invalid returns the error for an argument that breaks a rule.
func invalid(op, field string, value any, rule string) error {
	return &Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", ErrInvalid, rule)}
}

// checkID refuses an identifier if a store could confuse the identifier with another, or could not
// store it (R12).
func checkID[ID ~string](op, field string, id ID) error {
	text := string(id)
	switch {
	case text == "":
		return invalid(op, field, id, "must not be empty")
	case len(text) > maxIDBytes:
		return invalid(op, field, id, "must not be longer than 255 bytes")
	case !utf8.ValidString(text):
		return invalid(op, field, id, "must be valid UTF-8")
	case strings.ContainsRune(text, 0):
		return invalid(op, field, id, "must not contain NUL")
	case strings.TrimSpace(text) != text:
		return invalid(op, field, id, "must not begin or end with white space")
	}
	return nil
}

// maxYear is the last year of a time in RFC 3339.
const maxYear = 9999

// checkTime refuses a time if RFC 3339, and therefore JSON, can't express the time.
func checkTime(op, field string, t time.Time) error {
	if cut := clean(t); cut.IsZero() || cut.Year() < 1 || cut.Year() > maxYear {
		return invalid(op, field, t, "must be set and in the years 1 to 9999")
	}
	return nil
}

// checkTimeIfAny is checkTime, but accepts the zero time.
func checkTimeIfAny(op, field string, t time.Time) error {
	if t.IsZero() {
		return nil
	}
	return checkTime(op, field, t)
}

// clean brings a time into the form of every store: UTC, in whole microseconds (R11).
func clean(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
