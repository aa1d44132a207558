package main

import (
	"context"
	"time"
)

// Once everything is told, a silence makes the parent ask the store how much is unsent, and patience ends with the run.
const (
	silence  = time.Second
	patience = 30 * time.Second
)

// supervise kills relays and lets the shop go on, until all is sent.
func (r *run) supervise(ctx context.Context, sold int) error {
	ctx, cancel := context.WithCancel(ctx)
	turns, done := make(chan struct{}, 1), make(chan error, 1)
	go func() { done <- r.sellOn(ctx, sold, turns) }()
	selling := true
	defer func() {
		cancel()
		if selling {
			<-done
		}
	}()
	began := time.Now()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	strike := time.NewTicker(r.settings.Every)
	defer strike.Stop()
	if !r.plan.kill {
		strike.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-done:
			selling = false
			if err != nil {
				return err
			}
		case <-strike.C:
			if err := r.strike(ctx); err != nil {
				return err
			}
			select {
			case turns <- struct{}{}:
			default: // the shop has not caught up with the last one
			}
		case <-look.C:
			if over, err := r.over(ctx, began); over && !selling || err != nil {
				return err
			}
		}
	}
}

// sellOn tells the rest of the events: a portion now, and one after each kill, as far as there are to be.
func (r *run) sellOn(ctx context.Context, sold int, turns <-chan struct{}) error {
	portions, rest := r.settings.Kills+1, r.shop.commits()-sold
	for i := range portions {
		if i > 0 && rest > 0 {
			select {
			case <-turns:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := r.shop.sell(ctx, sold+rest*i/portions, sold+rest*(i+1)/portions, true); err != nil {
			return err
		}
	}
	return nil
}

// strike kills the next relay in turn, and starts it again.
func (r *run) strike(ctx context.Context) error {
	p := r.processes[r.kills%len(r.processes)]
	victim := r.counter.owner(p.life())
	at := time.Now()
	if err := p.kill(); err != nil {
		r.arrivals.fault(surprise, "%s", err)
	}
	r.kills++
	if victim != "" {
		held, err := leasedBy(ctx, r.db, victim)
		if err != nil {
			return err
		}
		r.arrivals.died(victim, at, held)
	}
	return p.start(ctx)
}

// over says that there is nothing left to wait for.
func (r *run) over(ctx context.Context, began time.Time) (bool, error) {
	events, latest := r.arrivals.count()
	if latest.IsZero() {
		latest = began
	}
	quiet := time.Since(latest)
	if int64(events) < r.shop.told.Load() && quiet < silence {
		return false, nil
	}
	backlog, err := r.store.Backlog(ctx)
	if err != nil || backlog.Events == 0 {
		return true, err
	}
	if quiet < r.settings.Lease+patience {
		return false, nil
	}
	r.arrivals.fault(stuck, "nothing has arrived for %s, and the backlog is %+v", quiet, backlog)
	return true, nil
}
