package allocation

import (
	"context"
	"errors"
)

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

// onlyIf drops what an attempt computed before it failed.
func onlyIf[T any](value T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
}
