package allocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// group is the calls that share a unit of work.
type group struct {
	queue   *queue
	entries []*entry // the leader's first
	calls   []*call
	skus    []SKU
	leader  [1]*entry // where entries begins

	live   int // entries whose callers still wait; guarded by the queue's mutex, as is cancel
	cancel context.CancelFunc

	fresh    bool         // kept products won't do
	judged   bool         // all calls ran in the last attempt
	products *identityMap // of the last attempt
	over     bool         // all calls have their outcome
	written  []*Product   // as they were committed
}

// run brings all calls of the group to their outcome.
func (g *group) run() {
	ctx, end := g.context()
	defer end()
	g.settle(ctx, g.commit(ctx))
	g.over = true
}

// commit runs all calls in one unit of work.
func (g *group) commit(ctx context.Context) error {
	w := &work{unit: g.queue.unit, op: g.op(), fn: g.attempt}
	_, err := w.run(ctx)
	return err
}

// settle gives every call its outcome after the group's.
func (g *group) settle(ctx context.Context, err error) {
	switch {
	case err == nil:
		g.written = g.products.products
	case len(g.calls) > 1 && g.judged && !concernsAll(err):
		g.apart(ctx)
		return
	case !g.judged:
		err = &undecidedError{err}
	}
	for _, c := range g.calls {
		if err != nil && !c.out {
			c.err, c.events = err, nil
		}
		c.done = true
	}
}

// concernsAll reports whether an error says nothing about any one call.
func concernsAll(err error) bool {
	for _, outcome := range []error{ErrConflict, ErrUnknownOutcome, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, outcome) {
			return true
		}
	}
	return false
}

// apart runs each call by itself, because the store refused what they did together and can't say whose fault
// that is.
func (g *group) apart(ctx context.Context) {
	for _, c := range g.calls {
		if c.out || c.panicked != nil {
			c.done = true
			continue
		}
		one := &group{queue: g.queue, entries: g.entries, calls: []*call{c}, skus: c.skus, fresh: true}
		one.settle(ctx, one.commit(ctx))
	}
}

// interrupted decides what became of the calls when something ended the leader's goroutine.
func (g *group) interrupted() {
	m := g.products
	if m == nil || !m.begun {
		return
	}
	for _, c := range g.calls {
		if !m.written && !c.out && !c.done {
			c.err, c.events = fmt.Errorf("%w: %w", ErrUnknownOutcome, errUnfinished), nil
		}
		c.done = true
	}
}

func (g *group) op() string {
	if len(g.calls) == 1 {
		return g.calls[0].op
	}
	return "Group"
}

// context is the caller's own if there is one caller. Else it has the leader's values, and ends when every caller
// has left, so that nobody takes the commit away from the others.
func (g *group) context() (ctx context.Context, end func()) {
	lead := g.entries[0].ctx
	if len(g.entries) == 1 {
		return lead, func() {}
	}
	q := g.queue
	ctx, cancel := context.WithCancel(context.WithoutCancel(lead))
	q.mu.Lock()
	g.cancel = cancel
	q.mu.Unlock()
	stop := context.AfterFunc(lead, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		g.leave()
	})
	return ctx, func() { stop(); cancel() }
}

// leave counts a caller out. The queue's mutex is held.
func (g *group) leave() {
	if g.live--; g.live == 0 && g.cancel != nil {
		g.cancel()
	}
}

// attempt runs all calls on the same products.
func (g *group) attempt(ctx context.Context, products Repository) error {
	m, _ := products.(*identityMap) // a unit of work of our own has no other
	g.judged, g.products = false, m
	if err := g.preload(ctx, m); err != nil {
		return err
	}
	for _, c := range g.calls {
		if c.out {
			continue
		}
		if err := g.judge(ctx, m, c); err != nil {
			return err
		}
	}
	g.judged = true
	return nil
}

// judge runs one call. What it changed before it failed can't be undone here, so the group begins again without it.
func (g *group) judge(ctx context.Context, m *identityMap, c *call) error {
	m.mark(c.trace)
	err := c.shielded(ctx, m)
	wrote := m.wrote()
	switch {
	case errors.Is(err, errMore), errors.Is(err, ErrConflict):
		return err
	case m.kept && (err != nil || !wrote):
		return errStale
	case err != nil && len(g.calls) == 1:
		g.judged = true
		return err
	case err != nil && wrote:
		c.err, c.out = err, true
		return errAgain
	}
	c.err = err
	if g.queue.unit.opts.Committed != nil {
		c.events = m.since()
	}
	return nil
}

// preload reads the products that calls name, all at once, but for those that are kept. Calls that name an order
// or a batch read their products themselves; with locks, those are read here as well.
func (g *group) preload(ctx context.Context, m *identityMap) error {
	if first := g.entries[0]; first.ahead != nil {
		if len(g.entries) == 1 {
			m.ahead, m.now = first.ahead, first.ahead.query.Now
		}
		first.ahead = nil
	}
	q := g.query()
	if m.locks && len(g.calls) > 1 {
		// All of them at once, and so in order: one that a call looks up by itself later could close a circle.
		q.SKUs = slices.Sorted(slices.Values(withoutNames(g.skus)))
	}
	if !g.fresh {
		g.fresh = true // once is enough
		q.SKUs = g.takeKept(m, q.SKUs)
	}
	if len(q.SKUs) == 0 {
		return nil
	}
	_, err := m.load(ctx, q)
	return err
}

func (g *group) query() Query {
	if c := g.calls[0]; len(g.calls) == 1 && !c.itself {
		return Query{SKUs: c.skus, Orders: c.orders}
	}
	var q Query
	for _, c := range g.calls {
		if !c.out && !c.itself {
			q.SKUs, q.Orders = append(q.SKUs, c.skus...), append(q.Orders, c.orders...)
		}
	}
	slices.Sort(q.SKUs)
	slices.Sort(q.Orders)
	q.SKUs, q.Orders = slices.Compact(q.SKUs), slices.Compact(q.Orders)
	return q
}

// takeKept puts kept products into the unit of work, and returns the SKUs of the others. A product is only taken
// if all its calls place lines; those who look it up by order or batch would find nothing there.
func (g *group) takeKept(m *identityMap, skus []SKU) (others []SKU) {
	unfit := g.unfit()
	for _, sku := range skus {
		p := g.queue.kept.take(sku, m.now)
		if p == nil || unfit[sku] {
			others = append(others, sku)
			continue
		}
		m.adopt(p)
	}
	return others
}

// unfit are the products of calls that do anything else than place lines.
func (g *group) unfit() map[SKU]bool {
	unfit := map[SKU]bool{}
	for _, e := range g.entries {
		for _, c := range e.calls {
			if c.places {
				continue
			}
			for _, sku := range e.skus {
				unfit[sku] = true
			}
		}
	}
	return unfit
}
