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

// wire is an envelope in the JSON format of CloudEvents, where null means that an attribute is missing.
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

// MarshalJSON writes the envelope as CloudEvents' structured mode has it; its media type is [MediaType]. What
// UnmarshalJSON would refuse is refused here, too.
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

// UnmarshalJSON reads an envelope. Attributes that it doesn't know are ignored. Another version of CloudEvents, data
// that aren't JSON, and the lack of anything that every [Envelope] has are an [*allocation.Error] that wraps
// [allocation.ErrInvalid], and leave the envelope as it was.
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
		Sequence: int64(sequence), TraceParent: w.Traceparent, Data: w.Data, //nolint:gosec // it has 63 bits
	}
	if err := read.check(op); err != nil {
		return err
	}
	*e = read
	return nil
}

// isJSON tells content types that mean JSON; so does none at all.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}
