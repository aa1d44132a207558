package allocation

import (
	"context"
	"errors"
)

// concernsAll reports whether an error concerns the group and no single command.
func concernsAll(err error) bool {
	for _, outcome := range []error{ErrConflict, ErrUnknownOutcome, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, outcome) {
			return true
		}
	}
	return false
}

// apart runs each command as a unit of work of its own, because the store refused the group's commit and can't say
// which command is at fault.
func (c *commitGroup) apart(ctx context.Context) {
	c.products = nil // nothing of the group was committed
	for i, p := range c.pending {
		if p.exited || p.panicked != nil {
			p.done = true
			continue
		}
		p.reset()
		p.ahead = nil // outdated by now
		one := &commitGroup{groupCommit: c.groupCommit, group: c.group, pending: []*pending{p}, fresh: true}
		if i < c.leading {
			one.leading = 1
		}
		one.alone(ctx)
	}
}

// alone runs the group of a single command.
func (c *commitGroup) alone(ctx context.Context) {
	defer c.interrupted()
	if w := c.work(); c.wrapped {
		c.settle(ctx, c.units.Do(w.given(ctx), c.attempt))
	} else {
		c.settle(ctx, w.run(ctx))
	}
	c.settled = true
}
