package views

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// Key is a row's place in a list. The page behind a row begins after the row's Key; the zero Key is before every row.
// Each list sets only the fields by which the list is sorted, and says so. Two Keys of one list are equal, by ==, if
// and only if both name the same place.
type Key struct {
	At       time.Time           `json:"at,omitzero"`
	Kind     DueKind             `json:"kind,omitempty"`
	SKU      allocation.SKU      `json:"sku,omitempty"`
	Batch    allocation.BatchRef `json:"batch,omitempty"`
	OrderID  allocation.OrderID  `json:"order,omitempty"`
	Line     allocation.LineID   `json:"line,omitempty"`
	Rank     allocation.Rank     `json:"rank,omitzero"`
	Sequence int64               `json:"sequence,omitempty"`
}

// keyFields is Key without methods, so that encoding/json takes the fields.
type keyFields Key

// MarshalText returns the Key as text for a link or a flag: letters, digits, "-" and "_". The zero Key is the empty
// text.
func (k Key) MarshalText() ([]byte, error) {
	if k == (Key{}) {
		return nil, nil
	}
	fields, err := json.Marshal(keyFields(k))
	if err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.AppendEncode(nil, fields), nil
}

// UnmarshalText reads the text of MarshalText. Any other text is an [*allocation.Error] that wraps
// [allocation.ErrInvalid].
func (k *Key) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*k = Key{}
		return nil
	}
	fields, err := base64.RawURLEncoding.AppendDecode(nil, text)
	var read keyFields
	if err == nil {
		err = json.Unmarshal(fields, &read)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", allocation.ErrInvalid, err)
		return &allocation.Error{Op: "UnmarshalText", Field: "key", Value: string(text), Err: err}
	}
	*k = Key(read)
	return nil
}
