package telemetry

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cosmic-go/allocation"
)

// Keys of attributes.
const (
	keyOperation = attribute.Key("allocation.operation")
	keyAttempt   = attribute.Key("allocation.attempt") // of spans
	keyKind      = attribute.Key("allocation.event.kind")
	keyHit       = attribute.Key("allocation.cache.hit")
	keyDead      = attribute.Key("allocation.outbox.dead")
	keyError     = attribute.Key("error.type")
)

// otherError is the error type of errors that the library doesn't name.
const otherError = "_OTHER"

// errorTypes are the names of errors. The first error that matches counts, and an error may wrap several.
var errorTypes = []struct {
	err  error
	name string
	// expected errors are answers that a caller has to expect, and not failures of the shop.
	expected bool
}{
	{allocation.ErrUnknownOutcome, "unknown_outcome", false},
	{allocation.ErrConflict, "conflict", false},
	{allocation.ErrDuplicate, "duplicate", false},
	{context.Canceled, "canceled", true},
	{context.DeadlineExceeded, "deadline_exceeded", false},
	{allocation.ErrNotFound, "not_found", true},
	{allocation.ErrMismatch, "mismatch", true},
	{allocation.ErrLapsed, "lapsed", true},
	{allocation.ErrNotAllowed, "not_allowed", true},
	{allocation.ErrNotLoaded, "not_loaded", false},
	{allocation.ErrInvalid, "invalid", true},
}

// errorType returns the name of an error, "" for nil, and whether a caller has to expect the error.
func errorType(err error) (name string, expected bool) {
	if err == nil {
		return "", true
	}
	for _, known := range errorTypes {
		if errors.Is(err, known.err) {
			return known.name, known.expected
		}
	}
	if isRefusal(err) {
		return "out_of_stock", true
	}
	return otherError, false
}

// isRefusal reports whether a command ended out of stock.
func isRefusal(err error) bool { return errors.As(err, new(*allocation.OutOfStockError)) }

// sets keeps the sets of attributes, so that a measurement doesn't make a new set. The zero value is ready for use.
type sets struct{ known sync.Map } // of labels to metric.MeasurementOption

// labels are the values of a set. There are few: operations, kinds of events and types of errors are.
type labels struct {
	key    attribute.Key // of value
	value  string
	failed string // error.type, "" for none
}

// of returns the set of some labels.
func (s *sets) of(l labels) metric.MeasurementOption {
	if set, known := s.known.Load(l); known {
		return set.(metric.MeasurementOption)
	}
	var list []attribute.KeyValue
	if l.key != "" {
		list = append(list, l.key.String(l.value))
	}
	if l.failed != "" {
		list = append(list, keyError.String(l.failed))
	}
	set := metric.WithAttributeSet(attribute.NewSet(list...))
	s.known.Store(l, set)
	return set
}

// of a boolean attribute.
func truth(key attribute.Key, value bool) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(key.Bool(value)))
}
