package main

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/cosmic-go/allocation/outbox"
)

// publisher sends events to any broker that Watermill has a publisher for. That must be set up to return once the
// broker has stored a message (RabbitMQ: ConfirmDelivery), and to keep messages of one subject in order (Kafka:
// a partition key from the metadata).
type publisher struct {
	to    message.Publisher
	topic string
}

var _ outbox.Publisher = publisher{}

// Publish sends events one by one, because a Watermill publisher that fails on several doesn't say on which. The
// payload is the whole envelope (CloudEvents' structured mode). Attributes as headers would need other names and
// other escapes for every broker; metadata have only what brokers look at.
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
