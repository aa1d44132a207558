package main

import (
	"context"
	"errors"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// receiver accepts the events of every product but one.
type receiver struct{ refuse allocation.SKU }

func (r receiver) Publish(_ context.Context, envelopes []outbox.Envelope) (accepted int, err error) {
	if envelopes[0].Subject == r.refuse {
		return 0, errors.New("the receiver has no article of this name")
	}
	return len(envelopes), nil
}

// relay sends the events to the receiver until the context ends, and gives an event up after two tries. The returned
// function waits for the end.
func (s shop) relay(ctx context.Context, store *sqlstore.Store) (wait func()) {
	relay := outbox.NewRelay(store, receiver{s.refuse}, &outbox.Options{
		Source: "/quickstart/stock", Tries: 2, Backoff: time.Second,
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := relay.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the relay ended", "error", err)
		}
	}()
	return func() { <-ended }
}
