package allocation

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// UnitOfWork is one atomic operation on products.
//
// A wrapper around the library's own unit of work, such as a wrapper that measures, has a method
// Unwrap() UnitOfWork that returns the wrapped unit of work. A [Service] over the wrapper then has
// group commit, cache, Reconcile and Mend as over the unit of work inside, and calls the wrapper's Do
// once for each group. A UnitOfWork without Unwrap is a host's own; a Service calls Do once for each
// command.
//
//	type timed struct{ allocation.UnitOfWork }
//
//	func (t timed) Unwrap() allocation.UnitOfWork { return t.UnitOfWork }
//
//	func (t timed) Do(
//		ctx context.Context, fn func(context.Context, allocation.Repository) error,
//	) error {
//		defer measure(time.Now())
//		return t.UnitOfWork.Do(ctx, fn)
//	}
//
// A wrapper may refuse a call, and may call Do of the unit of work inside again after an error. A
// function that the wrapper puts around fn gives fn the context that the function was given. The
// wrapper returns nil only if Do of the unit of work inside has returned nil.
type UnitOfWork interface {
	// Do runs fn, which decides on products. If fn returns nil, Do commits all changes of the
	// products; if fn returns an error, panics or ends the goroutine, Do forgets the changes. After a
	// lost race Do runs fn again from the beginning, on fresh products, so fn must not leave traces
	// elsewhere.
	//
	// The context of fn marks the unit of work: a Do inside another Do is refused. Do returns an
	// error of fn unchanged.
	Do(ctx context.Context, fn func(ctx context.Context, products Repository) error) error
}

// NewUnitOfWork returns the library's unit of work over a store. No transaction is open while fn
// runs, unless fn runs with locks: products are read before, and one Commit at the end writes all
// changes. The commit fails unless every product that was read, changed or not, still has the version
// that was read. A unit of work that changed nothing and read only once commits nothing, since a
// single read is consistent by itself.
//
// After a lost race the unit of work begins again, up to [UnitOfWorkOptions].Attempts times, with
// locks if the store is a [Locker]. An [ErrDuplicate] is tried once more, because a fresh read shows
// the duplicate. [ErrUnknownOutcome] is never tried again. The unit of work is safe for concurrent
// use. The unit of work is also a [Ledger], and returns [errors.ErrUnsupported] if the store is none.
//
// The options may be nil. A nil store, and options that the unit of work would have to ignore, are an
// [ErrInvalid] of [New] and of every Do.
func NewUnitOfWork(store Store, opts *UnitOfWorkOptions) UnitOfWork {
	u := &unit{store: store, joined: isJoined(store)}
	if opts != nil {
		u.opts = *opts
	}
	if u.opts.Policy != nil {
		u.policy.Store(&u.opts.Policy)
	}
	u.mistake = u.opts.check(store)
	u.opts.fill(store)
	return u
}

// unit is the UnitOfWork over a Store.
type unit struct {
	store   Store
	joined  bool
	opts    UnitOfWorkOptions
	policy  atomic.Pointer[Policy] // for lines that wait; nil for EarliestFirst
	mistake error                  // in the arguments of NewUnitOfWork; the answer to every call
}

// ownUnit returns the library's unit of work inside units, nil for none.
func ownUnit(units UnitOfWork) *unit {
	for {
		switch u := units.(type) {
		case *unit:
			return u
		case interface{ Unwrap() UnitOfWork }:
			units = u.Unwrap()
		default:
			return nil
		}
	}
}

// Do runs fn, or the work handed through a wrapper.
func (u *unit) Do(ctx context.Context, fn func(context.Context, Repository) error) error {
	if w := givenWork(ctx); w != nil && w.unit == u {
		w.fn = fn // the wrapper's function around the command's
		return w.do(ctx)
	}
	w := &work{unit: u, op: "Do", fn: fn, records: u.opts.Committed != nil}
	if err := u.check(ctx, w.op); err != nil {
		return err
	}
	if fn == nil {
		return invalid(w.op, "function", nil, "must not be nil")
	}
	w.trace = u.opts.traceParent(ctx)
	return w.do(ctx)
}

// locksFirst reports whether every attempt locks; false for a host's own unit of work.
func (u *unit) locksFirst() bool { return u != nil && u.opts.LockFirst }

// check refuses a context in which no unit of work can begin.
func (u *unit) check(ctx context.Context, op string) error {
	switch {
	case ctx == nil:
		return invalid(op, "context", nil, "must not be nil")
	case u.mistake != nil:
		return u.mistake
	case inside(ctx) != nil:
		return invalid(op, "context", "of a unit of work", "units of work don't nest")
	case ctx.Value(transactionKey{u}) != nil:
		return invalid(op, "context", "of a transaction", "use the Service that the function was given")
	}
	return nil
}

// Audit calls the store, if the store is a [Ledger].
func (u *unit) Audit(ctx context.Context, sku SKU) (Audit, error) {
	ledger, err := u.ledger("Audit")
	if err != nil {
		return Audit{}, err
	}
	return ledger.Audit(ctx, sku)
}

// Audits calls the store, if the store is a [Ledger] with this method.
func (u *unit) Audits(ctx context.Context, after SKU, limit int) ([]Audit, error) {
	ledger, err := u.ledger("Audits")
	if err != nil {
		return nil, err
	}
	auditor, able := ledger.(auditor)
	if !able {
		return nil, &Error{Op: "Audits", Field: "store", Value: fmt.Sprintf("%T", u.store), Err: errors.ErrUnsupported}
	}
	return auditor.Audits(ctx, after, limit)
}

