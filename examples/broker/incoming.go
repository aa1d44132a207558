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

// countMessage is what the warehouse sends when it has counted a batch: {"batch": "chairs-1", "quantity": 5,
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

// incoming is what the warehouse may ask of a shop.
type incoming struct{ shop *allocation.Service }

// changeBatchQuantity carries a count out. The message is acknowledged after this returned nil, so after the
// commit. If the process dies in between it comes again, and changes nothing: the moment of the count tells.
func (i incoming) changeBatchQuantity(msg *message.Message) error {
	var told countMessage
	if err := decode(msg.Payload, &told); err != nil {
		return err
	}
	counted, err := told.count()
	if err != nil {
		return err
	}
	_, err = i.shop.ChangeBatchQuantity(msg.Context(), counted) // events tell what it released
	return err
}

func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %w", allocation.ErrInvalid, err)
	}
	return nil
}

// newRouter returns a router whose handlers get a message up to four times. Then it goes to the dead letters if it
// is the message's own fault. Otherwise, as when the database is down, the broker keeps it and sends it
// again, without end, and nothing behind it until it went through.
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

// hopeless reports whether a message fails whenever it comes. A batch that is unknown still may be the message's
// fault or only be announced late, which is what the tries before are for.
func hopeless(err error) bool {
	var panicked middleware.RecoveredPanicError
	return errors.Is(err, allocation.ErrInvalid) || errors.Is(err, allocation.ErrNotFound) ||
		errors.Is(err, allocation.ErrNotAllowed) || errors.As(err, &panicked)
}
