package allocation

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/cosmic-go/allocation/internal/combine"
)

// command is what a method of a Service asks of a unit of work. A command says beforehand which products it needs: by
// SKU, or as those that an order has lines of, or as the one that owns a batch.
type command struct {
	op     string
	lines  int       // how many lines it names, 0 if the store has to say which
	skus   []SKU     // sorted, each once
	orders []OrderID // whose lines it needs of the products by SKU; sorted, each once
	order  OrderID
	batch  BatchRef

	// itself says that the command reads the products by SKU itself, if it needs them at all.
	itself bool

	// places says that the command only places new lines, so that a cached product will do: the store has a unique
	// key on lines, and after any other answer than success the command runs again on a fresh read.
	places bool

	run func(ctx context.Context, products Repository) error

	short *OutOfStockError // the refusal of the last run, nil if there was none
}

// key is what commands wait for each other on: exactly one of its fields is set.
type key struct {
	sku   SKU
	order OrderID
	batch BatchRef
}

// claim says that a command touches a key.
type claim = combine.Claim[key]

// appendClaims appends the keys of the command. A lookup by order or batch waits for commands that may create that order
// or batch, and they wait for earlier lookups; otherwise a Cancel could overtake the Allocate that it is meant to undo.
// Commands that name their products share their orders, since those don't conflict with each other.
func (c *command) appendClaims(claims []claim) []claim {
	for _, sku := range c.skus {
		claims = append(claims, claim{Key: key{sku: sku}})
	}
	for _, order := range c.orders {
		claims = append(claims, claim{Key: key{order: order}, Shared: true})
	}
	if c.order != "" {
		claims = append(claims, claim{Key: key{order: c.order}})
	}
	if c.batch != "" {
		claims = append(claims, claim{Key: key{batch: c.batch}})
	}
	return claims
}

// size is how much of a group the command takes.
func (c *command) size() int { return max(1, c.lines, len(c.skus)) }

// decide runs the command in a unit of work of its own.
func (c *command) decide(ctx context.Context, products Repository) error {
	return c.refused(ctx, products, c.run(ctx, products))
}

// refused deals with a refusal among the errors of the command: it is no error to the unit of work, since its event has
// to be committed (R10). A refusal that rests on cached products has to be found again on fresh ones.
func (c *command) refused(ctx context.Context, products Repository, err error) error {
	c.short = nil
	if err == nil || !errors.As(err, &c.short) {
		return err
	}
	if w := inside(ctx); w != nil && w.products.cached {
		return errStale
	}
	var last SKU
	for _, s := range c.short.Shortages {
		if s.SKU == last {
			continue
		}
		p, err := products.Get(ctx, s.SKU)
		if err != nil {
			return err
		}
		p.refuse(products.Now(), c.short.Shortages)
		last = s.SKU
	}
	return nil
}

// answer is the error that the caller gets for the outcome of the unit of work: a refusal, which says so if its event
// couldn't be committed, or the error.
func (c *command) answer(err error) error {
	switch {
	case c.short == nil:
		return err
	case err == nil:
		return c.short
	}
	return errors.Join(c.short, err)
}

// pending is a command under way, and its outcome.
type pending struct {
	command
	trace    string // the caller's trace parent
	done     bool   // what follows is its outcome
	err      error
	excluded bool    // it failed after it had changed something: the group goes on without it
	events   []Event // which it caused, if Committed wants to know
	panicked any
	exited   bool     // it ended its goroutine
	ahead    *reading // what was read to find the command's products
}

// waiter is a caller in the queue, with its commands: a single one, or those of a chunk of a bulk.
type waiter = combine.Waiter[key, []*pending]

// find looks up which products a command by order or batch needs. What it reads serves the command to begin with, unless
// the command has to wait afterwards.
func (p *pending) find(u *unit) func(ctx context.Context) ([]claim, error) {
	return func(ctx context.Context) ([]claim, error) {
		query := Query{Order: p.order, Batch: p.batch, Now: clean(u.opts.Now()), Limit: u.opts.PageSize}
		states, err := u.store.Load(ctx, query)
		if errors.Is(err, ErrConflict) && u.opts.Attempts > 1 {
			return nil, nil // the attempts will have to do with it, and wait for nobody
		}
		if err != nil {
			return nil, storeError("Load", err)
		}
		p.ahead = &reading{query: query, states: states}
		claims := make([]claim, len(states))
		for i, s := range states {
			claims[i].Key.sku = s.SKU
		}
		return claims, nil
	}
}

// leftError is the answer to a caller whose context ended before its command was decided.
func leftError(op string, err error) error {
	var left *combine.LeftError
	switch {
	case !errors.As(err, &left):
		return err
	case left.Running:
		return leftWhileCommitting(op, left.Err)
	}
	return left.Err
}

func leftWhileCommitting(op string, ended error) error {
	return &Error{
		Op: op, Field: "context", Value: "ended while the commit was under way",
		Err: fmt.Errorf("%w: %w", ErrUnknownOutcome, ended),
	}
}

// outcome hands the outcome to the command's caller, on the caller's goroutine.
func (p *pending) outcome(ctx context.Context, u *unit) error {
	switch {
	case p.panicked != nil:
		panic(p.panicked)
	case p.exited:
		runtime.Goexit()
	case len(p.events) > 0 && p.err == nil:
		u.opts.Committed(ctx, p.events)
	}
	return p.answer(p.err)
}
