package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Publisher brings events to a broker, or to whoever wants them. It must be safe for concurrent use: a [Relay]
// calls it for several products at once, though never twice at a time for the same one.
type Publisher interface {
	// Publish sends events of one product, at least one, in their order. It returns how many of the first
	// were accepted for good, as an [io.Writer] does with bytes, and why not all of them, if so:
	//
	//   - An event counts as accepted once it would survive the loss of this process. Those that are
	//     accepted don't come again, those after them do.
	//   - With an error fewer than all are accepted, without one all are. What contradicts this, such as
	//     len(envelopes) with an error, is an error and counts as 0. So does a panic.
	//   - Once ctx has ended it must return soon. Its worker is busy until then, and the relay doesn't end.
	//
	// It must not keep or change the slice; the envelopes in it, their data included, may be kept.
	Publish(ctx context.Context, envelopes []Envelope) (accepted int, err error)
}

// publish calls a publisher, and makes an error of whatever else may come of it.
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
		return 0, errors.Join(fmt.Errorf("outbox: Publish says that %d of %d events were accepted", accepted, all), err)
	case accepted < all && err == nil:
		return accepted, fmt.Errorf("outbox: Publish accepted %d of %d events and doesn't say why", accepted, all)
	}
	return accepted, err
}
