package allocation

import (
	"context"
	"errors"
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
	queue  *queue // nil: every command is a unit of work by itself
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
	if own, ok := units.(*unit); ok && !own.joined && !opts.NoGroupCommit {
		s.queue = newQueue(own, opts.cacheSize(own))
	}
	return s, nil
}

// WithPolicy returns the same Service under another policy, for a single call or for many.
func (s *Service) WithPolicy(policy Policy) *Service {
	other := *s
	other.policy = policy
	return &other
}

// do runs the unit of work of one command that answers nothing but an error.
func (s *Service) do(ctx context.Context, c command) error {
	_, err := decide(ctx, s, c, func(ctx context.Context, products Repository) (struct{}, error) {
		return struct{}{}, c.run(ctx, products)
	})
	return err
}

// dispatch runs the unit of work of one command.
func (s *Service) dispatch(ctx context.Context, c command) error {
	if s.queue != nil {
		return s.queue.command(ctx, c)
	}
	switch own, ok := s.units.(*unit); {
	case s.units == nil:
		return invalid(c.op, "unit of work", nil, "must not be nil")
	case ok:
		return own.do(ctx, c.op, c.run)
	}
	return s.units.Do(ctx, c.run)
}

// decide runs a command that answers with a value. The value is only good for a caller who stayed to the end.
func decide[T any](
	ctx context.Context, s *Service, c command, fn func(ctx context.Context, products Repository) (T, error),
) (T, error) {
	var value T
	c.run = func(ctx context.Context, products Repository) (err error) {
		value, err = fn(ctx, products)
		return err
	}
	err := s.dispatch(ctx, c)
	if err == nil {
		return value, nil
	}
	if undecided, err := isUndecided(err); undecided {
		var none T // value may be of an earlier attempt, or still be written to
		return none, err
	}
	return value, err
}

// decision is what a command gives, or why it can't. A refusal is no error to the unit of work, since its event
// has to be committed (R10).
type decision[T any] struct {
	given T
	short *OutOfStockError
}

// answer is the caller's: a refusal as an error, which says so if its event couldn't be kept.
func (d decision[T]) answer(err error) (T, error) {
	switch {
	case d.short == nil:
		return onlyIf(d.given, err)
	case err == nil:
		return onlyIf(d.given, error(d.short))
	}
	return onlyIf(d.given, errors.Join(d.short, err))
}
