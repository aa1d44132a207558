package allocation

import (
	"context"
	"errors"
	"fmt"
)

// Inside returns a Service inside a transaction of the host. The store is a store in that transaction, such as the
// result of Join of package sqlstore, on the data of the store of s. The host begins and ends the transaction, and
// calls committed once the transaction has been committed:
//
//	inside, committed := service.Inside(store.Join(tx))
//	... // statements of the host, commands of inside
//	if err := tx.Commit(); err != nil {
//		return err
//	}
//	committed(ctx)
//
// [Service.Transact], and the methods Within of stores, do all of this, and begin again after a lost race.
//
// The Service inside has the policy and the options of s. Its commands use products that s has cached, and products
// committed inside reach the cache of s with committed, and not before. Likewise committed calls
// [UnitOfWorkOptions].Committed, once and with the events of all commands inside, in the order of the commands; before
// that neither bus nor counters hear of the commands. If the host rolls back, nobody calls committed, and products and
// events are forgotten. A further call of committed does nothing. After a COMMIT with an unknown outcome the host
// doesn't call committed.
//
// A command inside that lost a race runs once more in the transaction, on a fresh read, with locks if the store is a
// [Locker], and without a pause. After a further [ErrConflict], and after any error of a statement, the host rolls back
// and may begin again. A refusal is an error like outside, and its event is lost if the host rolls back.
//
// The host must not undo a command by ROLLBACK TO SAVEPOINT, as nested transactions of some libraries do, and then
// commit: the events would be told and the product cached all the same. Wrappers around the [UnitOfWork] of s don't see
// the commands inside. The Service inside is not safe for concurrent use, and ends with the transaction.
//
// If s can't run inside a transaction, every command of the Service inside returns the reason: [ErrInvalid] for a nil
// store, for a store in a transaction on other data than those of s, as far as the store can tell, for guests of s,
// which belong to commands of the Service inside, or for a Service that is inside a transaction already, and
// [errors.ErrUnsupported] over a host's own UnitOfWork.
func (s *Service) Inside(store Store) (inside *Service, committed func(ctx context.Context)) {
	t := s.transaction("Inside", store, 1)
	return t.service, func(ctx context.Context) { t.keep(); t.tell(ctx) }
}

// transaction is a transaction of the host, as a Service sees it from outside and from inside.
type transaction struct {
	outer   *unit         // nil if the commands inside are refused
	cache   *productCache // of the Service outside, nil for none
	service *Service      // inside
	groups  *groupCommit  // of the Service inside, nil for none
	events  []Event       // of all commands inside so far
}

// insideAttempts is how often a command inside a transaction is tried before the transaction has to begin again.
const insideAttempts = 2

// transaction returns the Service inside an attempt at a transaction. After a lost race the reason may be a stale
// cached product, so further attempts read afresh, and with locks.
func (s *Service) transaction(op string, store Store, attempt int) *transaction {
	outer, err := s.hosting(op)
	u := &unit{store: store, joined: true, mistake: err}
	t := &transaction{service: &Service{units: u, policy: s.policy, heard: s.heard}}
	switch {
	case err != nil:
		return t
	case isNil(store):
		u.mistake = invalid(op, "store", nil, "must not be nil")
		return t
	case !isWithin(store, outer.store):
		u.mistake = invalid(op, "store", fmt.Sprintf("%T", store), "must have the data of the store of the Service")
		return t
	}
	_, locks := store.(Locker)
	t.outer, u.opts = outer, outer.opts
	u.policy.Store(outer.policy.Load())
	u.opts.Attempts = insideAttempts
	u.opts.LockFirst = locks && (outer.opts.LockFirst || attempt > 1)
	if outer.opts.Committed != nil {
		u.opts.Committed = func(_ context.Context, events []Event) { t.events = append(t.events, events...) }
	}
	if s.groups != nil {
		t.cache, t.groups = s.groups.cache, s.groups.inside(u, attempt > 1)
		t.service.groups = t.groups
	}
	return t
}

// isWithin reports whether a store inside a transaction has the data of the store outside, as far as the store inside
// can tell: a store with the method IsWithin knows the stores of its own kind, and no wrapper around a store.
func isWithin(inside, outside Store) bool {
	able, is := inside.(interface{ IsWithin(outside Store) bool })
	return !is || able.IsWithin(outside)
}

// hosting returns the unit of work that a transaction of the host replaces inside.
func (s *Service) hosting(op string) (*unit, error) {
	u := ownUnit(s.units)
	switch {
	case s.units == nil:
		return nil, invalid(op, "unit of work", nil, "must not be nil")
	case u == nil:
		return nil, &Error{Op: op, Field: "unit of work", Value: fmt.Sprintf("%T", s.units), Err: errors.ErrUnsupported}
	case s.guests != nil:
		return nil, invalid(op, "guests", len(s.guests.list), "must be given to the Service inside the transaction")
	case u.joined:
		return nil, invalid(op, "service", "inside a transaction", "must be outside of every transaction")
	}
	return u, nil
}

// inside returns a group commit over a unit of work in a transaction. One group at a time uses the transaction. Nothing
// is cached with LockFirst, because a cached product isn't locked, nor if every command has to read afresh: a command
// that finds its line only by the store's unique key may end the transaction.
func (g *groupCommit) inside(u *unit, afresh bool) *groupCommit {
	cache := newProductCache(0)
	if !u.opts.LockFirst && !afresh {
		cache.size, cache.outer = g.cache.size, g.cache
	}
	return newGroupCommit(u, u, g.opts, cache, 1)
}

// keep caches the products of a committed transaction for the commands outside.
func (t *transaction) keep() {
	if t.groups != nil {
		t.cache.takeOver(t.groups.cache)
	}
}

// tell gives the events of a committed transaction to the hook of the unit of work outside. A further call does
// nothing.
func (t *transaction) tell(ctx context.Context) {
	events := t.events
	t.events = nil
	if len(events) > 0 {
		t.outer.opts.Committed(ctx, events)
	}
}
