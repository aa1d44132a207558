package allocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/internal/combine"
)

// groupCommit lets commands of a Service that meet on a product share a commit, so that one commit serves many of them,
// and callers in one process don't race each other. Commands for a product wait while a commit for that product is under
// way; the next commit takes all commands that wait.
type groupCommit struct {
	units   UnitOfWork // the outermost wrapper, or the unit of work itself
	unit    *unit
	wrapped bool // units is a wrapper
	queue   *combine.Queue[key, []*pending]
	cache   *productCache
	opts    ServiceOptions
}

const (
	// maxGroups is how many groups, of different products, are under way at a time. The second group hides the round
	// trip of a commit; with many, groups would be small again (measured).
	maxGroups = 2

	// maxGroup is the most lines that are committed together, unless a single command has more.
	maxGroup = 512

	// patience is how long a group keeps others, of different products, from beginning: between once and twice as long.
	// It is far above the time of a healthy commit, so that groups don't become small under load, and below what a
	// buyer notices.
	patience = 50 * time.Millisecond
)

func newGroupCommit(units UnitOfWork, u *unit, opts ServiceOptions) *groupCommit {
	g := &groupCommit{units: units, unit: u, wrapped: units != UnitOfWork(u), cache: newProductCache(opts.cacheSize(u)), opts: opts}
	g.queue = combine.New(g.commit, combine.Options{Groups: maxGroups, Size: maxGroup, Patience: patience})
	return g
}

// commitGroup is the commands that share a unit of work.
type commitGroup struct {
	*groupCommit
	group   *combine.Group[key, []*pending]
	pending []*pending
	leading int // how many of the first commands are the leader's

	fresh    bool         // cached products won't do
	judged   bool         // all commands ran in the last attempt
	products *identityMap // of the last attempt
}

// commit carries out a group, on its leader's goroutine.
func (g *groupCommit) commit(group *combine.Group[key, []*pending]) {
	ctx, end := group.Context()
	defer end()
	members := group.Members()
	c := &commitGroup{groupCommit: g, group: group, pending: members[0].Value, leading: len(members[0].Value)}
	if len(members) > 1 {
		c.pending = slices.Clip(c.pending)
		for _, w := range members[1:] {
			c.pending = append(c.pending, w.Value...)
		}
	}
	decided := false
	defer func() {
		if !decided {
			c.interrupted()
		}
	}()
	if g.opts.Group != nil {
		g.opts.Group(ctx, len(c.pending))
	}
	if w := c.work(); g.wrapped {
		c.settle(ctx, g.units.Do(w.given(ctx), c.attempt))
	} else {
		c.settle(ctx, w.run(ctx))
	}
	decided = true
}

// work is the group's unit of work.
func (c *commitGroup) work() *work {
	return &work{unit: c.unit, op: c.op(), fn: c.attempt}
}

func (c *commitGroup) op() string {
	if len(c.pending) == 1 {
		return c.pending[0].op
	}
	return "Group"
}

// attempt runs all commands on the same products: the leader's on its own goroutine, and all others on another one,
// so that a command which ends its goroutine, as t.FailNow does in a test's policy, ends no innocent caller's.
func (c *commitGroup) attempt(ctx context.Context, products Repository) error {
	m := inside(ctx).products
	c.judged, c.products = false, m
	if err := c.preload(ctx, m); err != nil {
		return err
	}
	for _, p := range c.pending[:c.leading] {
		if err := c.judge(ctx, m, products, p, p.shielded(ctx, m, products)); err != nil {
			return err
		}
	}
	if others := c.pending[c.leading:]; len(others) > 0 {
		answer := make(chan error, 1)
		go func() {
			err := errAgain // if a command ends the goroutine, the group begins again without it
			defer func() { answer <- err }()
			for _, p := range others {
				if failure := c.judge(ctx, m, products, p, p.shielded(ctx, m, products)); failure != nil {
					err = failure
					return
				}
			}
			err = nil
		}()
		if err := <-answer; err != nil {
			return err
		}
	}
	c.judged = true
	return nil
}

// shielded runs a command so that its panic, or the end of its goroutine, is its own caller's.
func (p *pending) shielded(ctx context.Context, m *identityMap, products Repository) (err error) {
	if p.excluded {
		return nil
	}
	m.begin(p.trace)
	returned := false
	p.panicked = nil
	defer func() {
		if returned {
			return
		}
		if p.panicked = recover(); p.panicked == nil {
			p.exited, p.done, p.excluded = true, true, true
		}
		p.err, err = errUnfinished, errUnfinished
	}()
	err = p.run(ctx, products)
	returned = true
	return err
}

// judge decides what becomes of a command that returned an error, or none. What the command changed before it failed can't
// be undone here, so the group begins again without it.
func (c *commitGroup) judge(ctx context.Context, m *identityMap, products Repository, p *pending, err error) error {
	if p.excluded {
		return nil
	}
	if err = p.refused(ctx, products, err); errors.Is(err, errMore) || errors.Is(err, ErrConflict) {
		return err
	}
	wrote := m.wrote()
	switch {
	case m.cached && (err != nil || !wrote):
		return errStale
	case err != nil && len(c.pending) == 1:
		c.judged = true
		return err
	case err != nil && wrote:
		p.err, p.excluded = err, true
		return errAgain
	}
	p.err = err
	if c.unit.opts.Committed != nil {
		p.events = m.since()
	}
	return nil
}

