package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Publisher sends events to a broker or another receiver. A Publisher must be safe for concurrent use: a [Relay] calls
// Publish for several products at the same time, but never twice at the same time for the same product.
type Publisher interface {
	// Publish sends at least one event of a single product, in order. Like [io.Writer], Publish returns the number
	// of events accepted from the start of the slice, and an error if not all events were accepted:
	//
	//   - An event is accepted when the event would survive the loss of this process. Accepted events are not
	//     published again, later events of the slice are.
	//   - A nil error means that all events were accepted. With an error, fewer than len(envelopes) are accepted. The
	//     relay treats fewer events without an error as a failure of the next event. An impossible number, such as
	//     len(envelopes) with an error, counts as a failure with 0 accepted events; so does a panic.
	//   - Publish must return soon after ctx has ended. Until then the worker is busy, and the relay's Run doesn't
	//     return.
	//
	// Publish must not keep or change the slice. Publish may keep the envelopes and their data.
	Publish(ctx context.Context, envelopes []Envelope) (accepted int, err error)
}

// publish calls a publisher, and returns an error for a panic or a contradictory result.
func publish(ctx context.Context, p Publisher, envelopes []Envelope) (accepted int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			accepted, err = 0, fmt.Errorf("outbox: Publish panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	accepted, err = p.Publish(ctx, envelopes)
	all := len(envelopes)
	switch {
	case accepted < 0 || accepted > all || accepted == all && err != nil:
		return 0, errors.Join(fmt.Errorf("outbox: Publish returned a wrong count: %d of %d events", accepted, all), err)
	case accepted < all && err == nil:
		return accepted, fmt.Errorf("outbox: Publish accepted %d of %d events without an error", accepted, all)
	}
	return accepted, err
}
