package outbox

import (
	"context"
	"log/slog"
	"strings"

	"github.com/cosmic-go/allocation"
)

// deliver publishes the events of a product and settles the delivery. deliver reports whether all events were sent and
// the lease has ended, so that a claim may get the product at once.
func (d *dispatcher) deliver(ctx context.Context, delivery Delivery) (claimable bool) {
	envelopes, wrapErr := d.wrap(delivery)
	accepted, err := d.publish(ctx, delivery.SKU, envelopes)
	stopped := err != nil && ctx.Err() != nil // an error at the end of Run doesn't count as a try
	if err == nil {
		err = wrapErr
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

// wrap returns envelopes for the events. At an event that can't be wrapped, wrap stops and returns the error as well.
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

// publish calls the publisher, unless there are no envelopes or ctx has ended.
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

// failure returns the Failure of the first event that was not accepted, and logs the failure. Tries count for a single
// event: delivery.Tries belongs to the delivery's first event, and a later event starts at 1.
func (d *dispatcher) failure(ctx context.Context, delivery Delivery, accepted int, err error) *Failure {
	f := &Failure{SKU: delivery.SKU, Sequence: delivery.Events[accepted].Sequence, Tries: 1, Error: errorText(err)}
	if accepted == 0 {
		f.Tries = delivery.Tries + 1
	}
	attrs := []slog.Attr{
		slog.String("sku", string(f.SKU)), slog.Int64("sequence", f.Sequence), slog.Int("tries", f.Tries),
		slog.Any("error", err),
	}
	if f.Tries >= d.opts.Tries {
		f.Dead = true
		d.opts.Logger.LogAttrs(ctx, slog.LevelError, "outbox: event is dead", attrs...)
		return f
	}
	f.RetryAt = d.after(pause(d.opts.Backoff, d.opts.MaxBackoff, f.Tries))
	attrs = append(attrs, slog.Time("retry_at", f.RetryAt))
	d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "outbox: event was not accepted", attrs...)
	return f
}

// errorText returns the text of an error in the form that [Failure].Error promises. The error of a broker may contain
// any bytes, and a database that refuses the text would refuse the whole settlement.
func errorText(err error) string {
	const maxBytes = 1000
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > maxBytes {
		text = strings.ToValidUTF8(text[:maxBytes], "") // drops a character cut in two
	}
	return text
}
