package allocation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/internal/combine"
)

// groupCommit lets commands of a Service share a commit if they meet on a product, so that a commit serves many
// commands and callers in one process don't race each other. While a commit of a product is under way, commands for
// the product wait; the next commit takes all waiting commands. Package combine chooses leaders and followers.
type groupCommit struct {
	units   UnitOfWork // the outermost wrapper, or the unit of work itself
	unit    *unit
	wrapped bool // units is a wrapper
	queue   *combine.Queue[key, []*pending]
	cache   *productCache
	opts    ServiceOptions
	most    int // so many groups at a time
}

const (
	// maxGroups is how many groups, of different products, are under way at a time. The second group hides the round
	// trip of a commit; with many groups each group would be small (measured).
	maxGroups = 2

	// maxGroup is the most lines committed together, unless a single command has more.
	maxGroup = 512

	// patience is how long a group keeps groups of other products from beginning: between once and twice as long. The
	// patience is far above the time of a healthy commit, so that groups don't become small under load, and below a
	// delay that a buyer notices.
	patience = 50 * time.Millisecond
)

// commitGroup is a group of commands that share a unit of work.
type commitGroup struct {
	*groupCommit
	group   *combine.Group[key, []*pending]
	pending []*pending
	leading int // so many commands, the first, are the leader's

	fresh    bool         // the cache must not be used
	judged   bool         // all commands ran in the last attempt
	products *identityMap // of the last attempt
	settled  bool         // all commands have an outcome
	unitWork work         // what work returns: with the group a single heap allocation
}

// work returns the group's unit of work.
func (c *commitGroup) work() *work {
	c.unitWork = work{unit: c.unit, op: c.op(), fn: c.attempt}
	return &c.unitWork
}

// op returns the name for hooks and logs.
func (c *commitGroup) op() string {
	if len(c.pending) == 1 {
		return c.pending[0].op
	}
	return "Group"
}

