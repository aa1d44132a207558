package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cosmic-go/allocation"
)

const maxBody = 64 << 10

// change carries out a writing request. A change may run more than once, each time in another transaction.
type change func(ctx context.Context, service *allocation.Service) (reply, error)

// parser reads a writing request, and touches no storage.
type parser func(r *http.Request, body []byte) (change, error)

// writes is the handler of a writing request, with or without an Idempotency-Key.
func (s *server) writes(parse parser) handler {
	return func(ctx context.Context, r *http.Request) (reply, error) {
		key, err := keyOf(r.Header)
		if err != nil {
			return reply{}, err
		}
		body, err := readBody(r)
		if err != nil {
			return reply{}, err
		}
		run, err := parse(r, body)
		if err != nil {
			return reply{}, err
		}
		if key == "" {
			return run(ctx, s.service)
		}
		return s.once(ctx, key, digest(r, body), run)
	}
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return nil, err
		}
		return nil, &requestError{malformed, "the body did not arrive"}
	}
	if len(body) == 0 {
		return nil, nil
	}
	if is, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || is != jsonType {
		return nil, &requestError{unsupported, "send " + jsonType}
	}
	if !utf8.Valid(body) { // the decoder would replace characters
		return nil, &requestError{malformed, "the body is not UTF-8"}
	}
	return body, nil
}

// decode reads one JSON object and refuses unknown fields.
func decode[T any](body []byte) (value T, err error) {
	reader := json.NewDecoder(bytes.NewReader(body))
	reader.DisallowUnknownFields()
	err = reader.Decode(&value)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return value, &requestError{malformed, "the body is empty"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax):
		return value, &requestError{malformed, err.Error()}
	case errors.As(err, &wrong):
		return value, badField(cmp.Or(wrong.Field, "body"), nil, "must not be a "+wrong.Value)
	case err != nil: // an unknown field, for which package json has no error type
		field := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return value, badField(field, nil, "unknown")
	}
	if _, err := reader.Token(); !errors.Is(err, io.EOF) {
		return value, &requestError{malformed, "something follows the object"}
	}
	return value, checkKeys(json.NewDecoder(bytes.NewReader(body)))
}

// checkKeys refuses two things that package json accepts without a word: a key twice, of which the last would win, and
// a key with capitals. The body must be valid JSON.
func checkKeys(reader *json.Decoder) error {
	open, err := reader.Token()
	if _, nested := open.(json.Delim); err != nil || !nested {
		return err
	}
	seen := map[json.Token]bool{}
	for reader.More() {
		if open == json.Delim('{') {
			key, err := reader.Token()
			switch text, _ := key.(string); {
			case err != nil:
				return err
			case text != strings.ToLower(text):
				return badField(text, nil, "unknown")
			case seen[key]:
				return badField(text, nil, "must not be given twice")
			}
			seen[key] = true
		}
		if err := checkKeys(reader); err != nil {
			return err
		}
	}
	_, err = reader.Token()
	return err
}

// parseTime reads a moment in the form of RFC 3339; an empty text is the zero time.
func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badField(field, text, "no time such as 2027-01-31T12:00:00Z")
	}
	return at, nil
}

// badField is an error about a field, in the form of the library's own errors.
func badField(field string, value any, rule string) error {
	err := fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)
	return &allocation.Error{Op: "request", Field: field, Value: value, Err: err}
}
