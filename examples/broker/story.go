package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
	"github.com/cosmic-go/allocation/outbox"
)

const chair allocation.SKU = "RED-CHAIR"

// story is a day of the shop, the warehouse, the customers and the board.
type story struct {
	others message.Publisher // of the warehouse and the customers
	out    io.Writer

	heard chan outbox.Envelope // events at the board
	dead  chan string          // why a message became a dead letter
}

func newStory(others message.Publisher, out io.Writer) *story {
	return &story{others, out, make(chan outbox.Envelope, 100), make(chan string, 100)}
}

// bury handles a dead letter.
func (s *story) bury(msg *message.Message) error {
	s.dead <- msg.Metadata.Get(middleware.ReasonForPoisonedKey)
	return nil
}

func (s *story) play(ctx context.Context) error {
	inWeeks := func(n int) string { return time.Now().AddDate(0, 0, 7*n).Format(time.RFC3339Nano) }
	chairs := func(order allocation.OrderID, units allocation.Quantity, neededBy string) orderMessage {
		return orderMessage{order, []wire.Line{{SKU: chair, Quantity: units, NeededBy: neededBy}}}
	}
	order1 := chairs("order-1", 4, "")
	found := countMessage{"chairs-1", wire.Count{Quantity: new(allocation.Quantity(5)), CountedAt: inWeeks(0)}}
	lost := found
	lost.Ref = "chairs-7"
	for _, scene := range []struct {
		text     string
		messages []any
		events   int
		dead     bool // a dead letter follows
	}{{
		"The warehouse announces two batches of chairs, the second for in two weeks. The board hears:", []any{
			wire.Batch{Ref: "chairs-1", SKU: chair, Quantity: 10},
			wire.Batch{Ref: "chairs-2", SKU: chair, Quantity: 3, ETA: inWeeks(2)},
		}, 2, false,
	}, {
		"Three customers order. The board hears:",
		[]any{order1, chairs("order-2", 4, ""), chairs("order-3", 2, "")}, 3, false,
	}, {
		"A chair that is needed within a week can't come from chairs-2. The board hears:",
		[]any{chairs("order-4", 1, inWeeks(1))}, 1, false,
	}, {
		"The warehouse finds 5 chairs in chairs-1, and sends the count twice. The board hears:",
		[]any{found, found}, 4, false,
	}, {
		"The warehouse counts a batch unknown to the shop. The message becomes a dead letter:",
		[]any{lost}, 0, true,
	}, {
		"A customer names no time that can be read. The message becomes a dead letter:",
		[]any{chairs("order-5", 1, "soon")}, 0, true,
	}, {
		"order-1 comes again, and then one more order. The number of its event shows that the repeats changed nothing:",
		[]any{order1, chairs("order-6", 1, "")}, 1, false,
	}} {
		fmt.Fprintln(s.out, scene.text)
		if err := s.perform(ctx, scene.messages, scene.events, scene.dead); err != nil {
			return err
		}
	}
	return nil
}

// perform sends messages, as the warehouse and customers do, and prints what follows.
func (s *story) perform(ctx context.Context, messages []any, events int, dead bool) error {
	for _, m := range messages {
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := s.others.Publish(topicOf(m), message.NewMessage(watermill.NewUUID(), body)); err != nil {
			return err
		}
	}
	if err := s.listen(ctx, events); err != nil || !dead {
		return err
	}
	return s.findDead(ctx)
}

func topicOf(m any) string {
	switch m.(type) {
	case orderMessage:
		return ordersTopic
	case wire.Batch:
		return batchesTopic
	default:
		return countsTopic
	}
}

func (s *story) findDead(ctx context.Context) error {
	select {
	case why := <-s.dead:
		fmt.Fprintf(s.out, "  %s\n", why)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listen prints the next events that the board hears.
func (s *story) listen(ctx context.Context, events int) error {
	for range events {
		select {
		case e := <-s.heard:
			event, err := e.Event()
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "  %2d %-20s %s\n", e.Sequence, event.Kind(), movement(event))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// movement describes the units that an event moved.
func movement(event allocation.Event) string {
	batch, purchased, allocated := event.Movement()
	switch {
	case batch == "":
		return "nothing"
	case purchased != 0:
		return fmt.Sprintf("%s %+d in stock", batch, purchased)
	}
	return fmt.Sprintf("%s %+d promised", batch, allocated)
}
