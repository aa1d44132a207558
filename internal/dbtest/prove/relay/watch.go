package relay

import (
	"context"
	"sync"
	"time"

	"github.com/cosmic-go/allocation/outbox"
)

// watch stands between a relay and what it works with, and notes what is asked and how long it takes.
type watch struct {
	store     outbox.Store
	publisher outbox.Publisher

	mu    sync.Mutex
	noted account
}

// account is what a relay says in the end.
type account struct {
	Owner string // of its leases
	Did   effort
}

// effort is what relays did. A claim that brings nothing counts by itself.
type effort struct {
	Claims, Empty, Publishes, Settles cost
	Products, Events                  int
}

// cost is what calls of one kind took, failed ones included.
type cost struct {
	Calls int
	Took  time.Duration
}

func (c *cost) add(took time.Duration) {
	c.Calls++
	c.Took += took
}

func (c cost) plus(other cost) cost {
	return cost{Calls: c.Calls + other.Calls, Took: c.Took + other.Took}
}

// mean is what a call took.
func (c cost) mean() time.Duration { return c.Took / time.Duration(max(c.Calls, 1)) }

// plus adds what another relay did.
func (e effort) plus(other effort) effort {
	return effort{
		Claims: e.Claims.plus(other.Claims), Empty: e.Empty.plus(other.Empty),
		Publishes: e.Publishes.plus(other.Publishes), Settles: e.Settles.plus(other.Settles),
		Products: e.Products + other.Products, Events: e.Events + other.Events,
	}
}

// Claim is the store's.
func (w *watch) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	began := time.Now()
	deliveries, err := w.store.Claim(ctx, c)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noted.Owner = c.Owner
	if len(deliveries) == 0 {
		w.noted.Did.Empty.add(took)
	} else {
		w.noted.Did.Claims.add(took)
	}
	w.noted.Did.Products += len(deliveries)
	for _, d := range deliveries {
		w.noted.Did.Events += len(d.Events)
	}
	return deliveries, err
}

// Settle is the store's.
func (w *watch) Settle(ctx context.Context, s outbox.Settlement) error {
	began := time.Now()
	defer func() { w.add(&w.noted.Did.Settles, began) }()
	return w.store.Settle(ctx, s)
}

// Publish is the publisher's.
func (w *watch) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
	began := time.Now()
	defer func() { w.add(&w.noted.Did.Publishes, began) }()
	return w.publisher.Publish(ctx, envelopes)
}

func (w *watch) add(to *cost, began time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to.add(time.Since(began))
}

func (w *watch) account() account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.noted
}

func (w *watch) owner() string { return w.account().Owner }
