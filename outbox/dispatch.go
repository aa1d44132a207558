package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

// dispatcher is one Run of a relay: a loop that claims products whenever a worker is free and there may be something
// to claim, and otherwise waits. Its fields are the loop's alone but for the last three.
type dispatcher struct {
	*Relay
	owner string

	after  allocation.SKU // the last product that was claimed, so that busy ones with low SKUs starve nobody
	more   bool           // there may be something to claim
	failed int            // how many of the last claims failed
	poll   *time.Timer    // when to claim even if nobody says that there is something

	busy       int       // workers
	finished   chan bool // a worker's last word: its product may be claimed, and may have further events
	workers    sync.WaitGroup
	publishing sync.Map // the SKUs of products that are in a Publish; workers take theirs out
}

func newDispatcher(r *Relay) *dispatcher {
	return &dispatcher{
		Relay: r, owner: rand.Text(), more: true, poll: time.NewTimer(r.opts.Poll),
		finished: make(chan bool),
	}
}

func (d *dispatcher) run(ctx context.Context) {
	defer d.poll.Stop()
	for ctx.Err() == nil {
		if d.more && d.busy < d.opts.Workers {
			d.claim(ctx)
		} else {
			d.wait(ctx)
		}
	}
	for d.busy > 0 {
		d.finish(<-d.finished)
	}
	d.workers.Wait()
}

// wait lets one thing happen. While claims fail, commits don't hurry the next one.
func (d *dispatcher) wait(ctx context.Context) {
	wake := d.wake
	if d.failed > 0 {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-wake:
		d.more = true
	case <-d.poll.C:
		d.more = true
	case more := <-d.finished:
		d.finish(more)
	}
}

func (d *dispatcher) finish(more bool) {
	d.busy--
	d.more = d.more || more
}

// claim takes a product for each free worker. The end of ctx doesn't interrupt it: leases that were granted
// while nobody listened would keep their products from everybody until they end.
func (d *dispatcher) claim(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.opts.Lease/3)
	defer cancel()
	wakes, free := d.wakes.Load(), d.opts.Workers-d.busy
	deliveries, err := d.store.Claim(limited, Claim{
		Owner: d.owner, After: d.after, Products: free, Events: d.opts.Batch, Now: d.at(0), Until: d.at(d.opts.Lease),
	})
	if err != nil {
		d.claimFailed(ctx, err)
		return
	}
	d.failed = 0
	d.poll.Reset(d.opts.Poll)
	for _, delivery := range deliveries {
		d.start(ctx, delivery, wakes)
	}
	switch {
	case len(deliveries) >= free:
		d.after = deliveries[len(deliveries)-1].SKU
	case d.after != "":
		d.after = "" // and once more, from the beginning
	default:
		d.more = false
	}
}

func (d *dispatcher) claimFailed(ctx context.Context, err error) {
	d.failed++
	d.more = false
	d.poll.Reset(pause(storeBackoff, d.opts.Lease, d.failed))
	level := slog.LevelWarn
	if errors.Is(err, allocation.ErrConflict) {
		level = slog.LevelDebug // another relay was faster
	}
	d.opts.Logger.LogAttrs(ctx, level, "outbox: claim failed", slog.Any("error", err))
}

// start gives a product to a worker. If Wake was called since the claim, the product may have got events that
// the claim didn't see, and that those since couldn't take.
func (d *dispatcher) start(ctx context.Context, delivery Delivery, wakes uint64) {
	if _, late := d.publishing.LoadOrStore(delivery.SKU, true); late {
		// The lease has ended and the Publish hasn't. A second one at the same time would mix up the order.
		sku := slog.String("sku", string(delivery.SKU))
		d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "outbox: Publish outlasts its lease", sku)
		return
	}
	d.busy++
	d.workers.Go(func() {
		more := false
		defer func() { d.finished <- more }() // even if a publisher ends the goroutine
		free := d.deliver(ctx, delivery)
		more = free && (delivery.More || d.wakes.Load() != wakes)
	})
}
