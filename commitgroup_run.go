package allocation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation/internal/combine"
)

func newGroupCommit(units UnitOfWork, u *unit, opts ServiceOptions, cache *productCache, most int) *groupCommit {
	g := &groupCommit{units: units, unit: u, wrapped: units != UnitOfWork(u), opts: opts, cache: cache, most: most}
	g.queue = combine.New(g.commit, combine.Options{Groups: g.most, Size: maxGroup, Patience: patience})
	return g
}

// commit carries out a group, on the goroutine of the leader.
func (g *groupCommit) commit(group *combine.Group[key, []*pending]) {
	ctx, end := group.Context()
	defer end()
	members := group.Members()
	c := &commitGroup{groupCommit: g, group: group, pending: undecided(members[0].Value)}
	c.leading = len(c.pending)
	if len(members) > 1 {
		c.pending = slices.Clip(c.pending)
		for _, w := range members[1:] {
			c.pending = append(c.pending, undecided(w.Value)...)
		}
	}
	defer c.interrupted()
	if g.opts.Group != nil {
		g.opts.Group(ctx, len(c.pending))
	}
	if w := c.work(); g.wrapped {
		c.settle(ctx, g.units.Do(w.given(ctx), c.attempt))
	} else {
		c.settle(ctx, w.run(ctx))
	}
	c.settled = true
}

// undecided returns the commands without an outcome. Commands that an interrupted group judged before it ended begin
// anew.
func undecided(commands []*pending) []*pending {
	decided := false
	for _, p := range commands {
		if decided = decided || p.done; !p.done {
			p.reset()
		}
	}
	if decided {
		commands = slices.DeleteFunc(slices.Clone(commands), func(p *pending) bool { return p.done })
	}
	return commands
}

// settle gives every command an outcome, after the outcome of the group.
func (c *commitGroup) settle(ctx context.Context, err error) {
	m := c.products
	if err == nil && (!c.judged || m.begun && !m.written) {
		err = c.misled()
	}
	switch {
	case err == nil:
		c.cache.put(m.products)
	case len(c.pending) > 1 && c.judged && !m.written && !concernsAll(err):
		c.apart(ctx)
		return
	}
	for i, p := range c.pending {
		if err != nil { // every answer may rest on the changes of other commands
			p.err, p.events = err, nil
			if !c.judged {
				p.short = nil // of an earlier attempt
			}
		}
		if i < c.leading { // also if only this command failed
			p.err = c.ownError(p.op, p.err)
		}
		p.done = true
	}
}

// misled returns the error for a wrapper that returned nil although not all commands ran and were committed.
func (c *commitGroup) misled() error {
	err := invalid(c.op(), "unit of work", fmt.Sprintf("%T", c.units), "must not return nil unless it has succeeded")
	if c.products != nil && c.products.begun {
		err = fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return err
}

// ownError returns the leader's error if the group's context ended: the group's context may end in another way than
// the leader's own.
func (c *commitGroup) ownError(op string, err error) error {
	own := c.group.LeaderErr()
	switch {
	case own == nil || errors.Is(err, own) || !errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, ErrUnknownOutcome):
		return leftWhileCommitting(op, own)
	}
	return own
}

// interrupted decides about the commands if the leader's goroutine ends before all are settled. Members with
// undecided commands wait again.
func (c *commitGroup) interrupted() {
	if c.settled {
		return
	}
	if m := c.products; m != nil && m.begun {
		for _, p := range c.pending {
			if !m.written && !p.done {
				p.err, p.events = fmt.Errorf("%w: %w", ErrUnknownOutcome, errUnfinished), nil
			}
			p.done = true
		}
	}
	for _, w := range c.group.Members() {
		if !slices.ContainsFunc(w.Value, func(p *pending) bool { return !p.done }) {
			c.group.Settle(w)
		}
	}
}

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
