package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/cosmic-go/allocation"
)

// SyntaxError is the error about a text without a JSON object. A SyntaxError is also [allocation.ErrInvalid].
type SyntaxError struct{ Detail string }

func (e *SyntaxError) Error() string { return "no JSON object: " + e.Detail }

// Unwrap returns [allocation.ErrInvalid].
func (*SyntaxError) Unwrap() error { return allocation.ErrInvalid }

// Decode reads one JSON object, and refuses unknown keys, keys with capitals, and keys given twice. The error is a
// SyntaxError or names the field, as BadField does.
func Decode[T any](text []byte) (value T, err error) {
	if !utf8.Valid(text) { // the decoder would replace characters
		return value, &SyntaxError{"the text is not UTF-8"}
	}
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.DisallowUnknownFields()
	err = reader.Decode(&value)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return value, &SyntaxError{"the text is empty"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax):
		return value, &SyntaxError{err.Error()}
	case errors.As(err, &wrong):
		return value, BadField(cmp.Or(wrong.Field, "body"), nil, "must not be a "+wrong.Value)
	case err != nil: // an unknown field, for which package json has no error type
		field := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return value, BadField(field, nil, "unknown")
	}
	if _, err := reader.Token(); !errors.Is(err, io.EOF) {
		return value, &SyntaxError{"something follows the object"}
	}
	return value, checkKeys(json.NewDecoder(bytes.NewReader(text)))
}

// checkKeys refuses a key with capitals, and a key given twice: package json accepts both without a word, and the last
// of two keys would win. The text must be valid JSON.
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
				return BadField(text, nil, "unknown")
			case seen[key]:
				return BadField(text, nil, "must not be given twice")
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

// BadField is an error about a field, in the form of the library's own errors.
func BadField(field string, value any, rule string) error {
	err := fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)
	return &allocation.Error{Op: "request", Field: field, Value: value, Err: err}
}

// FieldName translates the library's name of a field into the name in JSON.
func FieldName(field string) string {
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
