package allocation

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// UnitOfWork is one atomic operation on products.
type UnitOfWork interface {
	// Do runs fn, which decides on products; what it changed is committed if it returns nil, and
	// forgotten if it returns an error, panics or ends its goroutine. After a lost race fn runs
	// again from the beginning, on fresh products, so it must not leave traces elsewhere.
	//
	// The context that fn gets marks the unit of work: a Do inside another is refused. The error of
	// fn is returned as it is.
	Do(ctx context.Context, fn func(ctx context.Context, products Repository) error) error
}

// Options are the settings of [NewUnitOfWork] and [New], which both take the same. Zero values mean the
// defaults.
type Options struct {
	// Policy decides for a Service which batch comes first; EarliestFirst by default.
	Policy Policy

	// Now is the clock; time.Now by default.
	Now func() time.Time

	// Attempts is how often a unit of work is tried before ErrConflict is returned; 10 by default.
	Attempts int

	// Backoff is the longest pause after the first lost race, 1 ms by default. It doubles with every
	// further one up to MaxBackoff, 100 ms by default; the pause is a random part of it.
	Backoff    time.Duration
	MaxBackoff time.Duration

	// Lock lets every attempt lock what it reads, if the store is a [Locker]. By default only those
	// after a lost race do, which is faster where races are rare and fair where they are not.
	Lock bool

	// Page is how many lapsed holds, or lines of a batch, are loaded at first; 100 by default. When a
	// line can't be met, or would have to move, without those beyond the page, the unit of work begins
	// again with a larger page. A line that can be met doesn't wait for them: it may get units of a
	// later batch while more holds than a page lapsed on an earlier one.
	Page int
}

// NewUnitOfWork returns the library's unit of work over a store. No transaction is open while fn runs,
// unless it runs with locks: what fn needs is read before, and one Commit at the end writes all of it,
// provided that every product that was read, changed or not, still has the version that was read. A unit of work that
// changed nothing commits nothing if it read only once, since one read is consistent by itself.
//
// A lost race begins again up to [Options].Attempts, with locks if the store is a [Locker]; so does, once, an [ErrDuplicate], because a fresh
// read shows what is there. [ErrUnknownOutcome] is never tried again. The unit of work is safe for
// concurrent use. It is a [Ledger] too, and answers [errors.ErrUnsupported] if the store is none.
func NewUnitOfWork(store Store, opts *Options) UnitOfWork {
	u := &unit{store: store}
	if opts != nil {
		u.opts = *opts
	}
	if u.opts.Now == nil {
		u.opts.Now = time.Now
	}
	u.opts.Attempts = positive(u.opts.Attempts, 10)
	if _, joined := store.(interface{ Joined() }); joined {
		u.opts.Attempts = 1
	}
	u.opts.Backoff = positive(u.opts.Backoff, time.Millisecond)
	u.opts.MaxBackoff = positive(u.opts.MaxBackoff, 100*time.Millisecond)
	u.opts.Page = positive(u.opts.Page, 100)
	return u
}

func positive[N int | time.Duration](value, otherwise N) N {
	if value > 0 {
		return value
	}
	return otherwise
}

type unit struct {
	store Store
	opts  Options
}

type insideUnit struct{}

func (u *unit) Do(ctx context.Context, fn func(context.Context, Repository) error) error {
	switch {
	case ctx == nil:
		return invalid("Do", "context", nil, "must not be nil")
	case u.store == nil:
		return invalid("Do", "store", nil, "must not be nil")
	case fn == nil:
		return invalid("Do", "function", nil, "must not be nil")
	case ctx.Value(insideUnit{}) != nil:
		return invalid("Do", "context", "of a unit of work", "units of work don't nest")
	}
	return u.retry(ctx, fn)
}

func (u *unit) retry(ctx context.Context, fn func(context.Context, Repository) error) error {
	inside := context.WithValue(ctx, insideUnit{}, true)
	page, duplicates := u.opts.Page, 0
	for attempt := 1; ; {
		err := u.attempt(inside, attempt, page, fn)
		switch {
		case errors.Is(err, errMore) && page < maxPage:
			page = min(page*pageGrowth, maxPage)
			continue
		case attempt >= u.opts.Attempts, errors.Is(err, ErrUnknownOutcome):
			return err
		case errors.Is(err, ErrDuplicate) && duplicates == 0:
			duplicates++
		case !errors.Is(err, ErrConflict):
			return err
		}
		if err := u.pause(ctx, attempt); err != nil {
			return err
		}
		attempt++
	}
}

const (
	pageGrowth = 10
	maxPage    = 100_000_000
)

// attempt runs fn once, with locks if the last attempt lost its race.
func (u *unit) attempt(ctx context.Context, number, page int, fn func(context.Context, Repository) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	run := func(store Store) error {
		products := &identityMap{store: store, now: clean(u.opts.Now()), page: page}
		defer products.end()
		if err := fn(ctx, products); err != nil {
			return err
		}
		return products.commit(ctx)
	}
	if locker, able := u.store.(Locker); able && (u.opts.Lock || number > 1) {
		return locker.Locked(ctx, run)
	}
	return run(u.store) // nothing is open meanwhile, so there is nothing to undo if fn doesn't return
}

// pause waits for a random part of the backoff, or until the context ends.
func (u *unit) pause(ctx context.Context, attempt int) error {
	longest := min(u.opts.Backoff, u.opts.MaxBackoff)
	for range attempt - 1 {
		longest = min(2*min(longest, u.opts.MaxBackoff/2+1), u.opts.MaxBackoff)
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
