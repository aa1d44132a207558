package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
)

// kind is a sort of problem, with a name and a status by which clients recognise the problem.
type kind struct {
	status      int
	name, title string

	decided  bool // a decision of the shop, kept as the answer to a request with an Idempotency-Key
	tryAgain bool // the same request may succeed in a moment
}

func fault(status int, name, title string) kind {
	return kind{status: status, name: name, title: title}
}
func decision(status int, name, title string) kind { return kind{status, name, title, true, false} }
func passing(status int, name, title string) kind  { return kind{status, name, title, false, true} }

var (
	malformed   = fault(http.StatusBadRequest, "malformed", "The request can't be read")
	badKey      = fault(http.StatusBadRequest, "idempotency-key", "The Idempotency-Key is not valid")
	noSuchPath  = fault(http.StatusNotFound, "no-such-path", "There is nothing at this path")
	noSuchVerb  = fault(http.StatusMethodNotAllowed, "method", "The path has no such method")
	tooLarge    = fault(http.StatusRequestEntityTooLarge, "too-large", "The body is too large")
	unsupported = fault(http.StatusUnsupportedMediaType, "media-type", "The body has another media type")
	invalid     = fault(http.StatusUnprocessableEntity, "invalid", "The request breaks a rule")
	keyReused   = fault(http.StatusUnprocessableEntity, "key-reused", "The Idempotency-Key belongs to another request")
	internal    = fault(http.StatusInternalServerError, "internal", "The server failed")

	notFound   = decision(http.StatusNotFound, "not-found", "The request names something unknown")
	outOfStock = decision(http.StatusConflict, "out-of-stock", "There is too little stock, and nothing was allocated")
	mismatch   = decision(http.StatusConflict, "mismatch", "The same name is known with other data")
	notAllowed = decision(http.StatusConflict, "not-allowed", "The present state forbids the request")
	lapsed     = decision(http.StatusConflict, "lapsed", "The hold has lapsed")

	keyInFlight = passing(http.StatusConflict, "key-in-flight", "A request with this Idempotency-Key is under way")
	busy        = passing(http.StatusServiceUnavailable, "busy", "Nothing was changed: try again")
	unsure      = passing(http.StatusServiceUnavailable, "unknown-outcome", "It may be done: repeat it to find out")
	notReady    = passing(http.StatusServiceUnavailable, "not-ready", "The shop is not ready")
)

// requestError is a mistake in a request, found before the library is called.
type requestError struct {
	kind   kind
	detail string
}

func (e *requestError) Error() string { return e.kind.title + ": " + e.detail }

// kindOf is the table of errors. Of two joined errors the graver one counts, so graver kinds come first.
func kindOf(err error) kind {
	var own *requestError
	var short *allocation.OutOfStockError
	switch {
	case errors.As(err, &own):
		return own.kind
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge
	case errors.As(err, &short) && errors.Is(short, err): // not joined: the event of the refusal was recorded
		return outOfStock
	}
	for _, row := range []struct {
		err  error
		kind kind
	}{
		{allocation.ErrUnknownOutcome, unsure},
		{allocation.ErrConflict, busy}, {allocation.ErrDuplicate, busy},
		{context.DeadlineExceeded, busy}, {context.Canceled, busy}, {sql.ErrTxDone, busy}, // and rolled back
		{allocation.ErrInvalid, invalid}, {allocation.ErrNotFound, notFound}, {allocation.ErrMismatch, mismatch},
		{allocation.ErrNotAllowed, notAllowed}, {allocation.ErrLapsed, lapsed},
	} {
		if errors.Is(err, row.err) {
			return row.kind
		}
	}
	return internal
}

// problem is the answer about an error, in the form of RFC 9457.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitzero"`
	Instance string `json:"instance"`

	Errors    []fieldError `json:"errors,omitempty"`
	Shortages []shortage   `json:"shortages,omitempty"`

	kind kind
}

type fieldError struct {
	Field  string `json:"field"`
	Value  any    `json:"value,omitempty"`
	Detail string `json:"detail"`
}

type shortage struct {
	SKU       allocation.SKU      `json:"sku"`
	Wanted    allocation.Quantity `json:"wanted"`
	Available allocation.Quantity `json:"available"`
}

// problemFor hides the cause of a failure of the server; the log has the cause.
func problemFor(err error, instance string) problem {
	k := kindOf(err)
	p := problem{Type: "/problems/" + k.name, Title: k.title, Status: k.status, Instance: instance, kind: k}
	var own *requestError
	var short *allocation.OutOfStockError
	switch {
	case errors.As(err, &own):
		p.Detail = own.detail
	case k == outOfStock && errors.As(err, &short):
		for _, s := range short.Shortages {
			p.Shortages = append(p.Shortages, shortage{SKU: s.SKU, Wanted: s.Quantity, Available: s.Available})
		}
	case k.decided, k == invalid:
		p.Errors = fieldErrors(err)
		p.Detail = p.Errors[0].Field + ": " + p.Errors[0].Detail
	}
	return p
}

func (p problem) reply() reply {
	answer, _ := asJSON(p.Status, p, nil) // every problem can be written as JSON
	answer.mediaType, answer.tryAgain = problemType, p.kind.tryAgain
	return answer
}

// fieldErrors takes joined errors apart, such as an error for each unknown SKU.
func fieldErrors(err error) (fields []fieldError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			fields = append(fields, fieldErrors(one)...)
		}
		return fields
	}
	var about *allocation.Error
	if !errors.As(err, &about) {
		return []fieldError{{Field: "request", Detail: err.Error()}}
	}
	return []fieldError{{Field: wire.FieldName(about.Field), Value: about.Value, Detail: about.Err.Error()}}
}

// unrouted answers a request without a handler. The multiplexer's own answer tells an unknown path from an unknown
// method.
func unrouted(w http.ResponseWriter, no http.Handler) handler {
	return func(_ context.Context, r *http.Request) (reply, error) {
		answer := headerOnly{ResponseWriter: w}
		no.ServeHTTP(&answer, r)
		if answer.status == http.StatusMethodNotAllowed {
			return reply{}, &requestError{noSuchVerb, "it allows " + w.Header().Get("Allow")}
		}
		return reply{}, &requestError{noSuchPath, r.URL.Path}
	}
}

// headerOnly keeps the status and the header of an answer and drops the body.
type headerOnly struct {
	http.ResponseWriter
	status int
}

func (h *headerOnly) WriteHeader(status int)         { h.status = status }
func (h *headerOnly) Write(body []byte) (int, error) { return len(body), nil }