// Events calls the store, if the store is a [Ledger].
func (u *unit) Events(ctx context.Context, sku SKU, after int64, limit int) ([]Event, error) {
	ledger, err := u.ledger("Events")
	if err != nil {
		return nil, err
	}
	return ledger.Events(ctx, sku, after, limit)
}

// ledger returns the store as a Ledger.
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

var (
	// errAgain makes an attempt run the function again at once, on fresh products: without a command
	// that failed halfway, or without cached products.
	errAgain = errors.New("begin again")

	// errStale ends a run on cached products whose answer is anything but success.
	errStale = fmt.Errorf("%w: a cached product will not do", errAgain)
)

// work is a unit of work during its attempts.
type work struct {
	*unit
	op      string
	fn      func(context.Context, Repository) error
	trace   string   // the caller's trace parent
	records bool     // collect the events for Committed
	later   *[]Event // where the events go for a call of Committed later on; nil for a call at once
	page    int
	most    int                // of those who wait, so many are served by one method
	queues  map[SKU]queueStart // where the queues begin that products needed in this attempt
	stale   bool               // a cached product was stale: another process is at work
	events  []Event

	products *identityMap // of the present attempt
}

type (
	workKey   struct{} // of a context that brings work through a wrapper
	insideKey struct{} // of a context inside a unit of work
)

// inside returns the work whose function got the context, nil outside of a unit of work.
func inside(ctx context.Context) *work {
	w, _ := ctx.Value(insideKey{}).(*work)
	return w
}

// given returns a context that carries the work through the Do of a wrapper.
func (w *work) given(ctx context.Context) context.Context {
	return context.WithValue(ctx, workKey{}, w)
}

// withoutWork returns a context that carries no work, for a hook that may begin a unit of work of its own.
func withoutWork(ctx context.Context) context.Context {
	if givenWork(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, workKey{}, (*work)(nil))
}

// givenWork returns the work carried by the context, nil if there is none or the work has begun.
func givenWork(ctx context.Context) *work {
	if ctx == nil || inside(ctx) != nil {
		return nil
	}
	w, _ := ctx.Value(workKey{}).(*work)
	return w
}

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

const (
	pageGrowth = 10
	maxPage    = 100_000_000
)

// attempt is one numbered attempt. Attempt reruns fn, uncounted, when a page was too small (errMore)
// or fn asks for a rerun (errAgain).
func (w *work) attempt(ctx context.Context, number int) (err error) {
	ctx, end := w.begin(ctx, w.op, number)
	if end != nil {
		err = errUnfinished // stays if fn panics or ends its goroutine
		defer func() { end(err) }()
	}
	if err := w.begun(ctx, w.op); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var failure error
		if locker := w.locker(number); locker != nil {
			failure = w.locked(ctx, locker)
		} else {
			failure = w.on(ctx, w.store, false) // no transaction is open
		}
		switch {
		case errors.Is(failure, errMore) && w.page < maxPage:
			w.page = min(w.page*pageGrowth, maxPage)
		case !errors.Is(failure, errAgain):
			return failure
		}
	}
}

// begin calls the hook Attempt.
func (u *unit) begin(ctx context.Context, op string, number int) (within context.Context, end func(error)) {
	if u.opts.Attempt == nil {
		return ctx, nil
	}
	return u.opts.Attempt(ctx, op, number)
}

// begun refuses the context of an attempt if the hook returned none.
func (u *unit) begun(ctx context.Context, op string) error {
	if ctx == nil {
		return invalid(op, "Attempt", nil, "must not return a nil context")
	}
	return nil
}

// locker returns the store if the attempt has to lock: after a lost race, or always with LockFirst.
func (w *work) locker(number int) Locker {
	if number == 1 && !w.opts.LockFirst && !w.stale {
		return nil
	}
	locker, _ := w.store.(Locker)
	return locker
}

// locked runs the function and commits within a transaction that locks.
func (w *work) locked(ctx context.Context, locker Locker) error {
	return locker.Locked(ctx, func(store Store) error { return w.on(ctx, store, true) })
}

// on runs fn on products of a store, and commits. A stale cached product doesn't count as a lost
// race, because this unit of work had not read the product.
func (w *work) on(ctx context.Context, store Store, locks bool) error {
	w.events = nil
	m := &identityMap{store: store, locks: locks, now: clean(w.opts.Now()), page: w.page, most: w.most, trace: w.trace}
	m.products, m.hook, m.longest, m.queues = m.first[:0], w.opts.Commit, w.opts.LongestHold, w.queues
	if policy := w.policy.Load(); policy != nil {
		m.policy = *policy
	}
	defer m.end()
	w.products = m
	err := w.fn(ctx, m)
	if again := w.unserved(m, err); again != nil {
		return again
	}
	if err != nil {
		return err
	}
	err = m.commit(ctx)
	switch {
	case asGuestFailed(err) != nil, errors.Is(err, errAgain):
		return err
	case m.cached && (errors.Is(err, ErrConflict) || errors.Is(err, ErrDuplicate)):
		w.stale = true
		return errStale
	case m.cached && err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnknownOutcome):
		return errStale // such as a failed CHECK, after somebody changed a row without a new version
	case err == nil && w.records:
		w.events = m.recorded()
	}
	return err
}

// storeError names the operation in an error of the store, unless the store returned an [*Error].
func storeError(op string, err error) error {
	var detailed *Error
	if errors.As(err, &detailed) {
		return err
	}
	return fmt.Errorf("allocation: %s: %w", op, err)
}
