package allocation

import (
	"context"
	"errors"
	"slices"
)

// command is what a method of a Service asks of a unit of work. It says beforehand which products it needs: by
// SKU, or as those that an order has lines of, or as the one that owns a batch.
type command struct {
	op     string
	skus   []SKU     // sorted, each once
	orders []OrderID // whose lines it needs of the products by SKU
	order  OrderID
	batch  BatchRef

	// itself says that it reads the products by SKU itself, if it needs them at all.
	itself bool

	// places says that it only places new lines, so that a kept product will do: the store has a unique key
	// on lines, and any other answer than success makes it run again on a fresh one.
	places bool

	run func(ctx context.Context, products Repository) error
}

// name is what products are looked up by.
func (c command) name() SKU {
	if c.order != "" {
		return orderName(c.order)
	}
	return batchName(c.batch)
}

// call is a command under way, and its outcome.
type call struct {
	command
	trace    string // the caller's trace parent
	done     bool   // what follows is its outcome
	err      error
	out      bool    // it failed after it had changed something: the group goes on without it
	events   []Event // that it caused, if anybody wants to know
	panicked any
}

// concerns reports whether a call may be about to place lines of the order, or announce the batch, that another
// command looks for.
func (c *call) concerns(other command) bool {
	if other.order != "" && (c.order == other.order || slices.Contains(c.orders, other.order)) {
		return true
	}
	return other.batch != "" && c.batch == other.batch
}

// shielded runs a call so that its panic is its own caller's. A call that ends the goroutine is done, since it
// would end the next leader's too.
func (c *call) shielded(ctx context.Context, products Repository) (err error) {
	returned := false
	c.panicked = nil
	defer func() {
		if returned {
			return
		}
		if c.panicked = recover(); c.panicked == nil {
			c.done, c.out = true, true
		}
		c.err, err = errUnfinished, errUnfinished
	}()
	err = c.run(ctx, products)
	returned = true
	return err
}

// command brings a single command through, and returns what it returned.
func (q *queue) command(ctx context.Context, c command) error {
	if err := q.unit.check(ctx, c.op); err != nil {
		return err
	}
	lone := &struct { // one piece of memory
		entry
		call
		calls [1]*call
	}{entry: entry{ctx: ctx, skus: c.skus}, call: call{command: c, trace: q.unit.traceParent(ctx)}}
	e := &lone.entry
	lone.calls[0] = &lone.call
	e.calls = lone.calls[:]
	if len(c.skus) == 0 {
		e.name = c.name()
		if err := q.lookUp(e, Query{Order: c.order, Batch: c.batch}); err != nil {
			return err
		}
	}
	if err := q.pass(e, q.enter(e)); err != nil {
		return err
	}
	return q.outcome(ctx, &lone.call)
}

// lookUp finds out which products an entry needs. If it needn't wait for any, what was read serves to begin with,
// unless a commit that it has to wait for may have ended meanwhile.
func (q *queue) lookUp(e *entry, query Query) error {
	q.mu.Lock()
	q.follow(e)
	q.mu.Unlock()
	follows := len(e.skus) > 0
	query.Now, query.Limit = clean(q.unit.opts.Now()), q.unit.opts.PageSize
	states, err := q.unit.store.Load(e.ctx, query)
	if errors.Is(err, ErrConflict) && q.unit.opts.Attempts > 1 {
		return nil // the attempts will have to do with it, and wait for nobody
	}
	if err != nil {
		return storeError("Load", err)
	}
	if !q.unit.opts.LockFirst && !follows {
		e.ahead = &reading{query: query, states: states}
	}
	for _, s := range states {
		e.skus = append(e.skus, s.SKU)
	}
	slices.Sort(e.skus)
	e.skus = slices.Compact(e.skus)
	return nil
}

// outcome hands the outcome of a call to its caller.
func (q *queue) outcome(ctx context.Context, c *call) error {
	if c.panicked != nil {
		panic(c.panicked)
	}
	if len(c.events) > 0 && c.err == nil {
		q.unit.opts.Committed(ctx, c.events)
	}
	return c.err
}

// exclusively lets a caller have products to itself, among the callers of this queue.
func (q *queue) exclusively(ctx context.Context, op string, skus []SKU, fn func()) error {
	if err := q.unit.check(ctx, op); err != nil {
		return err
	}
	e := &entry{ctx: ctx, skus: skus, instead: fn}
	return q.pass(e, q.enter(e))
}