// attempt runs all commands on the same products: the leader's on the leader's goroutine, and all others on another
// goroutine. A policy may end its goroutine, as t.FailNow does in a test; no innocent caller's goroutine must end
// then.
func (c *commitGroup) attempt(ctx context.Context, products Repository) error {
	c.judged, c.products = false, nil
	w := inside(ctx)
	if w == nil || w.unit != c.unit {
		return invalid(c.op(), "context", nil, "must be the one that the unit of work gave to its function")
	}
	m := w.products
	c.products, m.riders = m, nil
	if err := c.preload(ctx, m); err != nil {
		return err
	}
	for _, p := range c.pending[:c.leading] {
		if err := c.judge(ctx, m, p, p.shielded(ctx, m, products)); err != nil {
			return err
		}
	}
	if others := c.pending[c.leading:]; len(others) > 0 {
		answer := make(chan error, 1)
		go func() {
			err := errAgain // if a command ends the goroutine, the group begins again without the command
			defer func() { answer <- err }()
			for _, p := range others {
				if failure := c.judge(ctx, m, p, p.shielded(ctx, m, products)); failure != nil {
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

// shielded runs a command and deals with a refusal; a panic, or the end of the goroutine, is noted for the command's
// own caller.
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
	if err = p.needsLapsed(); err == nil {
		err = p.refused(ctx, products, p.run(ctx, products))
	}
	returned = true
	return err
}

// judge decides about the answer of a command. If a command failed after a change, the change can't be undone in the
// loaded products, so the group begins again without the command. The group also begins again to read a queue that is
// to be served: a later command of the group must not meet units that belong to those who wait.
func (c *commitGroup) judge(ctx context.Context, m *identityMap, p *pending, err error) error {
	if p.excluded {
		return nil
	}
	wrote := m.wrote()
	switch {
	case errors.Is(err, errMore), errors.Is(err, ErrConflict):
		return err
	case m.cached && (err != nil || !wrote || m.waits()):
		return errStale
	case m.isUnread():
		return errAgain
	case err != nil && len(c.pending) == 1 && asLapsed(err) == nil: // to a wrapper, lapsed holds are no error
		c.judged = true
		return err
	case err != nil && wrote:
		p.err, p.excluded = err, true
		return errAgain
	}
	p.err = err
	if p.guests != nil && err == nil && p.short == nil && wrote {
		m.riders = m.riders.board(p.op, p.guests, c.exclusion(p))
	}
	if c.unit.opts.Committed != nil && !inside(ctx).records {
		p.events = m.since()
	}
	return nil
}

// exclusion returns a function that ends the command without the others; nil if the command is alone in the group.
func (c *commitGroup) exclusion(p *pending) func(own *Error) {
	if len(c.pending) == 1 {
		return nil
	}
	return p.exclude
}

// preload reads the named products of all commands at once, except for cached products. Commands by order or by batch
// read their own products; with locks, preload reads these products as well.
func (c *commitGroup) preload(ctx context.Context, m *identityMap) error {
	lead := c.pending[0]
	if lead.ahead != nil && len(c.pending) == 1 && !c.group.Leader().Waited() && !c.unit.opts.LockFirst {
		m.ahead, m.now = lead.ahead, lead.ahead.query.Now
	}
	lead.ahead = nil // a reading serves once
	q := c.query()
	if m.locks && len(c.pending) > 1 {
		// One read locks all products in order; a later read by a command could deadlock.
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

// skus returns the products claimed by the group.
func (c *commitGroup) skus() (skus []SKU) {
	for _, key := range c.group.Keys() {
		if key.kind == ofProduct {
			skus = append(skus, SKU(key.id))
		}
	}
	slices.Sort(skus)
	return skus
}

// query asks for the named products of the commands, and for the lines of the named orders.
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

// takeCached puts cached products into the unit of work, and returns the SKUs of the query that the cache doesn't have.
// A product is taken only if all commands for the product add lines or batches; a lookup by order or batch would find
// no lines in a cached product.
func (c *commitGroup) takeCached(ctx context.Context, m *identityMap, q Query) (others []SKU) {
	unfit := c.unfit()
	take := func(sku SKU, orders []OrderID) bool {
		p, hit := c.cache.take(sku, m.now)
		hit = hit && !unfit[key{ofProduct, string(sku)}]
		if c.opts.CacheLookup != nil {
			c.opts.CacheLookup(ctx, sku, hit)
		}
		if hit {
			m.adopt(p.Product, p.expires, orders)
		}
		return hit
	}
	for _, sku := range q.SKUs {
		if !take(sku, q.Orders) {
			others = append(others, sku)
		}
	}
	for _, sku := range c.announced(q.SKUs) {
		take(sku, nil)
	}
	return others
}

// announced returns the SKUs of the group's new batches, each once, without the sorted SKUs given. There are none in a
// transaction of the host, which a repeated announcement would end by breaking a unique key.
func (c *commitGroup) announced(without []SKU) (skus []SKU) {
	if c.cache.outer != nil {
		return nil
	}
	for _, p := range c.pending {
		if p.adds && p.itself && !p.excluded {
			skus = append(skus, p.skus...)
		}
	}
	slices.Sort(skus)
	return slices.DeleteFunc(slices.Compact(skus), func(sku SKU) bool {
		_, asked := slices.BinarySearch(without, sku)
		return asked
	})
}

// unfit returns the keys of commands that do anything but add lines and batches; nil for none.
func (c *commitGroup) unfit() (unfit map[key]bool) {
	for _, w := range c.group.Members() {
		if !slices.ContainsFunc(w.Value, func(p *pending) bool { return !p.adds }) {
			continue
		}
		if unfit == nil {
			unfit = map[key]bool{}
		}
		for _, claim := range w.Claims {
			unfit[claim.Key] = true
		}
	}
	return unfit
}

// newGate returns the queue in which transactions wait for the products that they name. A gate has no groups.
func newGate() *combine.Queue[key, []*pending] {
	return combine.New[key, []*pending](nil, combine.Options{Groups: 1, Size: 1, Patience: patience})
}
