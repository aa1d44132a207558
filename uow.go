package allocation

import (
	"context"
	"errors"
	"fmt"
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
// locks if the store is a [Locker]. If fn reads products one after the other, the locks are taken in
// that order, which may end in a deadlock; then the next attempt locks all of these products first, in
// the order of the SKUs. An [ErrDuplicate] is tried once more, because a fresh read shows
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
