package main

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// sent publishes messages to the shop, and lets the broker wait for their acknowledgement for a second only.
func sent(t *testing.T, url string, bodies ...string) {
	t.Helper()
	js := dial(t, url)
	consumer, err := js.Consumer(t.Context(), streamOf(countsTopic), shopReader)
	require.NoError(t, err)
	settings := consumer.CachedInfo().Config
	settings.AckWait = time.Second
	_, err = js.UpdateConsumer(t.Context(), streamOf(countsTopic), settings)
	require.NoError(t, err)
	for _, body := range bodies {
		_, err := js.Publish(t.Context(), countsTopic, []byte(body))
		require.NoError(t, err)
	}
}

// reader subscribes until its context ends, or it is closed.
func reader(ctx context.Context, t *testing.T, url string) (*subscriber, <-chan *message.Message) {
	t.Helper()
	from, err := subscriberFor(shopReader, url, silent)
	require.NoError(t, err)
	messages, err := from.Subscribe(ctx, countsTopic)
	require.NoError(t, err)
	return from, messages
}

func TestAMessageComesAgainUntilItIsAcknowledgedAndThoseBehindItWait(t *testing.T) {
	t.Parallel()
	url := newBroker(t, time.Minute)
	sent(t, url, "one", "two")

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
