package allocation

import (
	"context"
	"errors"
	"log/slog"
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

	// Logger is told of lost races (Debug), and of units of work that end because they lost too many, or
	// because the outcome of their commit is unknown (Warn). By default nothing is logged.
	Logger *slog.Logger

	// Attempt, if set, is called before each attempt of a unit of work, with the Service's method or "Do",
	// and the attempt's number, from 1. The attempt runs under the context that it returns; the
	// function that it returns, which may be nil, is called after the attempt with its error, after a lost race
	// an [ErrConflict]. It is the place for a span, and for counters of attempts and conflicts.
	Attempt func(ctx context.Context, op string, number int) (context.Context, func(err error))

	// Committed, if set, is called after each commit with the events that it stored, by SKU and in their
	// order: on the caller's goroutine, before the command returns, and outside of the unit of work,
	// so that it may begin another one. It is where package bus comes in. The commit stands
	// whatever it does; a crash before it, or an [ErrUnknownOutcome], leaves it out, so what must not
	// be missed goes through package outbox. Inside a host's transaction it is never called.
	Committed func(ctx context.Context, events []Event)

	// TraceParent, if set, returns the W3C trace parent of the caller's context, which is stored with the
	// events that the caller causes; anything else than 00-…-…-… in lower case counts as none.
	TraceParent func(ctx context.Context) string
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
	if u.opts.Logger == nil {
		u.opts.Logger = slog.New(slog.DiscardHandler)
	}
	u.opts.Attempts = positive(u.opts.Attempts, 10)
	if _, joined := store.(interface{ Joined() }); joined {
		u.opts.Attempts, u.opts.Committed = 1, nil
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
	return u.do(ctx, "Do", fn)
}

// do is Do for the method op of a Service.
func (u *unit) do(ctx context.Context, op string, fn func(context.Context, Repository) error) error {
	switch {
	case ctx == nil:
		return invalid(op, "context", nil, "must not be nil")
	case u.store == nil:
		return invalid(op, "store", nil, "must not be nil")
	case fn == nil:
		return invalid(op, "function", nil, "must not be nil")
	case ctx.Value(insideUnit{}) != nil:
		return invalid(op, "context", "of a unit of work", "units of work don't nest")
	}
	events, err := u.retry(ctx, op, fn)
	if err == nil && len(events) > 0 && u.opts.Committed != nil {
		u.opts.Committed(ctx, events)
	}
	return err
}

// retry tries until an attempt commits, and returns the events of that one.
func (u *unit) retry(ctx context.Context, op string, fn func(context.Context, Repository) error) ([]Event, error) {
	inside := context.WithValue(ctx, insideUnit{}, true)
	page, duplicates := u.opts.Page, 0
	for attempt := 1; ; {
		events, err := u.observed(inside, op, attempt, page, fn)
		switch {
		case err == nil:
			return events, nil
		case errors.Is(err, errMore) && page < maxPage:
			page = min(page*pageGrowth, maxPage)
			continue
		case attempt >= u.opts.Attempts, errors.Is(err, ErrUnknownOutcome):
			u.logEnd(ctx, op, attempt, err)
			return nil, err
		case errors.Is(err, ErrDuplicate) && duplicates == 0:
			duplicates++
		case !errors.Is(err, ErrConflict):
			return nil, err
		}
		u.opts.Logger.LogAttrs(ctx, slog.LevelDebug, "allocation: lost a race", about(op, attempt, err)...)
		if err := u.pause(ctx, attempt); err != nil {
			return nil, err
		}
		attempt++
	}
}

const (
	pageGrowth = 10
	maxPage    = 100_000_000
)

// observed is an attempt between the host's hooks.
func (u *unit) observed(
	ctx context.Context, op string, number, page int, fn func(context.Context, Repository) error,
) (events []Event, err error) {
	if u.opts.Attempt != nil {
		within, end := u.opts.Attempt(ctx, op, number)
		ctx = within
		if end != nil {
			err = errUnfinished // stays if fn panics or ends its goroutine
			defer func() { end(err) }()
		}
	}
	return u.attempt(ctx, number, page, fn)
}

// attempt runs fn once, with locks if the last attempt lost its race.
func (u *unit) attempt(
	ctx context.Context, number, page int, fn func(context.Context, Repository) error,
) (events []Event, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	run := func(store Store) error {
		products := &identityMap{store: store, now: clean(u.opts.Now()), page: page, trace: u.traceParent(ctx)}
		defer products.end()
		if err := fn(ctx, products); err != nil {
			return err
		}
		if err := products.commit(ctx); err != nil {
			return err
		}
		events = products.told()
		return nil
	}
	if locker, able := u.store.(Locker); able && (u.opts.Lock || number > 1) {
		err = locker.Locked(ctx, run)
	} else {
		err = run(u.store) // nothing is open meanwhile, so there is nothing to undo if fn doesn't return
	}
	return onlyIf(events, err)
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
