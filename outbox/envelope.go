package outbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// What an envelope says beside the attributes that differ from event to event.
const (
	SpecVersion     = "1.0"                          // attribute specversion
	DataContentType = "application/json"             // attribute datacontenttype
	MediaType       = "application/cloudevents+json" // of an envelope's JSON, for those who send it in structured mode
)

// Envelope is an event on its way: its JSON, and the context attributes of CloudEvents 1.0 around it. All of them
// are set but TraceParent, which may be "". Its own JSON is that of CloudEvents' structured mode; a publisher
// may as well send Data as the message and the attributes, under the names given here, as its headers.
type Envelope struct {
	// ID identifies the event, see the function ID. It is the same whenever the event is sent.
	ID string // id

	// Source is [Options].Source: who tells it.
	Source string // source

	// Type is "io.github.cosmic-go.allocation.", the event's Kind and ".v1". It never changes for what
	// can be decoded now: Data gets new fields under the same type, and what is renamed gets a new one.
	Type string // type

	// Subject is the product. What keeps messages in order, such as a partition key, is made from it.
	// Like any SKU it may contain control characters, which CloudEvents forbids in headers.
	Subject allocation.SKU // subject

	Time time.Time // time: when it happened, in UTC

	// Sequence is the event's number among those of its product, from 1, without gaps. On the wire it
	// is a string of 19 digits, so that strings compare like the numbers (CloudEvents' sequence extension).
	Sequence int64 // sequence

	// TraceParent is the W3C trace parent of the command that caused the event, "" for none (CloudEvents'
	// distributed tracing extension). It isn't that of the sending, which belongs in the message's own headers.
	TraceParent string // traceparent

	Data json.RawMessage // data: the event
}

const (
	typePrefix = "io.github.cosmic-go.allocation."
	typeSuffix = ".v1"
)

// NewEnvelope wraps an event of a product. A [Relay] does it for every event that it sends; others may do it to
// send once more what is in an [allocation.Ledger]. A record without event is refused, with its Err.
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

// Event is the way back to the event. A type that this version doesn't know, and data that don't fit it, are an
// [*allocation.Error] that wraps [allocation.ErrInvalid].
func (e Envelope) Event() (allocation.Event, error) {
	kind, ours := strings.CutPrefix(e.Type, typePrefix)
	kind, known := strings.CutSuffix(kind, typeSuffix)
	if !ours || !known {
		return nil, invalid("Event", "type", e.Type, "must be "+typePrefix+"…"+typeSuffix)
	}
	return allocation.DecodeEvent(kind, e.Data)
}

// check demands what every envelope has.
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
