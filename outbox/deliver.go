package outbox

import (
	"context"
	"log/slog"
	"strings"

	"github.com/cosmic-go/allocation"
)

// deliver publishes the events of a product and tells the store what came of it. It reports whether the product
// is free for the next claim.
func (d *dispatcher) deliver(ctx context.Context, delivery Delivery) bool {
	envelopes, unfit := d.wrap(delivery)
	accepted, err := d.publish(ctx, delivery.SKU, envelopes)
	stopped := err != nil && ctx.Err() != nil // which is no try
	if err == nil {
		err = unfit
	}
	s := Settlement{Owner: d.owner, SKU: delivery.SKU}
	if accepted > 0 {
		s.Sent = delivery.Events[accepted-1].Sequence
	}
	if err != nil && !stopped {
		s.Failure = d.failure(ctx, delivery, accepted, err)
	}
	return d.settle(ctx, s) && err == nil
}

// wrap makes envelopes of the events up to the first that it can't be done with, and returns why.
func (d *dispatcher) wrap(delivery Delivery) ([]Envelope, error) {
	envelopes := make([]Envelope, 0, len(delivery.Events))
	for _, r := range delivery.Events {
		e, err := NewEnvelope(d.opts.Source, delivery.SKU, r)
		if err != nil {
			return envelopes, err
		}
		envelopes = append(envelopes, e)
	}
	return envelopes, nil
}

func (d *dispatcher) publish(ctx context.Context, sku allocation.SKU, envelopes []Envelope) (int, error) {
	defer d.publishing.Delete(sku)
	if len(envelopes) == 0 {
		return 0, nil
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.opts.Lease/3)
	defer cancel()
	return publish(ctx, d.publisher, envelopes)
}

// failure is what becomes of the event after those that were accepted. Tries count for one event: where some were
// accepted, the next begins at 1.
func (d *dispatcher) failure(ctx context.Context, delivery Delivery, accepted int, err error) *Failure {
	f := &Failure{SKU: delivery.SKU, Sequence: delivery.Events[accepted].Sequence, Tries: 1, Error: storable(err)}
	if accepted == 0 {
		f.Tries = delivery.Tries + 1
	}
	about := []slog.Attr{
		slog.String("sku", string(f.SKU)), slog.Int64("sequence", f.Sequence), slog.Int("tries", f.Tries),
		slog.Any("error", err),
	}
	if f.Tries >= d.opts.Tries {
		f.Dead = true
		d.opts.Logger.LogAttrs(ctx, slog.LevelError, "outbox: event is dead", about...)
		return f
	}
	f.RetryAt = d.at(pause(d.opts.Backoff, d.opts.MaxBackoff, f.Tries))
	about = append(about, slog.Time("retry_at", f.RetryAt))
	d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "outbox: event was not accepted", about...)
	return f
}

// storable is an error's text as [Failure].Error promises it: what a broker answers may be anything, and a text
// that a database refuses would keep the whole settlement from it.
func storable(err error) string {
	const most = 1000
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") // without the character that was cut in two
	}
	return text
}
