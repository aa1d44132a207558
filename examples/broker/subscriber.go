package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// subscriber is one of the readers. It takes one message at a time, and those that were not acknowledged come
// again, whatever became of the process.
//
// Watermill has subscribers for NATS, too, which close their channel while a message may still be on its way into
// it. Here one goroutine does both.
type subscriber struct {
	reader string
	conn   *nats.Conn
	log    *slog.Logger

	stop    context.CancelFunc // takes no further messages
	working sync.WaitGroup
}

var _ message.Subscriber = (*subscriber)(nil)

func subscriberFor(reader, url string, log *slog.Logger) (*subscriber, error) {
	conn, err := nats.Connect(url, patient...)
	if err != nil {
		return nil, err
	}
	return &subscriber{reader: reader, conn: conn, log: log}, nil
}

// Subscribe reads a topic until ctx ends or the subscriber is closed. It can be called once.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	js, err := jetstream.New(s.conn)
	if err != nil {
		return nil, err
	}
	consumer, err := js.Consumer(ctx, streamOf(topic), s.reader)
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1), jetstream.WithMessagesErrOnMissingHeartbeat(false))
	if err != nil {
		return nil, err
	}
	taking, stop := context.WithCancel(ctx)
	s.stop = stop
	out := make(chan *message.Message)
	s.working.Go(func() {
		defer close(out)
		defer messages.Stop()
		for {
			m, err := messages.Next(jetstream.NextContext(taking))
			if err != nil {
				s.log.InfoContext(ctx, "no more messages", "topic", topic, "reason", err)
				return
			}
			if err := hand(ctx, taking.Done(), m, out); err != nil {
				s.log.WarnContext(ctx, "a message will come again", "topic", topic, "reason", err)
			}
		}
	})
	return out, nil
}

// hand gives a message to the router, and the router's answer to the server. Once the router has the message, only
// the end of ctx keeps it from waiting for the answer.
func hand(ctx context.Context, stopped <-chan struct{}, m jetstream.Msg, out chan<- *message.Message) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	msg := fromNATS(m)
	msg.SetContext(ctx)
	select {
	case out <- msg:
	case <-stopped:
		return m.Nak()
	}
	select {
	case <-msg.Acked():
		return m.DoubleAck(ctx)
	case <-msg.Nacked():
		return m.NakWithDelay(time.Second)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fromNATS makes a Watermill message of one from NATS, whoever sent it and whatever headers it has.
func fromNATS(m jetstream.Msg) *message.Message {
	msg := message.NewMessage(m.Headers().Get(nats.MsgIdHdr), m.Data())
	for name, values := range m.Headers() {
		if !strings.HasPrefix(name, "Nats-") { // those were for the server
			msg.Metadata.Set(name, strings.Join(values, ", "))
		}
	}
	return msg
}

// Close waits for the message that is being handled. It takes no further ones.
func (s *subscriber) Close() error {
	if s.stop != nil {
		s.stop()
	}
	s.working.Wait()
	s.conn.Close()
	return nil
}
