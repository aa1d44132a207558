package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/cosmic-go/allocation/outbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "broker: %v\n", err)
		os.Exit(1)
	}
}

// run starts a broker in a new folder, plays the story, and removes both.
func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "broker-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	broker, err := startBroker(filepath.Join(dir, "streams"), server.RANDOM_PORT)
	if err != nil {
		return err
	}
	defer stopBroker(broker)
	if err := provision(ctx, broker.ClientURL(), 2*time.Minute); err != nil {
		return err
	}
	return open(ctx, dir, broker.ClientURL(), out)
}

// open opens the shop, the board and a connection for everybody else, which meet at the broker alone, and plays the
// story.
func open(ctx context.Context, dir, url string, out io.Writer) (err error) {
	log := slog.New(slog.DiscardHandler) // the story prints its own errors
	shop, err := openShop(ctx, filepath.Join(dir, "shop.db"), url, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.Close()) }()
	others, err := publisherTo(url, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, others.Close()) }()
	s := newStory(others, out)
	board, err := openBoard(ctx, filepath.Join(dir, "board.db"), func(e outbox.Envelope, _ bool) { s.heard <- e })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, board.db.Close()) }()

	router, err := newRouter(shop.to, log)
	if err != nil {
		return err
	}
	handlers := incoming{shop.Service}.handlers()
	handlers[eventsTopic], handlers[deadTopic] = board.take, s.bury
	for topic, handle := range handlers {
		from := &subscriber{reader: readers[topic], url: url, log: log}
		router.AddConsumerHandler(topic, topic, from, handle)
	}
	return play(ctx, s, shop.relay, router)
}

// play plays the story while relay and router work, and gives up if relay or router fail.
func play(ctx context.Context, s *story, relay *outbox.Relay, router *message.Router) error {
	ctx, end := context.WithCancelCause(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer end(nil)
	working.Go(func() { end(relay.Run(ctx)) })
	working.Go(func() { end(router.Run(ctx)) })
	select {
	case <-router.Running(): // an earlier end would not be clean
	case <-ctx.Done():
	}
	if err := s.play(ctx); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return nil
}
