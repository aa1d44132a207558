package main

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/cosmic-go/allocation/outbox"
)

// publisher sends events to any broker that Watermill has a publisher for. The Watermill publisher must return after
// the broker has stored a message (RabbitMQ: ConfirmDelivery), and keep the messages of a subject in order (Kafka: a
// partition key from the metadata).
type publisher struct {
	to    message.Publisher
	topic string
}

var _ outbox.Publisher = publisher{}

// Publish sends events singly, because a Watermill publisher doesn't say which of several messages failed. The payload
// is the whole envelope (CloudEvents' structured mode). Attributes as headers would need other names and escapes for
// every broker; the metadata have only the fields that brokers look at.
func (p publisher) Publish(ctx context.Context, envelopes []outbox.Envelope) (accepted int, err error) {
	for i, e := range envelopes {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		payload, err := json.Marshal(e)
		if err != nil {
			return i, err
		}
		msg := message.NewMessageWithContext(ctx, e.ID, payload)
		msg.Metadata.Set("content-type", outbox.MediaType)
		msg.Metadata.Set("subject", url.PathEscape(string(e.Subject))) // for a partition key
		if err := p.to.Publish(p.topic, msg); err != nil {
			return i, err
		}
	}
	return len(envelopes), nil
}
