package outbox

import (
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// wire is an envelope in the JSON format of CloudEvents. In the format, null stands for a missing attribute.
type wire struct {
	Specversion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         allocation.SKU  `json:"subject"`
	Time            time.Time       `json:"time"`
	Datacontenttype string          `json:"datacontenttype"`
	Sequence        string          `json:"sequence"`
	Traceparent     string          `json:"traceparent,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// MarshalJSON returns the JSON of CloudEvents' structured mode, with the media type [MediaType]. MarshalJSON refuses
// an envelope with a missing attribute, as UnmarshalJSON does.
func (e Envelope) MarshalJSON() ([]byte, error) {
	if err := e.check("MarshalJSON"); err != nil {
		return nil, err
	}
	return json.Marshal(wire{
		Specversion: SpecVersion, ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time,
		Datacontenttype: DataContentType, Sequence: fmt.Sprintf("%019d", e.Sequence), Traceparent: e.TraceParent,
		Data: e.Data,
	})
}

// UnmarshalJSON parses the JSON of CloudEvents' structured mode. Unknown attributes are ignored. Another version of
// CloudEvents, data with a content type other than JSON, and a missing attribute of [Envelope] are an
// [*allocation.Error] that wraps [allocation.ErrInvalid]; e is unchanged after an error.
func (e *Envelope) UnmarshalJSON(text []byte) error {
	const op = "UnmarshalJSON"
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return &allocation.Error{
			Op: op, Field: "envelope", Value: string(text), Err: fmt.Errorf("%w: %w", allocation.ErrInvalid, err),
		}
	}
	if w.Specversion != SpecVersion {
		return invalid(op, "specversion", w.Specversion, "must be "+SpecVersion)
	}
	if !isJSON(w.Datacontenttype) {
		return invalid(op, "datacontenttype", w.Datacontenttype, "must be "+DataContentType)
	}
	sequence, err := strconv.ParseUint(w.Sequence, 10, 63)
	if err != nil {
		return invalid(op, "sequence", w.Sequence, "must be a number")
	}
	read := Envelope{
		ID: w.ID, Source: w.Source, Type: w.Type, Subject: w.Subject, Time: w.Time.UTC(),
		Sequence: int64(sequence), TraceParent: w.Traceparent, Data: w.Data, //nolint:gosec // ParseUint allows 63 bits
	}
	if err := read.check(op); err != nil {
		return err
	}
	*e = read
	return nil
}

// isJSON reports whether a content type stands for JSON. By CloudEvents a missing content type stands for JSON.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}
