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

// received is an envelope as another program may write it.
const received = `{
	"specversion": "1.0", "id": "17", "source": "/shop", "subject": "RED-LAMP", "sequence": "0000000000000000041",
	"type": "io.github.cosmic-go.allocation.HoldConfirmed.v1", "time": "2031-03-03T13:00:00.123456+01:00",
	"datacontenttype": "application/json", "data": {"sku": "RED-LAMP", "at": "2031-03-03T12:00:00.123456Z", "order_id": "o"}
}`

func confirmed() outbox.Envelope {
	return outbox.Envelope{
		ID: "17", Source: "/shop", Subject: "RED-LAMP", Sequence: 41, Time: noon,
		Type: "io.github.cosmic-go.allocation.HoldConfirmed.v1",
		Data: json.RawMessage(`{"sku": "RED-LAMP", "at": "2031-03-03T12:00:00.123456Z", "order_id": "o"}`),
	}
}

func TestEnvelopeTakesWhatCloudEventsAllows(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"as it is", received},
		{"attributes that it doesn't know", strings.Replace(received, `"id"`, `"tracestate": "a=1", "partitionkey": 7, "id"`, 1)},
		{"null for what is not set", strings.Replace(received, `"id"`, `"traceparent": null, "dataschema": null, "id"`, 1)},
		{"no content type", strings.Replace(received, `"datacontenttype": "application/json",`, ``, 1)},
		{"another content type that is JSON", strings.Replace(received, `application/json`, `Application/Vnd.Shop+JSON; charset=utf-8`, 1)},
		{"a sequence without padding", strings.Replace(received, `0000000000000000041`, `41`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			var e outbox.Envelope
			require.NoError(t, json.Unmarshal([]byte(row.text), &e))
			assert.Equal(t, confirmed(), e, "envelope")
			event, err := e.Event()
			require.NoError(t, err)
			assert.Equal(t, allocation.HoldConfirmed{SKU: "RED-LAMP", At: noon, OrderID: "o"}, event, "Event()")
		})
	}
}

func TestEnvelopeRefusesWhatItCannotBe(t *testing.T) {
	without := func(name string) string {
		var attributes map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(received), &attributes))
		delete(attributes, name)
		text, err := json.Marshal(attributes)
		require.NoError(t, err)
		return string(text)
	}
	for _, row := range []struct{ name, text, field string }{
		{"another version", strings.Replace(received, `"1.0"`, `"0.3"`, 1), "specversion"},
		{"no version", without("specversion"), "specversion"},
		{"no id", without("id"), "id"},
		{"no source", without("source"), "source"},
		{"no type", without("type"), "type"},
		{"no subject", without("subject"), "subject"},
		{"no time", without("time"), "time"},
		{"no sequence", without("sequence"), "sequence"},
		{"no data", without("data"), "data"},
		{"null data", strings.Replace(received, `"data":`, `"data": null, "order":`, 1), "data"},
		{"data that aren't JSON", strings.Replace(received, `application/json`, `text/xml`, 1), "datacontenttype"},
		{"a content type that is none", strings.Replace(received, `application/json`, `a b/json`, 1), "datacontenttype"},
		{"sequence 0", strings.Replace(received, `0000000000000000041`, `0`, 1), "sequence"},
		{"a negative sequence", strings.Replace(received, `0000000000000000041`, `-1`, 1), "sequence"},
		{"a sequence that overflows", strings.Replace(received, `0000000000000000041`, `9223372036854775808`, 1), "sequence"},
		{"a sequence that is a number", strings.Replace(received, `"0000000000000000041"`, `41`, 1), "envelope"},
		{"a time that is none", strings.Replace(received, `2031-03-03T13`, `yesterday`, 1), "envelope"},
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

func TestAnIncompleteEnvelopeIsNotWritten(t *testing.T) {
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

// On the wire, sequences are compared as strings.
func TestSequencesSortLikeNumbers(t *testing.T) {
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

func TestEventRefusesTypesThatItDoesNotKnow(t *testing.T) {
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

func TestNewEnvelopeRefusesWhatCannotBeSent(t *testing.T) {
	good := outbox.Record{Sequence: 1, Event: told[0]}
	ancient := allocation.HoldConfirmed{SKU: lamp, At: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), OrderID: "o"}
	for _, row := range []struct {
		name, source string
		sku          allocation.SKU
		record       outbox.Record
		field        string
	}{
		{"no source", "", lamp, good, "source"},
		{"a source with a space", "my shop", lamp, good, "source"},
		{"a source that is no reference", "1:2", lamp, good, "source"},
		{"a source with a letter that URIs don't have", "/größe", lamp, good, "source"},
		{"no event", "/shop", lamp, outbox.Record{Sequence: 1}, "event"},
		{"an event that JSON can't hold", "/shop", lamp, outbox.Record{Sequence: 1, Event: ancient}, "event"},
		{"no subject", "/shop", "", good, "subject"},
		{"no number", "/shop", lamp, outbox.Record{Event: told[0]}, "sequence"},
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

func TestEnvelopesHaveTheirTimeInUTC(t *testing.T) {
	local := allocation.HoldConfirmed{SKU: lamp, At: noon.In(time.FixedZone("CET", 3600)), OrderID: "o"}
	e, err := outbox.NewEnvelope("/shop", lamp, outbox.Record{Sequence: 1, Event: local})
	require.NoError(t, err)
	assert.Equal(t, noon, e.Time, "Time")
}

func TestSourcesAreURIReferences(t *testing.T) {
	for _, source := range []string{"allocation", "/shop/7", "https://shop.example/stock?x=%20#a", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "mailto:a@b.c"} {
		_, err := outbox.NewEnvelope(source, lamp, outbox.Record{Sequence: 1, Event: told[0]})
		assert.NoError(t, err, source)
	}
}
