package allocation

import (
	"context"
	"errors"
	"fmt"
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

// NewUnitOfWork returns the library's unit of work over a store. No transaction is open while fn runs,
// unless it runs with locks: what fn needs is read before, and one Commit at the end writes all of it,
// provided that every product that was read, changed or not, still has the version that was read. A unit of work that
// changed nothing commits nothing if it read only once, since one read is consistent by itself.
//
// A lost race begins again up to [UnitOfWorkOptions].Attempts, with locks if the store is a [Locker]; so does, once, an
// [ErrDuplicate], because a fresh read shows what is there. [ErrUnknownOutcome] is never tried again. The unit of work
// is safe for concurrent use. It is a [Ledger] too, and answers [errors.ErrUnsupported] if the store is none.
//
// The options may be nil. A nil store, and options that the unit of work would have to ignore, are an [ErrInvalid] of
// [New] and of every Do.
func NewUnitOfWork(store Store, opts *UnitOfWorkOptions) UnitOfWork {
	u := &unit{store: store, joined: isJoined(store)}
	if opts != nil {
		u.opts = *opts
	}
	u.mistake = u.opts.check(store)
	u.opts.fill(store)
	return u
}

type unit struct {
	store   Store
	joined  bool
	opts    UnitOfWorkOptions
	mistake error // in what NewUnitOfWork was given; the answer to everything
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
	case u.mistake != nil:
		return u.mistake
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
	w.page = w.opts.PageSize
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
	if !able || number == 1 && !w.opts.LockFirst && !w.stale {
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

// Audit asks the store, if it is a [Ledger].
func (u *unit) Audit(ctx context.Context, sku SKU) (int64, []Tally, error) {
	ledger, err := u.ledger("Audit")
	if err != nil {
		return 0, nil, err
	}
	return ledger.Audit(ctx, sku)
}

// Events asks the store, if it is a [Ledger].
func (u *unit) Events(ctx context.Context, sku SKU, after int64, limit int) ([]Event, error) {
	ledger, err := u.ledger("Events")
	if err != nil {
		return nil, err
	}
	return ledger.Events(ctx, sku, after, limit)
}

func (u *unit) ledger(op string) (Ledger, error) {
	if u.mistake != nil {
		return nil, u.mistake
	}
	ledger, able := u.store.(Ledger)
	if !able {
		return nil, &Error{Op: op, Field: "store", Value: fmt.Sprintf("%T", u.store), Err: errors.ErrUnsupported}
	}
	return ledger, nil
}

// onlyIf drops what an attempt computed before it failed.
func onlyIf[T any](value T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
}

var (
	// errAgain lets a group begin again at once: without a call that is out, or on fresh products.
	errAgain = errors.New("begin again")

	// errStale is a command's answer on a kept product if it is anything but success.
	errStale = fmt.Errorf("%w: a kept product will not do", errAgain)
)
