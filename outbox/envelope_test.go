package outbox_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// received is an envelope in the JSON of another program.
const received = `{
	"specversion": "1.0", "id": "17", "source": "/shop", "subject": "RED-LAMP", "sequence": "0000000000000000041",
	"type": "io.github.cosmic-go.allocation.HoldConfirmed.v1", "time": "2031-03-03T13:00:00.123456+01:00",
	"datacontenttype": "application/json",
	"data": {"sku": "RED-LAMP", "at": "2031-03-03T12:00:00.123456Z", "order_id": "o"}
}`

func confirmed() outbox.Envelope {
	return outbox.Envelope{
		ID: "17", Source: "/shop", Subject: "RED-LAMP", Sequence: 41, Time: noon,
		Type: "io.github.cosmic-go.allocation.HoldConfirmed.v1",
		Data: json.RawMessage(`{"sku": "RED-LAMP", "at": "2031-03-03T12:00:00.123456Z", "order_id": "o"}`),
	}
}

func TestUnmarshalAcceptsVariantsOfCloudEvents(t *testing.T) {
	for _, row := range []struct{ name, old, replacement string }{
		{"unchanged", "", ""},
		{"unknown attributes", `"id"`, `"tracestate": "a=1", "partitionkey": 7, "id"`},
		{"null for missing attributes", `"id"`, `"traceparent": null, "dataschema": null, "id"`},
		{"no content type", `"datacontenttype": "application/json",`, ``},
		{"another content type of JSON", `application/json`, `Application/Vnd.Shop+JSON; charset=utf-8`},
		{"a sequence without padding", `0000000000000000041`, `41`},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := strings.Replace(received, row.old, row.replacement, 1)
			var e outbox.Envelope
			require.NoError(t, json.Unmarshal([]byte(text), &e))
			assert.Equal(t, confirmed(), e, "envelope")
			event, err := e.Event()
			require.NoError(t, err)
			assert.Equal(t, allocation.HoldConfirmed{SKU: "RED-LAMP", At: noon, OrderID: "o"}, event, "Event()")
		})
	}
}

func TestUnmarshalRefusesInvalidEnvelopes(t *testing.T) {
	without := func(name string) string {
		var attributes map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(received), &attributes))
		delete(attributes, name)
		text, err := json.Marshal(attributes)
		require.NoError(t, err)
		return string(text)
	}
	with := func(old, replacement string) string { return strings.Replace(received, old, replacement, 1) }
	for _, row := range []struct{ name, text, field string }{
		{"another version", with(`"1.0"`, `"0.3"`), "specversion"},
		{"no version", without("specversion"), "specversion"},
		{"no id", without("id"), "id"},
		{"no source", without("source"), "source"},
		{"no type", without("type"), "type"},
		{"no subject", without("subject"), "subject"},
		{"no time", without("time"), "time"},
		{"no sequence", without("sequence"), "sequence"},
		{"no data", without("data"), "data"},
		{"null data", with(`"data":`, `"data": null, "order":`), "data"},
		{"data in XML", with(`application/json`, `text/xml`), "datacontenttype"},
		{"invalid content type", with(`application/json`, `a b/json`), "datacontenttype"},
		{"sequence 0", with(`0000000000000000041`, `0`), "sequence"},
		{"negative sequence", with(`0000000000000000041`, `-1`), "sequence"},
		{"sequence beyond the largest int64", with(`0000000000000000041`, `9223372036854775808`), "sequence"},
		{"sequence as a JSON number", with(`"0000000000000000041"`, `41`), "envelope"},
		{"invalid time", with(`2031-03-03T13`, `yesterday`), "envelope"},
		{"null", `null`, "specversion"},
		{"a list", `[]`, "envelope"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := confirmed()
			e.ID = "18"
			before := e
			requireInvalid(t, json.Unmarshal([]byte(row.text), &e), "UnmarshalJSON", row.field)
			assert.Equal(t, before, e, "envelope")
		})
	}
}

func TestMarshalRefusesAMissingAttribute(t *testing.T) {
	for field, spoil := range map[string]func(e *outbox.Envelope){
		"id":       func(e *outbox.Envelope) { e.ID = "" },
		"source":   func(e *outbox.Envelope) { e.Source = "" },
		"type":     func(e *outbox.Envelope) { e.Type = "" },
		"subject":  func(e *outbox.Envelope) { e.Subject = "" },
		"time":     func(e *outbox.Envelope) { e.Time = time.Time{} },
		"sequence": func(e *outbox.Envelope) { e.Sequence = 0 },
		"data":     func(e *outbox.Envelope) { e.Data = nil },
	} {
		e := confirmed()
		spoil(&e)
		_, err := json.Marshal(e)
		requireInvalid(t, err, "MarshalJSON", field)
	}
}

