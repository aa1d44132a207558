package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"

	"github.com/cosmic-go/allocation"
)

// kind is a sort of problem that clients can tell apart, by its name and its status.
type kind struct {
	status int
	name   string
	title  string

	decided  bool // it is the shop's decision, and kept as the answer to a request with an Idempotency-Key
	tryAgain bool // the same request may succeed in a moment
}

var (
	malformed   = kind{status: http.StatusBadRequest, name: "malformed", title: "The request can't be read"}
	badKey      = kind{status: http.StatusBadRequest, name: "idempotency-key", title: "The Idempotency-Key is not valid"}
	noSuchPath  = kind{status: http.StatusNotFound, name: "no-such-path", title: "There is nothing at this path"}
	noSuchVerb  = kind{status: http.StatusMethodNotAllowed, name: "method", title: "The path has no such method"}
	tooLarge    = kind{status: http.StatusRequestEntityTooLarge, name: "too-large", title: "The body is too large"}
	unsupported = kind{status: http.StatusUnsupportedMediaType, name: "media-type", title: "The body has another media type"}
	invalid     = kind{status: http.StatusUnprocessableEntity, name: "invalid", title: "The request breaks a rule"}
	keyReused   = kind{status: http.StatusUnprocessableEntity, name: "key-reused", title: "The Idempotency-Key belongs to another request"}
	keyInFlight = kind{status: http.StatusConflict, name: "key-in-flight", title: "The first request with this Idempotency-Key is under way", tryAgain: true}

	notFound   = kind{status: http.StatusNotFound, name: "not-found", title: "What the request names is unknown", decided: true}
	outOfStock = kind{status: http.StatusConflict, name: "out-of-stock", title: "There is too little stock, and nothing was allocated", decided: true}
	mismatch   = kind{status: http.StatusConflict, name: "mismatch", title: "It is known with other data", decided: true}
	notAllowed = kind{status: http.StatusConflict, name: "not-allowed", title: "The present state forbids it", decided: true}
	lapsed     = kind{status: http.StatusConflict, name: "lapsed", title: "The hold has lapsed", decided: true}

	busy     = kind{status: http.StatusServiceUnavailable, name: "busy", title: "Nothing was changed, and may be tried again", tryAgain: true}
	unsure   = kind{status: http.StatusServiceUnavailable, name: "unknown-outcome", title: "It may have been done: repeat the request to find out", tryAgain: true}
	notReady = kind{status: http.StatusServiceUnavailable, name: "not-ready", title: "The shop is not ready", tryAgain: true}
	internal = kind{status: http.StatusInternalServerError, name: "internal", title: "The server failed"}
)

// requestError is an error that the front door itself finds.
type requestError struct {
	kind   kind
	detail string
}

func (e *requestError) Error() string { return e.kind.title + ": " + e.detail }

// kindOf is the table of errors. Where two are joined the graver one counts, so that comes first.
func kindOf(err error) kind {
	var own *requestError
	var short *allocation.OutOfStockError
	switch {
	case errors.As(err, &own):
		return own.kind
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge
	case errors.Is(err, allocation.ErrUnknownOutcome):
		return unsure
	case errors.Is(err, allocation.ErrConflict), errors.Is(err, allocation.ErrDuplicate):
		return busy
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, sql.ErrTxDone):
		return busy // the request ended, and its transaction with it
	case errors.As(err, &short) && errors.Is(short, err): // and nothing besides, which says that its event was kept
		return outOfStock
	case errors.Is(err, allocation.ErrInvalid):
		return invalid
	case errors.Is(err, allocation.ErrNotFound):
		return notFound
	case errors.Is(err, allocation.ErrMismatch):
		return mismatch
	case errors.Is(err, allocation.ErrNotAllowed):
		return notAllowed
	case errors.Is(err, allocation.ErrLapsed):
		return lapsed
	}
	return internal
}

// problem is what a client is told of an error, in the form of RFC 9457.
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

// problemFor tells nothing of what lies behind a failure of the server's own; the log does.
func problemFor(err error, instance string) problem {
	k := kindOf(err)
	p := problem{Type: "/problems/" + k.name, Title: k.title, Status: k.status, Instance: instance, kind: k}
	var own *requestError
	var short *allocation.OutOfStockError
	switch {
	case errors.As(err, &own):
		p.Detail = own.detail
	case k == outOfStock && errors.As(err, &short):
		p.Shortages = shortagesOf(short)
	case k.decided, k == invalid:
		p.Errors = fieldErrors(err)
		p.Detail = p.Errors[0].Field + ": " + p.Errors[0].Detail
	}
	return p
}

func (p problem) reply() reply {
	answer, _ := asJSON(p.Status, p) // every value has its form in JSON
	answer.mediaType, answer.tryAgain = problemType, p.kind.tryAgain
	return answer
}

func shortagesOf(short *allocation.OutOfStockError) []shortage {
	lines := make([]shortage, len(short.Shortages))
	for i, s := range short.Shortages {
		lines[i] = shortage{SKU: s.SKU, Wanted: s.Quantity, Available: s.Available}
	}
	return lines
}

// fieldErrors takes joined errors apart, such as one for each SKU that is unknown.
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
	return []fieldError{{Field: jsonName(about.Field), Value: about.Value, Detail: about.Err.Error()}}
}

// jsonName is how the API calls a field of the library.
func jsonName(field string) string {
	switch field {
	case "batch":
		return "ref"
	case "order":
		return "order_id"
	case "requests":
		return "lines"
	}
	return strings.ReplaceAll(field, " ", "_")
}

// unrouted answers what has no handler, as the multiplexer's own answer says: no such path, or no such method.
func unrouted(w http.ResponseWriter, no http.Handler) handler {
	return func(_ context.Context, r *http.Request) (reply, error) {
		said := verdict{ResponseWriter: w}
		no.ServeHTTP(&said, r)
		if said.status == http.StatusMethodNotAllowed {
			return reply{}, &requestError{noSuchVerb, "it allows " + w.Header().Get("Allow")}
		}
		return reply{}, &requestError{noSuchPath, r.URL.Path}
	}
}

// verdict keeps the status of an answer, and its header, and drops the rest.
type verdict struct {
	http.ResponseWriter
	status int
}

func (v *verdict) WriteHeader(status int)         { v.status = status }
func (v *verdict) Write(body []byte) (int, error) { return len(body), nil }
