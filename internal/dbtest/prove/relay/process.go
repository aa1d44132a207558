package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// process is a relay and the relays that took its place after it was killed.
type process struct {
	harness.Process
	job job
}

// newProcess is a relay that has not been started. Its profile goes into a folder, "" for none.
func newProcess(j job, profiles string) *process {
	if profiles != "" {
		j.Profile = filepath.Join(profiles, fmt.Sprintf("%s-relay-%d.pprof", j.Engine, j.Relay))
	}
	return &process{Process: harness.Process{Command: commandName}, job: j}
}

// start starts the relay, again if it has run before.
func (p *process) start(ctx context.Context) error {
	p.Name, p.Job = fmt.Sprintf("relay %d, life %d", p.job.Relay, p.job.Life), p.job
	return p.Start(ctx)
}

// life is the present one.
func (p *process) life() life { return life{relay: p.job.Relay, number: p.job.Life} }

// kill kills the relay. The error is that of a relay that had ended before, which none should.
func (p *process) kill() error {
	err := p.Kill()
	p.job.Life++
	if err == nil && p.Exited() {
		return p.Failure()
	}
	return err
}

// stop lets the relay end by itself, and returns what it did.
func (p *process) stop(ctx context.Context) (a account, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*overtime)
	defer cancel()
	defer p.KillAtEnd(ctx)()
	if err := p.In.Close(); err != nil {
		return a, err
	}
	unreadable := json.NewDecoder(p.Out).Decode(&a)
	return a, errors.Join(p.Wait(ctx), unreadable)
}