// Consumers compare the sequences of envelopes as strings.
func TestSequencesInJSONSortLikeNumbers(t *testing.T) {
	var before string
	for _, sequence := range []int64{1, 2, 9, 10, 99, 100, 1 << 53, math.MaxInt64} {
		e := confirmed()
		e.Sequence = sequence
		text, err := json.Marshal(e)
		require.NoError(t, err)
		var wire struct {
			Sequence string `json:"sequence"`
		}
		require.NoError(t, json.Unmarshal(text, &wire))
		assert.Less(t, before, wire.Sequence, "sequence %d", sequence)
		before = wire.Sequence
		var read outbox.Envelope
		require.NoError(t, json.Unmarshal(text, &read))
		assert.Equal(t, sequence, read.Sequence, "Sequence")
	}
}

func TestEventRefusesUnknownTypesAndUnfitData(t *testing.T) {
	for _, row := range []struct{ kind, op, field string }{
		{"com.example.order.placed", "Event", "type"},
		{"io.github.cosmic-go.allocation.HoldConfirmed.v2", "Event", "type"},
		{"io.github.cosmic-go.allocation.HoldConfirmed", "Event", "type"},
		{"HoldConfirmed.v1", "Event", "type"},
		{"io.github.cosmic-go.allocation.BatchPainted.v1", "DecodeEvent", "kind"},
	} {
		e := confirmed()
		e.Type = row.kind
		event, err := e.Event()
		requireInvalid(t, err, row.op, row.field)
		assert.Nil(t, event, "event")
	}
	e := confirmed()
	e.Data = json.RawMessage(`{"order_id": 7}`)
	_, err := e.Event()
	requireInvalid(t, err, "DecodeEvent", "data")
}

func TestNewEnvelopeRefusesInvalidArguments(t *testing.T) {
	good := outbox.Record{Sequence: 1, Event: everyKind[0]}
	farFuture := allocation.HoldConfirmed{SKU: lamp, At: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), OrderID: "o"}
	for _, row := range []struct {
		name, source string
		sku          allocation.SKU
		record       outbox.Record
		field        string
	}{
		{"no source", "", lamp, good, "source"},
		{"a source with a space", "my shop", lamp, good, "source"},
		{"a source with an invalid scheme", "1:2", lamp, good, "source"},
		{"a source with a letter outside of ASCII", "/größe", lamp, good, "source"},
		{"no event", "/shop", lamp, outbox.Record{Sequence: 1}, "event"},
		{"a year beyond 9999", "/shop", lamp, outbox.Record{Sequence: 1, Event: farFuture}, "event"},
		{"no subject", "/shop", "", good, "subject"},
		{"no sequence", "/shop", lamp, outbox.Record{Event: everyKind[0]}, "sequence"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := outbox.NewEnvelope(row.source, row.sku, row.record)
			requireInvalid(t, err, "NewEnvelope", row.field)
			assert.Zero(t, e, "envelope")
		})
	}
	broken := errors.New("unexpected end of JSON input")
	_, err := outbox.NewEnvelope("/shop", lamp, outbox.Record{Sequence: 1, Err: broken})
	assert.ErrorIs(t, err, broken)
}

func TestTheTimeOfAnEnvelopeIsInUTC(t *testing.T) {
	local := allocation.HoldConfirmed{SKU: lamp, At: noon.In(time.FixedZone("CET", 3600)), OrderID: "o"}
	e, err := outbox.NewEnvelope("/shop", lamp, outbox.Record{Sequence: 1, Event: local})
	require.NoError(t, err)
	assert.Equal(t, noon, e.Time, "Time")
}

func TestNewEnvelopeAcceptsURIReferencesAsSource(t *testing.T) {
	for _, source := range []string{
		"allocation", "/shop/7", "https://shop.example/stock?x=%20#a", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
		"mailto:a@b.c",
	} {
		_, err := outbox.NewEnvelope(source, lamp, outbox.Record{Sequence: 1, Event: everyKind[0]})
		assert.NoError(t, err, source)
	}
}
