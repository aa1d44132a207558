package main

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// sent publishes messages to the shop.
func sent(t *testing.T, js jetstream.JetStream, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		_, err := js.Publish(t.Context(), countsTopic, []byte(body))
		require.NoError(t, err)
	}
}

// patience sets how long the broker waits for the shop's answer to a message.
func patience(t *testing.T, js jetstream.JetStream, wait time.Duration) {
	t.Helper()
	consumer, err := js.Consumer(t.Context(), streamOf(countsTopic), readers[countsTopic])
	require.NoError(t, err)
	settings := consumer.CachedInfo().Config
	settings.AckWait = wait
	_, err = js.UpdateConsumer(t.Context(), streamOf(countsTopic), settings)
	require.NoError(t, err)
}

// reader subscribes until ctx ends or the subscriber is closed.
func reader(ctx context.Context, t *testing.T, url string) (*subscriber, <-chan *message.Message) {
	t.Helper()
	from := &subscriber{reader: readers[countsTopic], url: url, log: silent}
	messages, err := from.Subscribe(ctx, countsTopic)
	require.NoError(t, err)
	return from, messages
}

func TestAnUnacknowledgedMessageComesAgainBeforeLaterOnes(t *testing.T) {
	t.Parallel()
	url := newBroker(t, time.Minute)
	js := dial(t, url)
	sent(t, js, "one", "two")

	patience(t, js, 10*time.Second) // how long the test takes; a raised value would also hold for messages in hand
	interrupted, interrupt := context.WithCancel(t.Context())
	first, messages := reader(interrupted, t, url)
	require.Equal(t, "one", string((<-messages).Payload))
	interrupt()
	_, open := <-messages
	require.False(t, open, "the channel is open after the interruption")
	require.NoError(t, first.Close())

	second, messages := reader(t.Context(), t, url)
	again := <-messages
	require.Equal(t, "one", string(again.Payload))
	again.Nack()
	again = <-messages
	require.Equal(t, "one", string(again.Payload))
	again.Ack()
	require.NoError(t, second.Close())

	third, messages := reader(t.Context(), t, url)
	next := <-messages
	require.Equal(t, "two", string(next.Payload), "the server knows where to go on")
	next.Ack()
	require.NoError(t, third.Close())
}

func TestAReaderThatStopsFinishesTheMessageInHand(t *testing.T) {
	t.Parallel()
	url := newBroker(t, time.Minute)
	sent(t, dial(t, url), "one", "two")
	ctx, stop := context.WithCancel(t.Context())
	first, messages := reader(ctx, t, url)
	inHand := <-messages
	stop()
	require.NoError(t, inHand.Context().Err())
	inHand.Ack()
	require.NoError(t, first.Close())

	second, messages := reader(t.Context(), t, url)
	next := <-messages
	require.Equal(t, "two", string(next.Payload))
	next.Ack()
	require.NoError(t, second.Close())
}
