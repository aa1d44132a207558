package allocation

import (
	"context"
	"slices"

	"github.com/cosmic-go/allocation/internal/combine"
)

// Service is the library's interface for a host: one method for each use case. Each call is one unit
// of work that either does everything that the comment says, or returns an error and leaves every
// product as before. A Service is safe for concurrent use.
//
// Every method validates the arguments before anything is read ([ErrInvalid]), and returns
// [ErrNotFound] for a SKU, batch or order unknown to the store. Every method may be repeated after an
// [ErrUnknownOutcome], a lost connection or a crash; the comment says how the repeat answers if the
// first call went through. A repeat is the same call before any other command on the line or batch: a
// line cancelled in between, for example, can be allocated anew.
//
// Commands of one Service that meet on a product are committed together, as a group, unless
// [ServiceOptions].NoGroupCommit is set; each command gets its own answer. A caller whose context
// ends while the command waits leaves at once. If the command is already part of a running commit,
// the caller gets ErrUnknownOutcome and the commit continues, before any later command for the
// products or the order. One caller, the leader, performs the commit for the group and waits for the
// outcome even if the leader's context ends, unless every other caller has left. The store is called
// with the values of the leader's context. Policies and hooks of a unit of work must not call the
// Service for the same products, which would deadlock; [UnitOfWorkOptions].Committed may.
type Service struct {
	units  UnitOfWork
	policy Policy
	heard  func(ctx context.Context, op string) (context.Context, func(err error)) // the hook Command, or nil
	groups *groupCommit                                                            // nil without group commit
	guests *guests                                                                 // nil for none

	// gate is where transactions of Transact wait for the products that they name; nil inside a transaction and over a
	// host's own unit of work.
	gate *combine.Queue[key, []*pending]
}

// New returns a Service over a unit of work, usually [NewUnitOfWork] over a store. The options may be
// nil.
//
// New reads nothing. New returns an [*Error] that wraps [ErrInvalid] if the unit of work is nil, if
// NewUnitOfWork was given a nil store or options that can't be honoured, or if the options of the
// Service can't be honoured.
func New(units UnitOfWork, opts *ServiceOptions) (*Service, error) {
	if opts == nil {
		opts = &ServiceOptions{}
	}
	if err := opts.check(units); err != nil {
		return nil, err
	}
	s := &Service{units: units, policy: opts.Policy, heard: opts.Command}
	u := ownUnit(units)
	if u != nil && opts.Policy != nil {
		u.policy.CompareAndSwap(nil, &opts.Policy)
	}
	if u != nil && !u.joined {
		s.gate = newGate()
		if !opts.NoGroupCommit {
			s.groups = newGroupCommit(units, u, *opts, newProductCache(opts.cacheSize(u)), maxGroups)
		}
	}
	return s, nil
}

// check refuses settings that a Service over the unit of work would have to ignore.
func (o *ServiceOptions) check(units UnitOfWork) error {
	own := ownUnit(units)
	library := own != nil
	if library && own.mistake != nil {
		return own.mistake
	}
	joined := library && own.joined
	groups := func(set bool, field string, value any) []mistake {
		return []mistake{
			{set && o.NoGroupCommit, field, value, "must not be set with NoGroupCommit"},
			{set && !library, field, value, "needs a unit of work of NewUnitOfWork, or a wrapper with Unwrap"},
			{set && joined, field, value, "must not be set inside a host's transaction"},
		}
	}
	return firstMistake("New", slices.Concat(
		[]mistake{{units == nil, "unit of work", nil, "must not be nil"}},
		groups(o.CacheSize > 0, "CacheSize", o.CacheSize),
		groups(o.Group != nil, "Group", nil),
		groups(o.CacheLookup != nil, "CacheLookup", nil),
		[]mistake{
			{o.CacheSize > 0 && own.locksFirst(), "CacheSize", o.CacheSize, "must not be set with LockFirst"},
			{o.CacheLookup != nil && (o.CacheSize < 0 || own.locksFirst()), "CacheLookup", nil, "needs the cache"},
		},
	))
}

// WithPolicy returns a Service with another policy, for a single call or for many. Groups and cache
// are shared with s.
func (s *Service) WithPolicy(policy Policy) *Service {
	other := *s
	other.policy = policy
	return &other
}

