package relay

import (
	"context"
	"sync"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// patience bears a database that is away for a while, as a cluster is between two primaries. It is safe for concurrent
// use.
type patience struct {
	limit time.Duration // of a single outage

	mu       sync.Mutex
	failures int       // so far
	last     time.Time // of the last failure
}

// pause is the time between a failure and the repeat.
const pause = 50 * time.Millisecond

// repeat calls fn until fn succeeds, and returns the error of fn at the end of the context, or when fn has failed for
// longer than the limit.
func (p *patience) repeat(ctx context.Context, fn func() error) error {
	for began := time.Now(); ; harness.Rest(ctx, pause) {
		err := fn()
		if err == nil || ctx.Err() != nil || time.Since(began) > p.limit {
			return err
		}
		p.note()
	}
}

func (p *patience) note() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	p.last = time.Now()
}

// failed returns the number of failures so far, and the time of the last.
func (p *patience) failed() (failures int, last time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures, p.last
}
