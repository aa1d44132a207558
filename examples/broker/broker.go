package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	eventsTopic  = "stock.events"  // events of the shop
	ordersTopic  = "stock.orders"  // orders of customers
	batchesTopic = "stock.batches" // announcements of the warehouse
	countsTopic  = "stock.counts"  // counts of the warehouse
	deadTopic    = "stock.dead"    // messages that nobody could understand
)

// readers has the reader of each topic. Each topic has a stream of its own: within a stream the server recognises
// repeated messages by id, and would take a dead letter for a repeat of the original.
var readers = map[string]string{
	eventsTopic: "board", ordersTopic: "shop", batchesTopic: "shop", countsTopic: "shop", deadTopic: "people",
}

// startBroker runs a NATS server in this process, on loopback, with the streams in dir.
func startBroker(dir string, port int) (*server.Server, error) {
	broker, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port,
		JetStream: true, StoreDir: dir,
		SyncAlways: true, // an acknowledged message is on the disk; the default is a sync every two minutes
		NoLog:      true, NoSigs: true,
	})
	if err != nil {
		return nil, err
	}
	broker.Start()
	if !broker.ReadyForConnections(10 * time.Second) {
		stopBroker(broker)
		return nil, errors.New("the broker doesn't start")
	}
	return broker, nil
}

func stopBroker(broker *server.Server) {
	broker.Shutdown()
	broker.WaitForShutdown()
}

// provision creates the streams, and for each reader a durable consumer: the server remembers the reader's position.
func provision(ctx context.Context, url string, remember time.Duration) error {
	conn, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	for topic, reader := range readers {
		if err := provisionTopic(ctx, js, topic, reader, remember); err != nil {
			return fmt.Errorf("provision %s: %w", topic, err)
		}
	}
	return nil
}

func provisionTopic(ctx context.Context, js jetstream.JetStream, topic, reader string, remember time.Duration) error {
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamOf(topic), Subjects: []string{topic},
		Duplicates: remember, // for how long repeats are known
	})
	if err != nil {
		return err
	}
	_, err = stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: reader, FilterSubject: topic,
		AckPolicy:     jetstream.AckExplicitPolicy,
		MaxAckPending: 1, // or later messages would overtake a failed message
	})
	return err
}

// streamOf names the stream of a topic. The name of a stream can't have dots.
func streamOf(topic string) string { return strings.ReplaceAll(topic, ".", "-") }

// patient connections come back however long the broker is away, and don't buffer messages meanwhile: the relay sends
// unsent events again, and a buffered copy would arrive much later.
var patient = []nats.Option{nats.MaxReconnects(-1), nats.ReconnectBufSize(-1)}

// publisherTo connects a publisher, which returns after the server has stored a message. The message's id becomes the
// Nats-Msg-Id, by which the server drops repeats; pkg/jetstream of watermill-nats doesn't set the header.
func publisherTo(url string, log *slog.Logger) (message.Publisher, error) {
	return wmnats.NewPublisher(wmnats.PublisherConfig{
		URL: url, NatsOptions: patient,
		JetStream: wmnats.JetStreamConfig{TrackMsgId: true},
	}, watermill.NewSlogLogger(log))
}