// do runs one command, on the caller's goroutine or on the goroutine of a leader. As long as the command needs
// further lapsed holds, do clears holds by commands of their own and runs the command again, so that other callers
// can go in between. Unless do returns nil, the command may still be running, and nobody may read the results.
func (s *Service) do(ctx context.Context, c command) (err error) {
	if err := s.seatGuests(&c); err != nil {
		return err
	}
	if s.heard != nil && ctx != nil && c.clearing == nil {
		var end func(error)
		if ctx, end = s.begin(ctx, c.op); end != nil {
			err = errUnfinished // stays if the command panics or ends the goroutine
			defer func() { end(err) }()
		}
	}
	if s.groups == nil {
		return s.doAlone(ctx, c)
	}
	u := s.groups.unit
	if err := u.check(ctx, c.op); err != nil {
		return err
	}
	lone := &struct { // a single heap allocation
		waiter
		pending
		list   [1]*pending
		claims [2]claim
	}{}
	p, w := &lone.pending, &lone.waiter
	p.command, p.trace, lone.list[0] = c, u.opts.traceParent(ctx), p
	w.Value, w.Size, w.Claims = lone.list[:], c.size(), c.appendClaims(lone.claims[:0])
	if len(c.skus) == 0 {
		w.Find = p.find(u)
	}
	if err := s.groups.queue.Do(ctx, w); err != nil {
		return leftError(c.op, err)
	}
	err = p.outcome(ctx, u)
	if need := asLapsed(err); need != nil {
		return s.afterClearing(ctx, c, need)
	}
	return err
}

// begin calls the hook Command. A hook that returns no context leaves the caller's.
func (s *Service) begin(ctx context.Context, op string) (within context.Context, end func(error)) {
	within, end = s.heard(ctx, op)
	if within == nil {
		within = ctx
	}
	return within, end
}

// afterClearing clears lapsed holds and runs the command again.
func (s *Service) afterClearing(ctx context.Context, c command, need *lapsedError) error {
	if c.clearing == nil {
		c.clearing = &clearing{}
	}
	if err := c.clearing.round(ctx, need, s.withoutGuests().releasePage); err != nil {
		return err
	}
	return s.do(ctx, c)
}

// doAlone runs one command as a separate unit of work.
func (s *Service) doAlone(ctx context.Context, c command) error {
	u := ownUnit(s.units)
	switch {
	case s.units == nil:
		return invalid(c.op, "unit of work", nil, "must not be nil")
	case u == nil:
		err := c.answer(s.units.Do(ctx, c.decide))
		if need := asLapsed(err); need != nil {
			return s.afterClearing(ctx, c, need)
		}
		return err
	}
	if err := u.check(ctx, c.op); err != nil {
		return err
	}
	w := &work{unit: u, op: c.op, fn: c.decide, trace: u.opts.traceParent(ctx), records: u.opts.Committed != nil}
	w.later = c.later
	return c.answer(s.units.Do(w.given(ctx), c.decide))
}

// decide runs a command and returns the command's result.
func decide[T any](
	ctx context.Context, s *Service, c command, fn func(ctx context.Context, products Repository) (T, error),
) (T, error) {
	var value, none T
	c.run = func(ctx context.Context, products Repository) (err error) {
		value, err = fn(ctx, products)
		return err
	}
	if err := s.do(ctx, c); err != nil {
		return none, err
	}
	return value, nil
}

// seatGuests gives the command the guests of the Service, unless the command has guests of its own, and checks the
// guests.
func (s *Service) seatGuests(c *command) error {
	if c.guests == nil {
		c.guests = s.guests
	}
	if c.guests == nil || s.units == nil {
		return nil
	}
	u := ownUnit(s.units)
	if u == nil {
		return guestsUnsupported(c.op, s.units)
	}
	store, able := u.store.(GuestStore)
	if !able {
		return guestsUnsupported(c.op, u.store)
	}
	for i, guest := range c.guests.list {
		if guest == nil {
			continue
		}
		if err := store.CheckGuest(guest); err != nil {
			return &Error{Op: c.op, Field: "guest", Value: c.guests.first + i, Err: err}
		}
	}
	return nil
}

// withoutGuests returns the Service for commands that the library runs on behalf of another command.
func (s *Service) withoutGuests() *Service {
	if s.guests == nil {
		return s
	}
	other := *s
	other.guests = nil
	return &other
}

// releasePage releases a page of the lapsed holds of one product for a command that needs them, as a
// command of its own. More says whether further lapsed holds are left.
func (s *Service) releasePage(ctx context.Context, sku SKU) (released int, more bool, err error) {
	c := command{op: opSweep, skus: []SKU{sku}}
	return s.runPage(ctx, c, func(ctx context.Context, products Repository) (int, bool, error) {
		return releasePage(ctx, products, sku)
	})
}

// runPage runs a command that sweeps a page.
func (s *Service) runPage(
	ctx context.Context, c command, sweep func(ctx context.Context, products Repository) (int, bool, error),
) (swept int, more bool, err error) {
	type page struct {
		swept int
		more  bool
	}
	done, err := decide(ctx, s, c, func(ctx context.Context, products Repository) (p page, err error) {
		p.swept, p.more, err = sweep(ctx, products)
		return p, err
	})
	return done.swept, done.more, err
}
