package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
)

// orderMessage is a customer's order, or a change of mind from a hold to a firm order: {"order_id": "order-1",
// "lines": [{"sku": "RED-CHAIR", "quantity": 2, "needed_by": "2030-03-01T09:00:00Z", "location": "north"}]}.
type orderMessage struct {
	ID    allocation.OrderID `json:"order_id"`
	Lines []wire.Line        `json:"lines"`
}

// countMessage is the warehouse's message about the count of a batch: {"ref": "chairs-1", "quantity": 5,
// "counted_at": "2030-03-01T09:00:00Z"}.
type countMessage struct {
	Ref allocation.BatchRef `json:"ref"`
	wire.Count
}

// incoming handles the messages to a shop. A message is acknowledged after the handler has returned nil, so after the
// commit. If the process dies in between, the message comes again, and is a repeat for the library: an order by its id,
// a batch by its ref, a count by its moment.
type incoming struct{ shop *allocation.Service }

// handlers returns the handler of each topic of the shop.
func (i incoming) handlers() map[string]message.NoPublishHandlerFunc {
	return map[string]message.NoPublishHandlerFunc{
		ordersTopic: i.order, batchesTopic: i.announcement, countsTopic: i.count,
	}
}

func (i incoming) order(msg *message.Message) error        { return take(msg, i.allocate) }
func (i incoming) announcement(msg *message.Message) error { return take(msg, i.addBatch) }
func (i incoming) count(msg *message.Message) error        { return take(msg, i.changeBatchQuantity) }

// take reads a message and carries out the message.
func take[M any](msg *message.Message, carryOut func(ctx context.Context, m M) error) error {
	m, err := wire.Decode[M](msg.Payload)
	if err == nil {
		err = carryOut(msg.Context(), m)
	}
	return named(err)
}

// named puts the name of the field in the message before an error with the library's name of the field.
func named(err error) error {
	var about *allocation.Error
	if !errors.As(err, &about) || wire.FieldName(about.Field) == about.Field {
		return err
	}
	return fmt.Errorf("%s: %w", wire.FieldName(about.Field), err)
}

// allocate promises units to all lines of an order, or to none. The answer goes out as events: LineAllocated,
// LineWaiting or LineRefused. A hold becomes firm by the same message without hold_until; the message with hold_until
// weakens nothing if it comes late. A refused order that comes again is decided anew.
func (i incoming) allocate(ctx context.Context, m orderMessage) error {
	requests, err := wire.Requests(m.ID, m.Lines)
	if err != nil {
		return err
	}
	_, err = i.shop.Allocate(ctx, requests...)
	var short *allocation.OutOfStockError
	if errors.As(err, &short) && errors.Is(short, err) { // not joined: the event of the refusal was recorded
		return nil
	}
	return err
}

// addBatch announces a batch.
func (i incoming) addBatch(ctx context.Context, m wire.Batch) error {
	b, err := m.Announced()
	if err != nil {
		return err
	}
	return i.shop.AddBatch(ctx, b)
}

// changeBatchQuantity carries out a count.
func (i incoming) changeBatchQuantity(ctx context.Context, m countMessage) error {
	counted, err := m.Of(m.Ref)
	if err != nil {
		return err
	}
	_, err = i.shop.ChangeBatchQuantity(ctx, counted) // events list the released lines
	return err
}

// newRouter returns a router. A message with a fault of its own goes to the dead letters, and holds up no other. After
// any other failure, such as a database that is down, the handler gets the message up to four times, then the broker
// sends the message again, without end, and holds back all later messages until the handler succeeds.
func newRouter(dead message.Publisher, log *slog.Logger) (*message.Router, error) {
	logger := watermill.NewSlogLogger(log)
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return nil, err
	}
	buried, err := middleware.PoisonQueueWithFilter(dead, deadTopic, hopeless)
	if err != nil {
		return nil, err
	}
	again := middleware.Retry{
		MaxRetries: 3, InitialInterval: 50 * time.Millisecond, Multiplier: 2, MaxInterval: time.Second, Logger: logger,
		ShouldRetry: func(p middleware.RetryParams) bool { return !hopeless(p.Err) || mayCome(p.Err) },
	}
	router.AddMiddleware(buried, again.Middleware, middleware.Recoverer) // from the outside to the inside
	return router, nil
}

// mayCome reports whether a batch or a product is unknown. The announcement may come a moment later, so such a message
// gets four tries, too, before it becomes a dead letter.
func mayCome(err error) bool { return errors.Is(err, allocation.ErrNotFound) }

// hopeless reports whether a message has a fault of its own, and would fail at every try.
func hopeless(err error) bool {
	var panicked middleware.RecoveredPanicError
	return errors.Is(err, allocation.ErrInvalid) || errors.Is(err, allocation.ErrNotFound) ||
		errors.Is(err, allocation.ErrNotAllowed) || errors.Is(err, allocation.ErrMismatch) || errors.As(err, &panicked)
}
