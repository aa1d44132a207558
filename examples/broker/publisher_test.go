package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var errFull = errors.New("the broker is full")

// fullAfter accepts a number of messages and refuses all others.
type fullAfter struct {
	most int
	took []*message.Message
}

func (f *fullAfter) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		if len(f.took) == f.most {
			return errFull
		}
		f.took = append(f.took, msg)
	}
	return nil
}

func (*fullAfter) Close() error { return nil }

func threeEvents(t *testing.T, sku allocation.SKU) (envelopes []outbox.Envelope) {
	t.Helper()
	for sequence := range int64(3) {
		e, err := outbox.NewEnvelope("shop", sku, outbox.Record{
			Sequence: sequence + 1,
			Event:    allocation.LowStockSet{SKU: sku, At: counted, To: allocation.Quantity(sequence)},
		})
		require.NoError(t, err)
		envelopes = append(envelopes, e)
	}
	return envelopes
}

func TestAMessageIsTheWholeEnvelopeUnderTheIDOfTheEvent(t *testing.T) {
	to := &fullAfter{most: 3}
	sent := threeEvents(t, "garden chair\r\nred")
	accepted, err := publisher{to, "topic"}.Publish(t.Context(), sent)
	require.NoError(t, err)
	require.Equal(t, 3, accepted)
	for i, msg := range to.took {
		var read outbox.Envelope
		require.NoError(t, json.Unmarshal(msg.Payload, &read))
		assert.Equal(t, sent[i], read)
		assert.Equal(t, sent[i].ID, msg.UUID)
		assert.Equal(t, message.Metadata{
			"content-type": "application/cloudevents+json", "subject": "garden%20chair%0D%0Ared",
		}, msg.Metadata)
	}
}

func TestAPublisherSaysHowManyEventsWereAccepted(t *testing.T) {
	for most := range 3 {
		accepted, err := publisher{&fullAfter{most: most}, "topic"}.Publish(t.Context(), threeEvents(t, "chair"))
		require.ErrorIs(t, err, errFull)
		require.Equal(t, most, accepted)
	}
}

func TestAPublisherStopsWhenItsContextEnds(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	to := &fullAfter{most: 3}
	accepted, err := publisher{to, "topic"}.Publish(ended, threeEvents(t, "chair"))
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, accepted)
	require.Empty(t, to.took)
}

func TestNATSDropsAnEventThatIsSentAgainByItsID(t *testing.T) {
	url := newBroker(t, time.Minute)
	to, err := publisherTo(url, silent)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, to.Close()) })
	sent := threeEvents(t, "garden chair\r\nNats-Msg-Id: red")
	for range 2 {
		accepted, err := publisher{to, eventsTopic}.Publish(t.Context(), sent)
		require.NoError(t, err)
		require.Equal(t, 3, accepted)
	}
	stream, err := dial(t, url).Stream(t.Context(), streamOf(eventsTopic))
	require.NoError(t, err)
	require.Equal(t, uint64(3), stream.CachedInfo().State.Msgs)
	for i, e := range sent {
		stored, err := stream.GetMsg(t.Context(), uint64(i)+1)
		require.NoError(t, err)
		require.Equal(t, []string{e.ID}, stored.Header.Values("Nats-Msg-Id"))
	}
}
