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
	eventsTopic = "stock.events" // what happened in the shop
	countsTopic = "stock.counts" // what the warehouse counted
	deadTopic   = "stock.dead"   // messages that nobody could make sense of

	boardReader  = "board"
	shopReader   = "shop"
	peopleReader = "people"
)

// readers are who reads which topic. Each topic has a stream of its own: the server knows repeated messages by
// their id within a stream, and in the same one it would take a dead letter for a repeat of what it copies.
var readers = map[string]string{boardReader: eventsTopic, shopReader: countsTopic, peopleReader: deadTopic}

// startBroker runs a NATS server in this process, on loopback. It keeps its streams in dir.
func startBroker(dir string, port int) (*server.Server, error) {
	broker, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port,
		JetStream: true, StoreDir: dir,
		SyncAlways: true, // what is acknowledged is on the disk; by default a single server syncs every two minutes
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

// provision creates the streams, and for each reader a consumer that outlives it: the server knows where to go on.
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
	for reader, topic := range readers {
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
		MaxAckPending: 1, // or the messages behind one that failed would overtake it
	})
	return err
}

// streamOf names the stream of a topic, without the dots that such names can't have.
func streamOf(topic string) string { return strings.ReplaceAll(topic, ".", "-") }

// patient connections come back however long the broker is away, and don't keep what is published meanwhile: the
// relay sends that again, and a copy that the client kept would come long after.
var patient = []nats.Option{nats.MaxReconnects(-1), nats.ReconnectBufSize(-1)}

// publisherTo connects a publisher, which returns once the server has stored a message. The message's id becomes
// its Nats-Msg-Id, by which the server drops repeats; pkg/jetstream of the same module doesn't set that.
func publisherTo(url string, log *slog.Logger) (message.Publisher, error) {
	return wmnats.NewPublisher(wmnats.PublisherConfig{
		URL: url, NatsOptions: patient,
		JetStream: wmnats.JetStreamConfig{TrackMsgId: true},
	}, watermill.NewSlogLogger(log))
}
