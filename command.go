package allocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/cosmic-go/allocation/internal/combine"
)

// command is a use case of a Service, to be run in a unit of work. A command names the needed
// products beforehand: by SKU, or as the products with lines of an order, or as the owner of a batch.
type command struct {
	op     string
	lines  int       // number of lines, 0 if unknown before the read
	skus   []SKU     // sorted, each once
	orders []OrderID // orders whose lines are needed with skus; sorted, each once
	order  OrderID   // "", or the products with lines of the order are needed
	to     OrderID   // "", or the order that gets the lines of order
	batch  BatchRef  // "", or the owner of the batch is needed
	part   BatchRef  // "", or the batch that the command splits off batch

	// itself says that run reads the products in skus, unless they are cached; the group need not read them.
	itself bool

	// adds says that the command only adds new lines, none with a LineID, or a new batch. Then a cached
	// product is good enough: the store has unique keys on lines and batches, and after any answer but
	// success the command runs again on a fresh read.
	adds bool

	run func(ctx context.Context, products Repository) error

	guests *guests // nil for none

	later *[]Event // where the events go if the caller calls Committed; nil for a call by the unit of work

	short    *OutOfStockError // the refusal of the last run, nil if there was none
	clearing *clearing        // of lapsed holds for the command, nil if none were needed
}

// key is a product, order or batch that commands wait for.
type key struct {
	kind kind
	id   string // a SKU, OrderID or BatchRef
}

// kind says which identifier a key has.
type kind uint8

const (
	ofProduct kind = iota
	ofOrder
	ofBatch
)

// claim says that a command touches a key, alone or shared with other commands.
type claim = combine.Claim[key]

// appendClaims appends the keys of the command. A lookup by order or batch waits for commands that
// may create the order's lines or the batch, and those commands wait for earlier lookups; otherwise a
// Cancel could overtake the Allocate to be undone. Commands that name their products share their
// orders, since they don't conflict. Claims on orders and batches are firm: no command overtakes
// another of the same order or batch. Orders and batches are quiet keys, because lookups are rare.
func (c *command) appendClaims(claims []claim) []claim {
	for _, sku := range c.skus {
		claims = append(claims, claim{Key: key{ofProduct, string(sku)}})
	}
	for _, order := range c.orders {
		claims = append(claims, claim{Key: key{ofOrder, string(order)}, Shared: true, Firm: true, Quiet: true})
	}
	if c.order != "" {
		claims = append(claims, claim{Key: key{ofOrder, string(c.order)}, Firm: true, Quiet: true})
	}
	if c.to != "" {
		claims = append(claims, claim{Key: key{ofOrder, string(c.to)}, Firm: true, Quiet: true})
	}
	if c.batch != "" {
		claims = append(claims, claim{Key: key{ofBatch, string(c.batch)}, Firm: true, Quiet: true})
	}
	if c.part != "" {
		claims = append(claims, claim{Key: key{ofBatch, string(c.part)}, Firm: true, Quiet: true})
	}
	return claims
}

// size is the command's part of the size of a group.
func (c *command) size() int { return max(1, c.lines, len(c.skus)) }

// decide runs the command in a unit of work of its own.
func (c *command) decide(ctx context.Context, products Repository) error {
	err := c.refused(ctx, products, c.run(ctx, products))
	if w := inside(ctx); c.guests != nil && w != nil {
		m := w.products
		if m.riders = nil; err == nil && c.short == nil && m.wrote() {
			m.riders = (*riders)(nil).board(c.op, c.guests, nil)
		}
	}
	return err
}

// refused looks for a refusal among the errors of the command. To the unit of work a refusal is no
// error, since the event has to be committed (R10). A refusal based on cached products has to be
// confirmed on a fresh read.
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

// answer returns the caller's error for the outcome of the unit of work. A refusal stays the answer;
// if the event couldn't be committed, both errors are joined.
func (c *command) answer(err error) error {
	if c.guests != nil {
		if own := asGuestFailed(err); own != nil {
			err = own
		}
	}
	switch {
	case c.short == nil:
		return err
	case err == nil:
		return c.short
	}
	return errors.Join(c.short, err)
}

