package relay

import (
	"context"
	"sync"
	"time"
)

// trap catches a relay that has sent something: it gets no receipt until it is let go, which is when it is dead.
type trap struct {
	caught, free chan struct{}
	once         sync.Once
}

// set sets a trap.
func (c *counter) set(l life) *trap {
	t := &trap{caught: make(chan struct{}), free: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traps[l] = t
	return t
}

// await returns when a relay has been caught, or nobody wants to wait any longer.
func (t *trap) await(ctx context.Context, longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-t.caught:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hold keeps a relay in its trap, if there is one.
func (c *counter) hold(l life) {
	c.mu.Lock()
	t := c.traps[l]
	c.mu.Unlock()
	if t != nil {
		t.once.Do(func() { close(t.caught) })
		<-t.free
	}
}
