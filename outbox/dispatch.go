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

// dispatcher is a single Run of a relay: a loop on the goroutine of Run, with a goroutine for each claimed product.
// The loop claims products when a worker is free and there may be unsent events, and waits otherwise. Only the loop
// uses the fields, except for finished, workers and publishing.
type dispatcher struct {
	*Relay
	owner string // identifies the leases of this Run

	lastSKU      allocation.SKU // the claims go round all SKUs, so that a busy product can't starve later SKUs
	mayHaveMore  bool           // a claim may find unsent events
	failedClaims int            // failed claims in a row
	poll         *time.Timer    // time of the next claim without a Wake

	busy       int       // number of working workers
	finished   chan bool // a worker's end; true if the worker's product may have further events
	workers    sync.WaitGroup
	publishing sync.Map // SKUs of products in a Publish; the worker removes the SKU
}

func newDispatcher(r *Relay) *dispatcher {
	return &dispatcher{
		Relay: r, owner: rand.Text(), mayHaveMore: true, poll: time.NewTimer(r.opts.Poll),
		finished: make(chan bool),
	}
}

// run claims and waits until ctx ends, and then waits for the workers.
func (d *dispatcher) run(ctx context.Context) {
	defer d.poll.Stop()
	for ctx.Err() == nil {
		if d.mayHaveMore && d.busy < d.opts.Workers {
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

// wait waits for the first of: the end of ctx, a Wake, the next poll, a worker's end. After a failed claim a Wake
// doesn't count, because commits would otherwise undo the pause between failed claims.
func (d *dispatcher) wait(ctx context.Context) {
	wake := d.wake
	if d.failedClaims > 0 {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-wake:
		d.mayHaveMore = true
	case <-d.poll.C:
		d.mayHaveMore = true
	case more := <-d.finished:
		d.finish(more)
	}
}

// finish counts a worker's end.
func (d *dispatcher) finish(more bool) {
	d.busy--
	d.mayHaveMore = d.mayHaveMore || more
}

// claim claims a product for each free worker. The end of ctx doesn't interrupt the call, only a timeout does: after an
// interruption the store may have granted leases, and no relay could have the products until the leases end.
func (d *dispatcher) claim(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.opts.Lease/3)
	defer cancel()
	wakes, free := d.wakes.Load(), d.opts.Workers-d.busy
	deliveries, err := d.store.Claim(limited, Claim{
		Owner: d.owner, After: d.lastSKU, Products: free, Events: d.opts.Batch,
		Now: d.after(0), Until: d.after(d.opts.Lease),
	})
	if err != nil {
		d.claimFailed(ctx, err)
		return
	}
	d.failedClaims = 0
	d.poll.Reset(d.opts.Poll)
	for _, delivery := range deliveries {
		d.start(ctx, delivery, wakes)
	}
	switch {
	case len(deliveries) >= free:
		d.lastSKU = deliveries[len(deliveries)-1].SKU
	case d.lastSKU != "":
		d.lastSKU = "" // the next claim starts again at the first SKU
	default:
		d.mayHaveMore = false
	}
}

// claimFailed logs the error and schedules the next claim. Failures in a row double the pause up to the lease.
func (d *dispatcher) claimFailed(ctx context.Context, err error) {
	d.failedClaims++
	d.mayHaveMore = false
	d.poll.Reset(pause(storeBackoff, d.opts.Lease, d.failedClaims))
	level := slog.LevelWarn
	if errors.Is(err, allocation.ErrConflict) {
		level = slog.LevelDebug // another relay claimed the products first
	}
	d.opts.Logger.LogAttrs(ctx, level, "outbox: claim failed", slog.Any("error", err))
}

// start starts a worker for a delivery. A Wake during the worker's Publish triggers a claim, but the claim can't have
// the leased product. If Wake was called after the claim of the delivery, the loop therefore claims once more.
func (d *dispatcher) start(ctx context.Context, delivery Delivery, wakes uint64) {
	if _, late := d.publishing.LoadOrStore(delivery.SKU, true); late {
		// The lease has ended before the Publish. A second Publish at the same time would break the order.
		sku := slog.String("sku", string(delivery.SKU))
		d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "outbox: Publish outlasts its lease", sku)
		return
	}
	d.busy++
	d.workers.Go(func() {
		more := false
		defer func() { d.finished <- more }() // runs even if a publisher calls runtime.Goexit
		claimable := d.deliver(ctx, delivery)
		more = claimable && (delivery.More || d.wakes.Load() != wakes)
	})
}
