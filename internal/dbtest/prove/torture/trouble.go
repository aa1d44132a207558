package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// blow is something bad that happens to a run at a time after its start.
type blow struct {
	after  time.Duration
	client int // to kill; -1 kills the server
	down   time.Duration
}

// blows are the bad things that will happen, in their order.
func (s *settings) blows(server bool) []blow {
	r := s.random(1 << 61)
	var all []blow
	for range s.Kills {
		all = append(all, blow{after: s.moment(r), client: r.IntN(s.Processes), down: upTo(r, 200*time.Millisecond)})
	}
	if server {
		for range s.Restarts {
			all = append(all, blow{after: s.moment(r), client: -1, down: upTo(r, 300*time.Millisecond)})
		}
	}
	slices.SortFunc(all, func(a, b blow) int { return int(a.after - b.after) })
	return all
}

// moment is in the middle of the run.
func (s *settings) moment(r *rand.Rand) time.Duration { return s.For/10 + upTo(r, s.For*7/10) }

func upTo(r *rand.Rand, longest time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(longest) + 1))
}

// strike deals the blows of a run.
func (r *run) strike(ctx context.Context, began time.Time) error {
	for _, b := range r.settings.blows(r.server != nil) {
		harness.Rest(ctx, time.Until(began.Add(b.after)))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		strike := r.killClient
		if b.client < 0 {
			strike = r.killServer
		}
		if err := strike(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) killClient(ctx context.Context, b blow) error {
	p := r.clients[b.client]
	if err := p.Kill(); err != nil {
		return err
	}
	r.report.Kills++
	harness.Rest(ctx, b.down)
	return p.start(ctx)
}

func (r *run) killServer(ctx context.Context, b blow) error {
	if err := r.server.Kill(); err != nil {
		return err
	}
	harness.Rest(ctx, b.down)
	if err := r.server.Start(ctx); err != nil {
		return errors.Join(err, errors.New(r.server.Log()))
	}
	r.report.Restarts++
	return nil
}