// preload reads the products that commands name, all at once, but for those that are cached. Commands that name an order
// or a batch read their products themselves; with locks, those are read here as well.
func (c *commitGroup) preload(ctx context.Context, m *identityMap) error {
	lead := c.pending[0]
	if lead.ahead != nil && len(c.pending) == 1 && !c.group.Leader().Waited() && !c.unit.opts.LockFirst {
		m.ahead, m.now = lead.ahead, lead.ahead.query.Now
	}
	lead.ahead = nil // what was read serves once
	q := c.query()
	if m.locks && len(c.pending) > 1 {
		// All of them at once, and so in order: a product that a command looks up by itself later could deadlock.
		q.SKUs = c.skus()
	}
	if !c.fresh {
		c.fresh = true // once is enough
		q.SKUs = c.takeCached(ctx, m, q)
	}
	if len(q.SKUs) == 0 {
		return nil
	}
	_, err := m.load(ctx, q)
	return err
}

// skus lists the products that the group has to itself.
func (c *commitGroup) skus() (skus []SKU) {
	for _, key := range c.group.Keys() {
		if key.sku != "" {
			skus = append(skus, key.sku)
		}
	}
	slices.Sort(skus)
	return skus
}

// query asks for the products that commands name, and for the lines of their orders.
func (c *commitGroup) query() Query {
	if p := c.pending[0]; len(c.pending) == 1 && !p.itself {
		return Query{SKUs: p.skus, Orders: p.orders}
	}
	var q Query
	for _, p := range c.pending {
		if !p.excluded && !p.itself {
			q.SKUs, q.Orders = append(q.SKUs, p.skus...), append(q.Orders, p.orders...)
		}
	}
	slices.Sort(q.SKUs)
	slices.Sort(q.Orders)
	q.SKUs, q.Orders = slices.Compact(q.SKUs), slices.Compact(q.Orders)
	return q
}

// takeCached puts cached products into the unit of work, and returns the SKUs of the others. A product is only taken if
// all its commands place lines; those that look it up by order or batch would find nothing there.
func (c *commitGroup) takeCached(ctx context.Context, m *identityMap, q Query) (others []SKU) {
	unfit := c.unfit()
	for _, sku := range q.SKUs {
		p, hit := c.cache.take(sku, m.now)
		hit = hit && !unfit[sku]
		if c.opts.CacheLookup != nil {
			c.opts.CacheLookup(ctx, sku, hit)
		}
		if hit {
			m.adopt(p.Product, p.expires, q.Orders)
		} else {
			others = append(others, sku)
		}
	}
	return others
}

// unfit are the products of commands that do anything else than place lines; nil if there are none.
func (c *commitGroup) unfit() (unfit map[SKU]bool) {
	for _, w := range c.group.Members() {
		if !slices.ContainsFunc(w.Value, func(p *pending) bool { return !p.places }) {
			continue
		}
		if unfit == nil {
			unfit = map[SKU]bool{}
		}
		for _, claim := range w.Claims {
			unfit[claim.Key.sku] = true
		}
	}
	return unfit
}

// settle gives every command its outcome after the group's.
func (c *commitGroup) settle(ctx context.Context, err error) {
	switch {
	case err == nil:
		c.cache.put(c.products.products)
	case len(c.pending) > 1 && c.judged && !concernsAll(err):
		c.apart(ctx)
		return
	}
	for i, p := range c.pending {
		if err != nil && !p.excluded {
			p.err, p.events = err, nil
			if i < c.leading {
				p.err = c.ownError(p.op, err)
			}
			if !c.judged {
				p.short = nil // of an earlier attempt
			}
		}
		p.done = true
	}
}

// ownError is what the leader gets for an error of the group's context, which ends in another way than the leader's own.
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

// concernsAll reports whether an error says nothing about any one command.
func concernsAll(err error) bool {
	for _, outcome := range []error{ErrConflict, ErrUnknownOutcome, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, outcome) {
			return true
		}
	}
	return false
}

// apart runs each command by itself, because the store refused what they did together and can't say whose fault that is.
func (c *commitGroup) apart(ctx context.Context) {
	for i, p := range c.pending {
		if p.excluded || p.panicked != nil {
			p.done = true
			continue
		}
		one := &commitGroup{groupCommit: c.groupCommit, group: c.group, pending: []*pending{p}, fresh: true}
		if i < c.leading {
			one.leading = 1
		}
		if w := one.work(); c.wrapped {
			one.settle(ctx, c.units.Do(w.given(ctx), one.attempt))
		} else {
			one.settle(ctx, w.run(ctx))
		}
	}
}

// interrupted decides what became of the commands when something ended the leader's goroutine. Members whose commands
// are undecided wait again.
func (c *commitGroup) interrupted() {
	if m := c.products; m != nil && m.begun {
		for _, p := range c.pending {
			if !m.written && !p.excluded && !p.done {
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
