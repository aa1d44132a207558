package relay

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/outbox"
)

// silence, during which nothing new arrives, makes the parent ask the store how much is unsent.
const silence = time.Second

// supervise kills relays and lets the shop go on, until all is sent.
func (r *run) supervise(ctx context.Context, sold int) error {
	ctx, cancel := context.WithCancel(ctx)
	turns, sales := make(chan struct{}, 1), make(chan error, 1)
	var seller sync.WaitGroup
	seller.Go(func() { sales <- r.sellOn(ctx, sold, turns) })
	defer seller.Wait()
	defer cancel()
	turn := time.NewTicker(r.settings.Every)
	defer turn.Stop()
	if !r.plan.kill {
		turn.Stop()
	}
	looks := time.NewTicker(20 * time.Millisecond)
	defer looks.Stop()
	began, selling := time.Now(), true
	for {
		var err error
		over := false
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case err = <-sales:
			selling = false
		case <-turn.C:
			err = r.killNext(ctx, turns)
		case <-looks.C:
			if !selling {
				over, err = r.over(ctx, began)
			}
		}
		if over || err != nil {
			return err
		}
	}
}

// sellOn tells the rest of the events: a portion now, and one before each kill, as far as there are to be.
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

// How a kill finds its moment: at random within a while after the shop went on, or when the relay has sent something,
// if it does so in time.
const (
	longestPause = 50 * time.Millisecond
	longestWait  = time.Second
)

// killNext lets the shop go on and kills the next relay in turn: in one round at any moment, in the next one between
// an event's arrival and its acknowledgement. If the server is to crash, the shop goes on without the server.
func (r *run) killNext(ctx context.Context, turns chan<- struct{}) error {
	p := r.processes[r.kills%len(r.processes)]
	trapped := r.kills/len(r.processes)%2 > 0
	r.kills++
	var t *trap
	if trapped {
		t = r.counter.set(p.life())
		defer close(t.free)
	}
	crash := r.plan.server != nil && r.kills == 1+r.settings.Kills/2
	if crash {
		if err := r.plan.server.Kill(); err != nil {
			return err
		}
	}
	select {
	case turns <- struct{}{}:
	default: // the shop has not caught up with the last one
	}
	if trapped {
		t.await(ctx, longestWait)
	} else {
		harness.Rest(ctx, rand.N(longestPause))
	}
	if crash {
		if err := r.plan.server.Start(ctx); err != nil {
			return err
		}
	}
	return r.kill(ctx, p)
}

// kill kills a relay, notes what it leaves behind, and starts it again.
func (r *run) kill(ctx context.Context, p *process) error {
	ending, at := p.life(), time.Now()
	if err := p.kill(); err != nil {
		r.arrivals.fault(surprise, "%s", err)
	}
	if victim := r.counter.owner(ending); victim != "" {
		var held []allocation.SKU
		err := r.patience.repeat(ctx, func() (err error) {
			held, err = leasedBy(ctx, r.db, victim)
			return err
		})
		if err != nil {
			return err
		}
		r.arrivals.died(victim, at, held)
	}
	return p.start(ctx)
}

// over says that there is nothing left to wait for.
func (r *run) over(ctx context.Context, began time.Time) (bool, error) {
	events, last := r.arrivals.count()
	if last.IsZero() {
		last = began
	}
	if _, failed := r.patience.failed(); failed.After(last) {
		last = failed // the relays had nothing to send
	}
	quiet := time.Since(last)
	if int64(events) < r.shop.told.Load() && quiet < silence {
		return false, nil
	}
	var backlog outbox.Backlog
	err := r.patience.repeat(ctx, func() (err error) {
		backlog, err = r.store.Backlog(ctx)
		return err
	})
	if err != nil || backlog.Events == 0 {
		return true, err
	}
	if quiet < r.settings.Lease+r.settings.Patience {
		return false, nil
	}
	r.arrivals.fault(stuck, "nothing new has arrived for %s, and the backlog is %+v", quiet, backlog)
	return true, nil
}
