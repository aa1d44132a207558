package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/cosmic-go/allocation"
)

// countMessage is the warehouse's message about the count of a batch: {"batch": "chairs-1", "quantity": 5,
// "counted_at": "2030-03-01T09:00:00Z"}.
type countMessage struct {
	Batch     allocation.BatchRef  `json:"batch"`
	Quantity  *allocation.Quantity `json:"quantity"` // a missing number must not empty the batch
	CountedAt time.Time            `json:"counted_at"`
}

func (m countMessage) count() (allocation.Count, error) {
	if m.Quantity == nil {
		return allocation.Count{}, fmt.Errorf("%w: a count without a quantity", allocation.ErrInvalid)
	}
	return allocation.Count{Batch: m.Batch, Quantity: *m.Quantity, At: m.CountedAt}, nil
}

// incoming handles the messages to a shop.
type incoming struct{ shop *allocation.Service }

// changeBatchQuantity carries out a count. The message is acknowledged after changeBatchQuantity has returned nil, so
// after the commit. If the process dies in between, the message comes again and changes nothing, because the library
// knows the time of the last count.
func (i incoming) changeBatchQuantity(msg *message.Message) error {
	var found countMessage
	if err := decode(msg.Payload, &found); err != nil {
		return err
	}
	counted, err := found.count()
	if err != nil {
		return err
	}
	_, err = i.shop.ChangeBatchQuantity(msg.Context(), counted) // events list the released lines
	return err
}

func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %w", allocation.ErrInvalid, err)
	}
	return nil
}

// newRouter returns a router whose handlers get a message up to four times. After that, a message with a fault of its
// own goes to the dead letters. After any other failure, such as a database that is down, the broker sends the message
// again, without end, and holds back all later messages until the handler succeeds.
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
	}
	router.AddMiddleware(buried, again.Middleware, middleware.Recoverer) // from the outside to the inside
	return router, nil
}

// hopeless reports whether a message would fail at every try. An unknown batch may be the message's fault, or the batch
// is announced a moment later; the earlier tries give the announcement time.
func hopeless(err error) bool {
	var panicked middleware.RecoveredPanicError
	return errors.Is(err, allocation.ErrInvalid) || errors.Is(err, allocation.ErrNotFound) ||
		errors.Is(err, allocation.ErrNotAllowed) || errors.Is(err, allocation.ErrMismatch) || errors.As(err, &panicked)
}
