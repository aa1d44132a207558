package allocation

import (
	"context"
)

// Service is what a host calls: one method for each use case. Each is one unit of work that either does all
// of what it says or returns an error and leaves every product as it was. A Service is safe for
// concurrent use.
//
// Every method validates its arguments before anything is read ([ErrInvalid]), and answers [ErrNotFound] for
// a SKU, batch or order that the store doesn't have. It may be repeated after an [ErrUnknownOutcome], a
// lost connection or a crash; its comment says what the repeat answers if the first call went through. A
// repeat is the same call before any other command on the same line or batch: a line that was cancelled, for
// example, can be allocated anew.
//
// Commands of one Service that meet on a product are committed together, unless [ServiceOptions].NoGroupCommit is set,
// and each gets its own answer. A caller whose context ends while its command waits leaves at once; if a commit
// has taken the command, the answer is ErrUnknownOutcome, and the command goes on, before any that comes later for its products or its
// order. One of the callers carries out the commit: it stays until the commit is answered, or all others have
// left, too. The store is called under the values of that caller's context. Policies and hooks of a unit of work must not call the Service for the same products, which
// would wait for itself; [UnitOfWorkOptions].Committed may.
type Service struct {
	units  UnitOfWork
	policy Policy
	groups *groupCommit // nil: every command is a unit of work by itself
}

// New returns a Service over a unit of work, which is usually [NewUnitOfWork] over a store. The options may
// be nil.
//
// New reads nothing. New returns an [*Error] that wraps [ErrInvalid] if the unit of work is nil, if NewUnitOfWork was
// given a nil store or options that can't be honoured, or if the options of the Service can't be honoured.
func New(units UnitOfWork, opts *ServiceOptions) (*Service, error) {
	if opts == nil {
		opts = &ServiceOptions{}
	}
	if err := opts.check(units); err != nil {
		return nil, err
	}
	s := &Service{units: units, policy: opts.Policy}
	if u := ownUnit(units); u != nil && !u.joined && !opts.NoGroupCommit {
		s.groups = newGroupCommit(units, u, *opts)
	}
	return s, nil
}

// WithPolicy returns the same Service under another policy, for a single call or for many.
func (s *Service) WithPolicy(policy Policy) *Service {
	other := *s
	other.policy = policy
	return &other
}

// do brings one command through, on the caller's goroutine or on that of another caller. Unless do returns nil, the
// command may still be running: nobody may look at what it computed then.
func (s *Service) do(ctx context.Context, c command) error {
	if s.groups == nil {
		return s.doAlone(ctx, c)
	}
	u := s.groups.unit
	if err := u.check(ctx, c.op); err != nil {
		return err
	}
	lone := &struct { // one piece of memory
		waiter
		pending
		list   [1]*pending
		claims [2]claim
	}{pending: pending{command: c, trace: u.opts.traceParent(ctx)}}
	p, w := &lone.pending, &lone.waiter
	lone.list[0] = p
	w.Value, w.Size, w.Claims = lone.list[:], c.size(), c.appendClaims(lone.claims[:0])
	if len(c.skus) == 0 {
		w.Find = p.find(u)
	}
	if err := s.groups.queue.Do(ctx, w); err != nil {
		return leftError(c.op, err)
	}
	return p.outcome(ctx, u)
}

// doAlone brings one command through as a unit of work of its own.
func (s *Service) doAlone(ctx context.Context, c command) error {
	u := ownUnit(s.units)
	switch {
	case s.units == nil:
		return invalid(c.op, "unit of work", nil, "must not be nil")
	case u == nil:
		return c.answer(s.units.Do(ctx, c.decide))
	}
	if err := u.check(ctx, c.op); err != nil {
		return err
	}
	w := &work{unit: u, op: c.op, fn: c.decide, trace: u.opts.traceParent(ctx), records: u.opts.Committed != nil}
	return c.answer(s.units.Do(w.given(ctx), c.decide))
}

// decide runs a command that answers with a value.
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