// pending is a command under way, with its outcome.
type pending struct {
	command
	trace    string   // the caller's trace parent
	ahead    *reading // the lookup of the command's products
	excluded bool     // the group goes on without the command, which failed after a change or exited
	exited   bool     // the policy or a hook ended the goroutine
	done     bool     // the outcome below is final

	err      error
	events   []Event // recorded by the command, for Committed
	panicked any

	// behind are the orders of the same bulk that are judged before, on the same products. Their groups have
	// ended, or the group is the same.
	behind []*pending
}

// needsLapsed returns the error of an earlier order that has to wait until lapsed holds are cleared, nil for none.
func (p *pending) needsLapsed() error {
	for _, earlier := range p.behind {
		if need := asLapsed(earlier.err); need != nil {
			return need
		}
	}
	return nil
}

// exclude ends the command with an error of its own. An earlier error stays.
func (p *pending) exclude(own *Error) {
	if !p.excluded {
		p.err, p.events, p.excluded = own, nil, true
	}
}

// reset forgets what a group made of the command, so that another group can carry it out.
func (p *pending) reset() {
	p.err, p.short, p.events, p.panicked, p.excluded = nil, nil, nil, nil, false
}

// waiter is a caller in the queue, with a single command or with the commands of a chunk of a bulk.
type waiter = combine.Waiter[key, []*pending]

// find returns the lookup of a command by order, by two orders, or by batch. If the command needn't wait after the
// lookup, the readings serve the command as well.
func (p *pending) find(u *unit) func(ctx context.Context) ([]claim, error) {
	return func(ctx context.Context) ([]claim, error) {
		query := Query{Order: p.order, Batch: p.batch, Now: clean(u.opts.Now()), Limit: u.opts.PageSize}
		if p.to == "" {
			return p.lookUp(ctx, u, query, nil)
		}
		query.Orders = []OrderID{p.to}
		claims, err := p.lookUp(ctx, u, query, nil)
		if err != nil {
			return nil, err
		}
		query.Order, query.Orders = p.to, []OrderID{p.order}
		return p.lookUp(ctx, u, query, claims)
	}
}

// lookUp reads ahead, and adds a claim on each product that was found to the claims.
func (p *pending) lookUp(ctx context.Context, u *unit, query Query, claims []claim) ([]claim, error) {
	states, err := u.store.Load(ctx, query)
	if errors.Is(err, ErrConflict) && u.opts.Attempts > 1 {
		states, err = u.store.Load(ctx, query) // the connection may have been lost
	}
	if errors.Is(err, ErrConflict) && u.opts.Attempts > 1 {
		return claims, nil // without further claims; the attempts will retry the read
	}
	if err != nil {
		return nil, storeError("Load", err)
	}
	p.ahead = &reading{query: query, states: states, next: p.ahead}
	claims = slices.Grow(claims, len(states))
	for _, s := range states {
		if found := (claim{Key: key{ofProduct, string(s.SKU)}}); !slices.Contains(claims, found) {
			claims = append(claims, found)
		}
	}
	return claims, nil
}

// leftError returns the answer for a caller whose context ended before the command was decided. Other errors, and nil,
// are returned unchanged.
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

// leftWhileCommitting returns the answer for a caller whose context ended during the commit.
func leftWhileCommitting(op string, ended error) error {
	return &Error{
		Op: op, Field: "context", Value: "ended while the commit was under way",
		Err: fmt.Errorf("%w: %w", ErrUnknownOutcome, ended),
	}
}

// outcome ends the call, on the caller's goroutine: with the panic, exit or answer of the command.
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

// byKey compares claims.
func byKey(a, b claim) int {
	return cmp.Or(cmp.Compare(a.Key.kind, b.Key.kind), cmp.Compare(a.Key.id, b.Key.id))
}
