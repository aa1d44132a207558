package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// subscriber is a reader of a topic. A subscriber takes a message at a time. A message without acknowledgement comes
// again, even if the process has died.
//
// Watermill's own subscribers for NATS may close the channel while a message is still being sent on it. Here a single
// goroutine sends and closes.
type subscriber struct {
	reader, url string
	log         *slog.Logger

	stop    context.CancelFunc
	working sync.WaitGroup
}

var _ message.Subscriber = (*subscriber)(nil)

// Subscribe reads a topic until ctx ends or the subscriber is closed, and then finishes the message in hand. Subscribe
// can be called once.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	conn, err := nats.Connect(s.url, patient...)
	if err != nil {
		return nil, err
	}
	messages, patience, err := consume(ctx, conn, topic, s.reader)
	if err != nil {
		conn.Close()
		return nil, err
	}
	ctx, s.stop = context.WithCancel(ctx)
	out := make(chan *message.Message)
	s.working.Go(func() {
		defer close(out)
		defer conn.Close()
		defer messages.Stop()
		for {
			m, err := messages.Next(jetstream.NextContext(ctx))
			if err != nil {
				s.log.InfoContext(ctx, "no more messages", "topic", topic, "reason", err)
				return
			}
			if err := hand(ctx, m, patience, out); err != nil {
				s.log.WarnContext(ctx, "a message will come again", "topic", topic, "reason", err)
			}
		}
	})
	return out, nil
}

// consume begins where the reader left off, and returns how long the server waits for the answer to a message.
func consume(
	ctx context.Context, conn *nats.Conn, topic, reader string,
) (jetstream.MessagesContext, time.Duration, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, 0, err
	}
	consumer, err := js.Consumer(ctx, streamOf(topic), reader)
	if err != nil {
		return nil, 0, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1), jetstream.WithMessagesErrOnMissingHeartbeat(false))
	return messages, consumer.CachedInfo().Config.AckWait, err
}

// hand gives a message to the router, and the router's answer to the server. The message's own context ends when the
// server would give the message to another reader.
func hand(ctx context.Context, m jetstream.Msg, patience time.Duration, out chan<- *message.Message) error {
	handling, end := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer end()
	msg := fromNATS(m)
	msg.SetContext(handling)
	select {
	case out <- msg:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), m.Nak())
	}
	select {
	case <-msg.Acked():
		return m.DoubleAck(handling)
	case <-msg.Nacked():
		return m.NakWithDelay(time.Second)
	case <-handling.Done():
		return handling.Err()
	}
}

// fromNATS translates a NATS message, from any sender and with any headers, into a Watermill message.
func fromNATS(m jetstream.Msg) *message.Message {
	msg := message.NewMessage(m.Headers().Get(nats.MsgIdHdr), m.Data())
	for name, values := range m.Headers() {
		if !strings.HasPrefix(name, "Nats-") { // a header for the server
			msg.Metadata.Set(name, strings.Join(values, ", "))
		}
	}
	return msg
}

// Close ends what Subscribe began.
func (s *subscriber) Close() error {
	if s.stop != nil {
		s.stop()
	}
	s.working.Wait()
	return nil
}
