package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

const chair allocation.SKU = "RED-CHAIR"

// story is a day of the shop, the warehouse and the board.
type story struct {
	shop      *shop
	warehouse message.Publisher
	out       io.Writer

	heard chan outbox.Envelope // events at the board
	dead  chan string          // why a message became a dead letter
}

func newStory(shop *shop, warehouse message.Publisher, out io.Writer) *story {
	return &story{shop, warehouse, out, make(chan outbox.Envelope, 100), make(chan string, 100)}
}

// bury handles a dead letter.
func (s *story) bury(msg *message.Message) error {
	s.dead <- msg.Metadata.Get(middleware.ReasonForPoisonedKey)
	return nil
}

func (s *story) play(ctx context.Context) error {
	fmt.Fprintln(s.out, "The shop gets two batches of chairs and three orders. The board hears:")
	if err := errors.Join(
		s.stock(ctx), s.sell(ctx, "order-1", 4), s.sell(ctx, "order-2", 4), s.sell(ctx, "order-3", 2),
	); err != nil {
		return err
	}
	if err := s.listen(ctx, 5); err != nil {
		return err
	}

	fmt.Fprintln(s.out, "The warehouse finds 5 chairs in chairs-1, and sends the count twice. The board hears:")
	found := countMessage{Batch: "chairs-1", Quantity: new(allocation.Quantity(5)), CountedAt: time.Now()}
	if err := errors.Join(s.send(found), s.send(found)); err != nil {
		return err
	}
	if err := s.listen(ctx, 4); err != nil {
		return err
	}

	fmt.Fprintln(s.out, "The warehouse counts a batch unknown to the shop. The message becomes a dead letter:")
	found.Batch = "chairs-7"
	if err := errors.Join(s.send(found), s.findDead(ctx)); err != nil {
		return err
	}

	fmt.Fprintln(s.out, "One more order. The number of its event shows that the second count changed nothing:")
	return errors.Join(s.sell(ctx, "order-4", 1), s.listen(ctx, 1))
}

func (s *story) stock(ctx context.Context) error {
	return errors.Join(
		s.shop.AddBatch(ctx, allocation.Batch{Ref: "chairs-1", SKU: chair, Purchased: 10}),
		s.shop.AddBatch(ctx, allocation.Batch{Ref: "chairs-2", SKU: chair, Purchased: 3}),
	)
}

func (s *story) sell(ctx context.Context, order allocation.OrderID, chairs allocation.Quantity) error {
	line := allocation.OrderLine{OrderID: order, SKU: chair, Quantity: chairs}
	_, err := s.shop.Allocate(ctx, allocation.Request{OrderLine: line})
	return err
}

// send sends a count, as the warehouse does.
func (s *story) send(found countMessage) error {
	body, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return s.warehouse.Publish(countsTopic, message.NewMessage(watermill.NewUUID(), body))
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
	if purchased != 0 {
		return fmt.Sprintf("%s %+d in stock", batch, purchased)
	}
	return fmt.Sprintf("%s %+d promised", batch, allocated)
}
