package allocation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// report runs the work and reports the events of the commit.
func (w *work) report(ctx context.Context) error {
	err := w.run(ctx)
	switch {
	case err != nil || len(w.events) == 0:
	case w.later != nil:
		*w.later = append(*w.later, w.events...)
	default:
		w.opts.Committed(withoutWork(ctx), w.events)
	}
	return err
}

// run makes attempts until an attempt commits, or fails for good.
func (w *work) run(ctx context.Context) error {
	w.page, w.most, w.queues = w.opts.PageSize, w.opts.PageSize, nil
	marked := context.WithValue(ctx, insideKey{}, w)
	duplicates := 0
	for attempt := 1; ; attempt, w.queues = attempt+1, nil {
		err := w.attempt(marked, attempt)
		if err == nil {
			return nil
		}
		if err := w.again(ctx, w.op, attempt, err, &duplicates); err != nil {
			return w.hidden(err)
		}
	}
}

// again returns nil, after a pause, if another attempt follows a failed attempt, and the final error otherwise.
func (u *unit) again(ctx context.Context, op string, attempt int, err error, duplicates *int) error {
	switch {
	case attempt >= u.opts.Attempts, errors.Is(err, ErrUnknownOutcome):
		u.opts.logEnd(ctx, op, attempt, err)
		return err
	case errors.Is(err, ErrDuplicate) && *duplicates == 0:
		*duplicates++
	case !errors.Is(err, ErrConflict):
		return err
	}
	u.opts.logLostRace(ctx, op, attempt, err)
	return u.pause(ctx, attempt)
}

// hidden makes a conflict of a duplicate in a host's transaction that a stale cached product has hidden: the server
// may refuse the second attempt in the transaction, but a fresh transaction finds the line.
func (w *work) hidden(err error) error {
	if w.joined && w.stale && errors.Is(err, ErrDuplicate) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}

// pause waits for a random part of the backoff, or until the context ends. Inside a host's transaction nobody waits,
// because the transaction has locks.
func (u *unit) pause(ctx context.Context, attempt int) error {
	if u.joined {
		return ctx.Err()
	}
	longest := u.opts.Backoff
	for range attempt - 1 {
		if longest > u.opts.MaxBackoff/2 {
			longest = u.opts.MaxBackoff
			break
		}
		longest *= 2
	}
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
