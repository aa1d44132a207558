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

	// Alone makes every command of a Service a commit of its own. By default those that meet on a
	// product are committed together: while a commit is under way, the commands that come for its
	// products wait, and the next commit takes all of them. A Service inside a host's transaction
	// never waits for others.
	Alone bool

	// Keep is how many products a Service keeps after their commit, to spare the next command the
	// read; 4,096 by default, none if negative or with Lock. What is kept is only used to place lines,
	// and under the version check: if somebody else changed the product, and for every answer that writes nothing,
	// it is read afresh.
	Keep int

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

	// Attempt, if set, is called before each attempt of a unit of work, with the Service's method, "Do", or
	// "Group" for commands that are committed together, and the attempt's number, from 1. A group's context
	// has the values of one of its callers'. The attempt runs under the context that it returns; the
	// function that it returns, which may be nil, is called after the attempt with its error, after a lost race
	// an [ErrConflict]. It is the place for a span, and for counters of attempts and conflicts.
	Attempt func(ctx context.Context, op string, number int) (context.Context, func(err error))

	// Committed, if set, is called after each commit with the events that the caller caused, by SKU and in
	// their order: on the caller's goroutine, before the command returns, and outside of the unit of
	// work, so that it may begin another one. Callers that were committed together are told each its own
	// events, in any order; those of a caller who left are told to nobody. It is where package bus comes in. The commit stands
	// whatever it does; a crash before it, or an [ErrUnknownOutcome], leaves it out, so what must not
	// be missed goes through package outbox. Inside a host's transaction it is never called.
	Committed func(ctx context.Context, events []Event)

	// TraceParent, if set, returns the W3C trace parent of the caller's context, not of an attempt's, which is
	// stored with the events that the caller causes; anything else than 00-…-…-… in lower case counts as none.
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
	if _, u.joined = store.(interface{ Joined() }); u.joined {
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
	store  Store
	joined bool
	opts   Options
}

type insideUnit struct{}

func (u *unit) Do(ctx context.Context, fn func(context.Context, Repository) error) error {
	return u.do(ctx, "Do", fn)
}

// do is Do for the method op of a Service.
func (u *unit) do(ctx context.Context, op string, fn func(context.Context, Repository) error) error {
	if err := u.check(ctx, op); err != nil {
		return err
	}
	if fn == nil {
		return invalid(op, "function", nil, "must not be nil")
	}
	w := &work{unit: u, op: op, fn: fn, trace: u.traceParent(ctx), tells: u.opts.Committed != nil}
	events, err := w.run(ctx)
	if err == nil && len(events) > 0 {
		u.opts.Committed(ctx, events)
	}
	return err
}

// check refuses what can't be the beginning of a unit of work.
func (u *unit) check(ctx context.Context, op string) error {
	switch {
	case ctx == nil:
		return invalid(op, "context", nil, "must not be nil")
	case u.store == nil:
		return invalid(op, "store", nil, "must not be nil")
	case ctx.Value(insideUnit{}) != nil:
		return invalid(op, "context", "of a unit of work", "units of work don't nest")
	}
	return nil
}

// work is a unit of work on its way through its attempts.
type work struct {
	*unit
	op    string
	fn    func(context.Context, Repository) error
	trace string // the caller's trace parent
	tells bool   // somebody wants to know the events
	page  int
	stale bool // a kept product was outdated: somebody else is at work
}

// run tries until an attempt commits, and returns the events of that one.
func (w *work) run(ctx context.Context) ([]Event, error) {
	w.page = w.opts.Page
	inside := context.WithValue(ctx, insideUnit{}, true)
	duplicates := 0
	for attempt := 1; ; attempt++ {
		events, err := w.attempt(inside, attempt)
		switch {
		case err == nil:
			return events, nil
		case attempt >= w.opts.Attempts, errors.Is(err, ErrUnknownOutcome):
			w.logEnd(ctx, w.op, attempt, err)
			return nil, err
		case errors.Is(err, ErrDuplicate) && duplicates == 0:
			duplicates++
		case !errors.Is(err, ErrConflict):
			return nil, err
		}
		w.opts.Logger.LogAttrs(ctx, slog.LevelDebug, "allocation: lost a race", about(w.op, attempt, err)...)
		if err := w.pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

const (
	pageGrowth = 10
	maxPage    = 100_000_000
)

// attempt begins again, with larger pages or because fn wants to, until it has won or lost. The host hears of its
// beginning and its end.
func (w *work) attempt(ctx context.Context, number int) (events []Event, err error) {
	if w.opts.Attempt != nil {
		within, end := w.opts.Attempt(ctx, w.op, number)
		ctx = within
		if end != nil {
			err = errUnfinished // stays if fn panics or ends its goroutine
			defer func() { end(err) }()
		}
	}
	for {
		told, failure := w.once(ctx, number)
		switch {
		case errors.Is(failure, errMore) && w.page < maxPage:
			w.page = min(w.page*pageGrowth, maxPage)
		case !errors.Is(failure, errAgain):
			return told, failure
		}
	}
}

// once runs fn once, with locks if a race was lost before.
func (w *work) once(ctx context.Context, number int) (events []Event, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	locker, able := w.store.(Locker)
	if !able || number == 1 && !w.opts.Lock && !w.stale {
		return w.on(ctx, w.store, false) // nothing is open meanwhile, so there is nothing to undo if fn doesn't return
	}
	var told []Event
	err = locker.Locked(ctx, func(store Store) (err error) {
		told, err = w.on(ctx, store, true)
		return err
	})
	return onlyIf(told, err)
}

// on runs fn on products of a store, and commits. That a kept product was outdated is no lost race, since nobody
// had read it for this.
func (w *work) on(ctx context.Context, store Store, locks bool) ([]Event, error) {
	products := &identityMap{store: store, locks: locks, now: clean(w.opts.Now()), page: w.page, trace: w.trace}
	products.products = products.first[:0]
	defer products.end()
	if err := w.fn(ctx, products); err != nil {
		return nil, err
	}
	err := products.commit(ctx)
	switch {
	case products.kept && (errors.Is(err, ErrConflict) || errors.Is(err, ErrDuplicate)):
		w.stale = true
		return nil, errStale
	case err != nil || !w.tells:
		return nil, err
	}
	return products.told(), nil
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
