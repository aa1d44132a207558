package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var silent = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	if args, set := os.LookupEnv(relayVariable); set {
		path, url, _ := strings.Cut(args, "\n")
		os.Exit(relayThatDies(path, url))
	}
	goleak.VerifyTestMain(m)
}

func TestTheProgramTellsItsStoryAndEnds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `The warehouse announces two batches of chairs, the second for in two weeks. The board hears:
   1 BatchAdded           chairs-1 +10 in stock
   2 BatchAdded           chairs-2 +3 in stock
Three customers order. The board hears:
   3 LineAllocated        chairs-1 +4 promised
   4 LineAllocated        chairs-1 +4 promised
   5 LineAllocated        chairs-1 +2 promised
A chair that is needed within a week can't come from chairs-2. The board hears:
   6 LineRefused          nothing
The warehouse finds 5 chairs in chairs-1, and sends the count twice. The board hears:
   7 LineReleased         chairs-1 -4 promised
   8 LineDeallocated      chairs-1 -2 promised
   9 BatchQuantityChanged chairs-1 -5 in stock
  10 LineAllocated        chairs-2 +2 promised
The warehouse counts a batch unknown to the shop. The message becomes a dead letter:
  ref: allocation: GetByBatch: batch "chairs-7": not found
A customer names no time that can be read. The message becomes a dead letter:
  allocation: request: needed_by "soon": invalid: no time such as 2027-01-31T12:00:00Z
order-1 comes again, and then one more order. The number of its event shows that the repeats changed nothing:
  11 LineAllocated        chairs-1 +1 promised
`, out.String())
}

func TestTheProgramEndsWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	require.ErrorIs(t, run(ctx, interrupting(interrupt)), context.Canceled)
}

// interrupting ends the program at the first output.
type interrupting func()

func (interrupt interrupting) Write(text []byte) (int, error) {
	interrupt()
	return len(text), nil
}

// newBroker runs a NATS server of its own for a test.
func newBroker(t *testing.T, remember time.Duration) (url string) {
	t.Helper()
	broker, err := startBroker(t.TempDir(), server.RANDOM_PORT)
	require.NoError(t, err)
	t.Cleanup(func() { stopBroker(broker) })
	require.NoError(t, provision(t.Context(), broker.ClientURL(), remember))
	return broker.ClientURL()
}

func dial(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

// reading runs the reader of a topic until the test ends.
func reading(t *testing.T, url, topic string, handle message.NoPublishHandlerFunc) {
	t.Helper()
	dead, err := publisherTo(url, silent)
	require.NoError(t, err)
	router, err := newRouter(dead, silent)
	require.NoError(t, err)
	from := &subscriber{reader: readers[topic], url: url, log: silent}
	router.AddConsumerHandler(topic, topic, from, handle)
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	<-router.Running()
	t.Cleanup(func() {
		end()
		require.NoError(t, errors.Join(<-ended, dead.Close()))
	})
}

// eventually waits for a condition that must come true. The minute ends a test that would wait for ever.
func eventually(t *testing.T, condition func() bool, otherwise string) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 5*time.Millisecond, otherwise)
}
