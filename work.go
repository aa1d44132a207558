package allocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// unit is the UnitOfWork over a Store.
type unit struct {
	store   Store
	joined  bool
	opts    UnitOfWorkOptions
	policy  atomic.Pointer[Policy] // for lines that wait; nil for EarliestFirst
	mistake error                  // in the arguments of NewUnitOfWork; the answer to every call
}

// transactionKey is the key of a context inside a transaction. A context may be inside transactions of several units of
// work, one within the other.
type transactionKey struct{ outside *unit }

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
	inOrder []SKU              // attempts with locks lock these products first, see seek
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

// locked runs the function and commits within a transaction that locks. If the function needs another page of a queue,
// the function runs again under the same locks: nobody can change the product in between.
func (w *work) locked(ctx context.Context, locker Locker) error {
	if err := w.seek(ctx); err != nil {
		return err
	}
	return locker.Locked(ctx, func(store Store) error {
		for {
			err := w.on(ctx, store, true)
			if !errors.Is(err, errUnread) {
				return err
			}
		}
	})
}

// seek looks at the last attempt. If a read lost a race although earlier reads of the attempt had locked other
// products, the read may have met a deadlock, by locking out of the order of the SKUs, and the same reads could
// meet a deadlock in every attempt. So seek finds the products of the read while nothing is locked, and the next
// attempts lock all of these products first, in order.
func (w *work) seek(ctx context.Context) error {
	last := w.products
	if last == nil || last.sought == nil {
		return nil
	}
	skus := slices.Concat(w.inOrder, last.sought.SKUs)
	if len(last.sought.SKUs) == 0 {
		states, err := w.store.Load(ctx, *last.sought)
		if err != nil {
			return storeError("Load", err)
		}
		for _, s := range states {
			skus = append(skus, s.SKU)
		}
	}
	for _, p := range last.products {
		skus = append(skus, p.sku)
	}
	slices.Sort(skus)
	w.inOrder, last.sought = slices.Compact(skus), nil
	return nil
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
	if locks && w.inOrder != nil {
		if _, err := m.load(ctx, Query{SKUs: w.inOrder}); err != nil {
			return err
		}
	}
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

// unserved returns an error for another run of the function if somebody who waits has to be served who was
// not loaded, whatever the outcome of the function: errUnread to read the queue, or errMore for larger pages. If
// another process has changed the product since the last run for the queue, the attempt has lost a race.
func (w *work) unserved(m *identityMap, err error) error {
	for _, p := range m.products {
		if !p.queue.isUnread() {
			continue
		}
		start, again := w.queues[p.sku]
		switch {
		case again && start.version != p.read:
			return &Error{
				Op: w.op, Field: "sku", Value: p.sku,
				Err: fmt.Errorf("%w: version is %d, was %d in the same attempt", ErrConflict, p.read, start.version),
			}
		case again && !p.queue.serving.isBefore(start.from):
			return contradiction(p.sku, "lines wait, but none came")
		}
		if w.queues == nil {
			w.queues = map[SKU]queueStart{}
		}
		w.queues[p.sku] = queueStart{from: p.queue.serving, version: p.read}
		return errUnread
	}
	need := asLapsed(err)
	for _, p := range m.products {
		if p.queue.passed && w.page < maxPage {
			return p.more(w.op)
		}
		if need != nil && p.queue.serving != (Rank{}) && len(p.events) > 0 && w.most < maxPage {
			w.most = min(w.most*pageGrowth, maxPage) // only this unit of work can serve those who come first
			return errAgain
		}
	}
	return nil
}
