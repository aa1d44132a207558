package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// trouble is a kill of a client or of a server, at a time after the start of a run.
type trouble struct {
	after  time.Duration
	client int // to kill; -1 kills a server
	server int // to kill, of a cluster
	down   time.Duration
}

// troubles are the kills of a run, in their order.
func (s *settings) troubles(servers int) []trouble {
	r := s.random(1 << 61)
	var all []trouble
	for range s.Kills {
		all = append(all, trouble{after: s.moment(r), client: r.IntN(s.Processes), down: upTo(r, 200*time.Millisecond)})
	}
	if servers > 0 {
		for range s.Restarts {
			t := trouble{after: s.moment(r), client: -1, down: upTo(r, 300*time.Millisecond)}
			if servers > 1 {
				t.server = r.IntN(servers)
			}
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b trouble) int { return int(a.after - b.after) })
	return all
}

// moment is in the middle of the run.
func (s *settings) moment(r *rand.Rand) time.Duration { return s.For/10 + upTo(r, s.For*7/10) }

func upTo(r *rand.Rand, longest time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(longest) + 1))
}

// makeTrouble kills clients and servers, of a cluster one at a time.
func (r *run) makeTrouble(ctx context.Context, began time.Time) error {
	for _, b := range r.settings.troubles(len(r.servers)) {
		harness.Rest(ctx, time.Until(began.Add(b.after)))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		kill := r.killClient
		if b.client < 0 {
			kill = r.killServer
		}
		if err := kill(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) killClient(ctx context.Context, b trouble) error {
	p := r.clients[b.client]
	if err := p.Kill(); err != nil {
		return err
	}
	r.report.Kills++
	harness.Rest(ctx, b.down)
	return p.start(ctx)
}

func (r *run) killServer(ctx context.Context, b trouble) error {
	server := r.servers[b.server]
	if err := server.Kill(); err != nil {
		return err
	}
	harness.Rest(ctx, b.down)
	if err := server.Start(ctx); err != nil {
		return errors.Join(err, errors.New(server.Log()))
	}
	r.report.Restarts++
	return nil
}
