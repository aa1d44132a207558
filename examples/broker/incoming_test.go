package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
	"github.com/cosmic-go/allocation/memory"
)

var (
	counted = time.Date(2024, time.March, 1, 9, 0, 0, 0, time.UTC)
	errDown = errors.New("the database is down")
)

// warehouse is a shop that receives counts, with a connection for senders.
type warehouse struct {
	store *memory.Store
	shop  *allocation.Service
	js    jetstream.JetStream
	url   string
}

// newWarehouse stocks two batches of chairs, ten and two. Three orders have all of the first batch.
func newWarehouse(t *testing.T) warehouse {
	t.Helper()
	url := newBroker(t, time.Minute)
	store := memory.New()
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	require.NoError(t, err)
	w := warehouse{store, service, dial(t, url), url}
	require.NoError(t, w.shop.AddBatch(t.Context(), allocation.Batch{Ref: "chairs-1", SKU: "chair", Purchased: 10}))
	require.NoError(t, w.shop.AddBatch(t.Context(), allocation.Batch{Ref: "chairs-2", SKU: "chair", Purchased: 2}))
	w.allocate(t, "order-1", 4)
	w.allocate(t, "order-2", 4)
	w.allocate(t, "order-3", 2)
	return w
}

func (w warehouse) allocate(t *testing.T, order allocation.OrderID, quantity allocation.Quantity) {
	t.Helper()
	line := allocation.OrderLine{OrderID: order, SKU: "chair", Quantity: quantity}
	_, err := w.shop.Allocate(t.Context(), allocation.Request{OrderLine: line})
	require.NoError(t, err)
}

// reads runs the shop's reader of a topic until the test ends.
func (w warehouse) reads(t *testing.T, topic string) {
	t.Helper()
	reading(t, w.url, topic, incoming{w.shop}.handlers()[topic])
}

// send sends messages to the shop, through NATS alone, without Watermill.
func (w warehouse) send(t *testing.T, topic string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		_, err := w.js.Publish(t.Context(), topic, []byte(body), jetstream.WithMsgID(watermill.NewUUID()))
		require.NoError(t, err)
	}
}

func (w warehouse) count(t *testing.T, batch allocation.BatchRef, quantity allocation.Quantity, at time.Time) {
	t.Helper()
	found := wire.Count{Quantity: &quantity, CountedAt: at.Format(time.RFC3339Nano)}
	body, err := json.Marshal(countMessage{batch, found})
	require.NoError(t, err)
	w.send(t, countsTopic, string(body))
}

// handled waits until the shop has acknowledged all messages of a topic.
func (w warehouse) handled(t *testing.T, topic string) {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), streamOf(topic))
	require.NoError(t, err)
	last := stream.CachedInfo().State.LastSeq
	consumer, err := stream.Consumer(t.Context(), readers[topic])
	require.NoError(t, err)
	eventually(t, func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.AckFloor.Stream == last
	}, "not all messages were handled")
}

// dead reads the dead letters.
func (w warehouse) dead(t *testing.T) (letters []string) {
	t.Helper()
	for _, l := range w.letters(t) {
		letters = append(letters, l.body)
	}
	return letters
}

// letter is a dead letter, and why the message is dead.
type letter struct{ body, reason string }

func (w warehouse) letters(t *testing.T) (letters []letter) {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), streamOf(deadTopic))
	require.NoError(t, err)
	for number := uint64(1); number <= stream.CachedInfo().State.LastSeq; number++ {
		msg, err := stream.GetMsg(t.Context(), number)
		require.NoError(t, err)
		reason := msg.Header.Get(middleware.ReasonForPoisonedKey)
		assert.NotEmpty(t, reason, "why %q is there", msg.Data)
		letters = append(letters, letter{string(msg.Data), reason})
	}
	return letters
}

func (w warehouse) requireBatch(t *testing.T, want allocation.Quantity) {
	t.Helper()
	product, _ := w.store.Product("chair")
	require.Equal(t, want, product.Batches[0].Purchased, "units of chairs-1")
}

func TestACountMovesTheNewestLinesAndReleasesTheRest(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.reads(t, countsTopic)
	w.count(t, "chairs-1", 5, counted)
	w.handled(t, countsTopic)

	product, _ := w.store.Product("chair")
	require.Len(t, product.Lines, 2, "order-1 stays, order-2 is released, order-3 moves")
	assert.Equal(t, []allocation.Part{{Batch: "chairs-1", Quantity: 4}}, product.Lines[0].Parts)
	assert.Equal(t, []allocation.Part{{Batch: "chairs-2", Quantity: 2}}, product.Lines[1].Parts)
	var kinds []string
	events, err := w.store.Events(t.Context(), "chair", 5, 100)
	require.NoError(t, err)
	for _, e := range events {
		kinds = append(kinds, e.Kind())
	}
	require.Equal(t, []string{"LineReleased", "LineDeallocated", "BatchQuantityChanged", "LineAllocated"}, kinds)
	require.Empty(t, w.dead(t))
}

func TestACountThatComesTwiceIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.reads(t, countsTopic)
	w.count(t, "chairs-1", 11, counted)
	w.count(t, "chairs-1", 11, counted)
	w.count(t, "chairs-1", 12, counted.Add(-time.Hour)) // an older count is ignored
	w.handled(t, countsTopic)
	w.requireBatch(t, 11)
	product, _ := w.store.Product("chair")
	require.Equal(t, int64(6), product.Version, "five events before, one for the count")
	require.Empty(t, w.dead(t))
}

func TestAUselessMessageBecomesADeadLetterAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.reads(t, countsTopic)
	useless := []string{
		`five chairs`, ``, `{"ref": "chairs-1", "counted_at": "2024-03-01T09:00:00Z"}`,
		`{"ref": "chairs-1", "quantity": -1, "counted_at": "2024-03-01T09:00:00Z"}`,
		`{"ref": "chairs-1", "quantity": 5}`,
		`{"ref": "chairs-9", "quantity": 5, "counted_at": "2024-03-01T09:00:00Z"}`,
		`{"ref": "chairs-1", "quantity": 5, "counted_at": "9024-03-01T09:00:00Z"}`,
		`{"ref": "chairs-1", "quantity": 5, "quantity": 6, "counted_at": "2024-03-01T09:00:00Z"}`,
		`{"Ref": "chairs-1", "quantity": 5, "counted_at": "2024-03-01T09:00:00Z"}`,
		`{"ref": "chairs-1", "quantity": 5, "counted_at": "2024-03-01T09:00:00Z", "by": "Ann"}`,
	}
	w.send(t, countsTopic, useless...)
	w.count(t, "chairs-1", 11, counted)
	w.handled(t, countsTopic)
	require.Equal(t, useless, w.dead(t))
	w.requireBatch(t, 11)

	w.count(t, "chairs-1", 12, counted) // the same moment, and another result
	w.handled(t, countsTopic)
	require.Len(t, w.dead(t), len(useless)+1)
	w.requireBatch(t, 11)
}

// The scanner's clock may be ahead of the shop's, as long as no unit has left the batch in the last minute.
func TestACountAheadOfTheClockIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.reads(t, countsTopic)
	for i, ahead := range []time.Duration{time.Second / 2, 30 * time.Second} {
		found := allocation.Quantity(11 + i)
		w.count(t, "chairs-1", found, time.Now().Add(ahead))
		w.handled(t, countsTopic)
		require.Empty(t, w.dead(t))
		w.requireBatch(t, found)
	}
}

func TestAMessageWithStrangeHeadersIsReadLikeAnyOther(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.reads(t, countsTopic)
	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{
		Subject: countsTopic,
		Header:  nats.Header{"Via": {"scanner-1", "scanner-2"}, nats.MsgIdHdr: {"count-1"}},
		Data:    []byte(`{"ref": "chairs-1", "quantity": 11, "counted_at": "2024-03-01T09:00:00Z"}`),
	})
	require.NoError(t, err)
	w.handled(t, countsTopic)
	w.requireBatch(t, 11)
}

func TestAMessageIsRepeatedUntilTheStorageWorksAgain(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	const sevenTimes = 7 // more often than the router tries before the broker sends the message again
	for range sevenTimes {
		w.store.FailLoad(errDown)
	}
	w.store.FailCommit(errDown, allocation.ErrUnknownOutcome)
	w.reads(t, countsTopic)
	w.count(t, "chairs-1", 11, counted)
	w.count(t, "chairs-1", 12, counted.Add(time.Minute)) // doesn't overtake
	w.handled(t, countsTopic)
	w.requireBatch(t, 12)
	product, _ := w.store.Product("chair")
	require.Equal(t, int64(7), product.Version, "five events before, one for each count")
	require.Empty(t, w.dead(t))
}

func TestTheMessageOfAPanickingHandlerBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	reading(t, w.url, countsTopic, func(*message.Message) error { panic("a bug") })
	w.send(t, countsTopic, `{}`)
	w.handled(t, countsTopic)
	require.Equal(t, []string{`{}`}, w.dead(t))
}

func TestACountWithALostAcknowledgementComesAgainAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var versions []int64
	reading(t, w.url, countsTopic, func(msg *message.Message) error {
		err := incoming{w.shop}.handlers()[countsTopic](msg)
		product, _ := w.store.Product("chair")
		versions = append(versions, product.Version)
		if len(versions) == 1 {
			msg.Nack() // the first answer counts, not the router's
		}
		return err
	})
	w.count(t, "chairs-1", 11, counted)
	w.handled(t, countsTopic)
	require.Equal(t, []int64{6, 6}, versions, "versions after each try; five events before, one for the count")
	w.requireBatch(t, 11)
}

func TestAHopelessErrorIsTheMessagesFault(t *testing.T) {
	for _, err := range []error{allocation.ErrInvalid, allocation.ErrNotFound, allocation.ErrNotAllowed} {
		assert.True(t, hopeless(&allocation.Error{Op: "test", Err: err}), "%v", err)
	}
	for _, err := range []error{
		errDown, allocation.ErrConflict, allocation.ErrUnknownOutcome, context.Canceled, context.DeadlineExceeded,
	} {
		assert.False(t, hopeless(err), "%v", err)
	}
}
