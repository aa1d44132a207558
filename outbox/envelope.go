package outbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// Constants of all envelopes.
const (
	SpecVersion     = "1.0"                          // attribute specversion
	DataContentType = "application/json"             // attribute datacontenttype
	MediaType       = "application/cloudevents+json" // media type of an envelope's JSON
)

// Envelope is an event with the context attributes of CloudEvents 1.0. All attributes except TraceParent are set.
//
// The JSON of an envelope is the structured mode of CloudEvents. A publisher may use the binary mode instead: Data is
// the message, and the attributes are headers under the lower-case names given beside the fields.
type Envelope struct {
	// ID identifies the event, see the function ID. Every try sends the same ID.
	ID string // id

	// Source is [Options].Source and identifies the store of the events.
	Source string // source

	// Type is "io.github.cosmic-go.allocation.", the event's Kind, and ".v1". The type of an event never changes.
	// New fields of Data keep the type; a renamed or removed field would need a new type.
	Type string // type

	// Subject is the product. Use the subject as the partition key, or as any other key that keeps messages in
	// order. Like any SKU the subject may contain control characters, which CloudEvents forbids in headers.
	Subject allocation.SKU // subject

	Time time.Time // time: when the event happened, in UTC

	// Sequence is the event's number among the events of the product; the first event has number 1, and there are
	// no gaps unless the store lost events. In JSON the sequence is a string of 19 digits, so that strings sort like
	// the numbers (CloudEvents' sequence extension).
	Sequence int64 // sequence

	// TraceParent is the W3C trace parent of the command that caused the event, "" for none (CloudEvents'
	// distributed tracing extension). The trace parent of the Publish belongs in the headers of the message.
	TraceParent string // traceparent

	Data json.RawMessage // data: the JSON of the event
}

const (
	typePrefix = "io.github.cosmic-go.allocation."
	typeSuffix = ".v1"
)

// NewEnvelope wraps an event of a product in an envelope. A [Relay] does so for every event; a host may call
// NewEnvelope to send events of an [allocation.Ledger] again. A record without an event is refused, and the error wraps
// the record's Err.
func NewEnvelope(source string, sku allocation.SKU, r Record) (Envelope, error) {
	const op = "NewEnvelope"
	if err := checkSource(op, source); err != nil {
		return Envelope{}, err
	}
	if r.Event == nil {
		err := r.Err
		if err == nil {
			err = fmt.Errorf("%w: must not be nil", allocation.ErrInvalid)
		}
		return Envelope{}, &allocation.Error{Op: op, Field: "event", Value: r.Sequence, Err: err}
	}
	data, err := json.Marshal(r.Event)
	if err != nil {
		return Envelope{}, &allocation.Error{
			Op: op, Field: "event", Value: r.Sequence, Err: fmt.Errorf("%w: %w", allocation.ErrInvalid, err),
		}
	}
	at := r.Event.Time().UTC()
	e := Envelope{
		ID: ID(sku, r.Sequence, at), Source: source, Type: typePrefix + r.Event.Kind() + typeSuffix, Subject: sku,
		Time: at, Sequence: r.Sequence, TraceParent: r.TraceParent, Data: data,
	}
	if err := e.check(op); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

// Event decodes the event in Data. An unknown Type, or Data that doesn't fit the type, is an [*allocation.Error] that
// wraps [allocation.ErrInvalid].
func (e Envelope) Event() (allocation.Event, error) {
	kind, hasPrefix := strings.CutPrefix(e.Type, typePrefix)
	kind, hasSuffix := strings.CutSuffix(kind, typeSuffix)
	if !hasPrefix || !hasSuffix {
		return nil, invalid("Event", "type", e.Type, "must be "+typePrefix+"…"+typeSuffix)
	}
	return allocation.DecodeEvent(kind, e.Data)
}

// check refuses an envelope with a missing attribute.
func (e Envelope) check(op string) error {
	switch {
	case e.ID == "":
		return invalid(op, "id", nil, "must be set")
	case e.Source == "":
		return invalid(op, "source", nil, "must be set")
	case e.Type == "":
		return invalid(op, "type", nil, "must be set")
	case e.Subject == "":
		return invalid(op, "subject", nil, "must be set")
	case e.Time.IsZero():
		return invalid(op, "time", nil, "must be set")
	case e.Sequence < 1:
		return invalid(op, "sequence", e.Sequence, "must be at least 1")
	case len(e.Data) == 0 || string(e.Data) == "null":
		return invalid(op, "data", nil, "must be set")
	}
	return nil
}

func invalid(op, field string, value any, rule string) error {
	return &allocation.Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)}
}
