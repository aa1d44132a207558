package allocation

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxIDBytes  = 255
	maxQuantity = Quantity(1<<53 - 1)
)

// invalid returns the error for an argument that breaks the given rule.
func invalid(op, field string, value any, rule string) error {
	return &Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", ErrInvalid, rule)}
}

// checkID refuses what a store couldn't keep apart from another identifier, or not keep at all (R12).
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

// checkQuantity refuses what is asked for unless it is from least to 2^53−1.
func checkQuantity(op, field string, q, least Quantity) error {
	switch {
	case q < least:
		return invalid(op, field, q, fmt.Sprintf("must be at least %d", least))
	case q > maxQuantity:
		return invalid(op, field, q, "must be at most 2^53-1")
	}
	return nil
}

// checkTime refuses a time that RFC 3339, and with it JSON, can't write.
func checkTime(op, field string, t time.Time) error {
	if kept := clean(t); kept.IsZero() || kept.Year() < 1 || kept.Year() > 9999 {
		return invalid(op, field, t, "must be set and in the years 1 to 9999")
	}
	return nil
}

func checkTimeIfAny(op, field string, t time.Time) error {
	if t.IsZero() {
		return nil
	}
	return checkTime(op, field, t)
}

// check refuses a line with a bad identifier or quantity.
func (l OrderLine) check(op string) error {
	if err := checkID(op, "order", l.OrderID); err != nil {
		return err
	}
	if err := checkID(op, "sku", l.SKU); err != nil {
		return err
	}
	return checkQuantity(op, "quantity", l.Quantity, 1)
}

// check refuses an announcement with bad data.
func (b Batch) check(op string) error {
	if err := checkID(op, "batch", b.Ref); err != nil {
		return err
	}
	if err := checkID(op, "sku", b.SKU); err != nil {
		return err
	}
	if b.Location != "" {
		if err := checkID(op, "location", b.Location); err != nil {
			return err
		}
	}
	if err := checkTimeIfAny(op, "eta", b.ETA); err != nil {
		return err
	}
	if err := checkTimeIfAny(op, "best before", b.BestBefore); err != nil {
		return err
	}
	if b.Allocated != 0 {
		return invalid(op, "allocated", b.Allocated, "must be 0 in an announcement")
	}
	return checkQuantity(op, "quantity", b.Purchased, 1)
}

// clean brings a time into the form that every store keeps: UTC, whole microseconds (R11).
func clean(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// addSaturating adds two counts that are not negative; a sum over many batches may exceed what one of them can have.
func addSaturating(a, b Quantity) Quantity {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
