package storetest

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/cosmic-go/allocation"
)

const (
	rowWithinCommits = "rows and lines of a transaction become visible together, and the next transaction sees both"
	rowWithinError   = "an error of the function takes rows and lines back, and is returned unchanged"
	rowWithinPanic   = "a panic of the function, and the end of its goroutine, take rows and lines back"
	rowWithinTells   = "the events of a transaction are told once, after the commit, and never after a rollback"
	rowWithinStale   = "a command that meets a stale cached product is repeated"
	rowWithinAgain   = "after an ErrConflict of the function another transaction begins, without the rows of the first"
	rowWithinUnknown = "after a lost answer to COMMIT nothing runs again, and the error is ErrUnknownOutcome"
	rowWithinTurns   = "callers that name a common SKU take turns, and a caller whose context ends while waiting leaves"
	rowWithinOrders  = "callers that name SKUs in opposite orders don't wait for each other"
	rowWithinRefuses = "a bad argument, and a command of the Service outside within the transaction, are refused"
	rowWithinContext = "Within with an ended context or a nil context writes nothing"
	rowWithinHosts   = "a broken constraint of the host's is neither a conflict nor a duplicate"
	rowWithinCallers = "for callers who race for the last units, rows and lines agree"
)

// within is the method Within of guested; nil for none.
type within func(
	ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
) error

// config returns a Config.Within.
func (w within) config() func(testing.TB, allocation.Store) HostTransactions {
	if w == nil {
		return nil
	}
	return func(_ testing.TB, store allocation.Store) HostTransactions {
		s := store.(*guested)
		return HostTransactions{
			Within: func(
				ctx context.Context, service *allocation.Service, fn HostFunc, skus ...allocation.SKU,
			) error {
				return w(ctx, s, service, fn, skus)
			},
			Keys:       hostRows(nil, store).Keys,
			LoseAnswer: func() { s.loses = true },
		}
	}
}

// insert writes a row in the transaction.
func (w *guestedWork) insert(key string) error {
	if w.rows[key] {
		return errRowTaken
	}
	w.rows[key] = true
	return nil
}

// transaction is a function for Transact, and the present transaction.
type transaction struct {
	store *guested
	work  *guestedWork
	run   func(ctx context.Context, fn func(allocation.Store) error) error
}

func (s *guested) transaction() *transaction { return &transaction{store: s, run: s.transact} }

// unlocked is a transaction that takes the lock at the end, so that a transaction may lose a race.
func (s *guested) unlocked() *transaction {
	return &transaction{store: s, run: func(ctx context.Context, fn func(allocation.Store) error) error {
		s.mu.Lock()
		before := s.rows
		s.mu.Unlock()
		w := &guestedWork{s.begin(), s, maps.Clone(before)}
		if err := fn(w); err != nil {
			return err
		}
		if err := s.replay(ctx, w.commits); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rows = maps.Clone(s.rows)
		for key := range w.rows {
			s.rows[key] = true
		}
		return nil
	}}
}

// own is also a method of a type that embeds a *guestedWork.
func (w *guestedWork) own() *guestedWork { return w }

func (t *transaction) begin(ctx context.Context, fn func(allocation.Store) error) error {
	err := t.run(ctx, func(inside allocation.Store) error {
		t.work = inside.(interface{ own() *guestedWork }).own()
		return fn(inside)
	})
	if err == nil && t.store.loses {
		t.store.loses = false
		return allocation.ErrUnknownOutcome
	}
	return err
}

// host makes a function for Transact from the function of a host.
func (t *transaction) host(fn HostFunc) func(ctx context.Context, inside *allocation.Service) error {
	return func(ctx context.Context, inside *allocation.Service) error {
		return fn(ctx, func(key string) error { return t.work.insert(key) }, inside)
	}
}

// transacted is a correct Within.
func transacted(
	ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
) error {
	return s.transaction().transact(ctx, service, fn, skus)
}

func (t *transaction) transact(
	ctx context.Context, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
) error {
	if service == nil {
		return &allocation.Error{Op: "Within", Field: "service", Err: allocation.ErrInvalid}
	}
	return service.Transact(ctx, t.begin, t.host(fn), skus...)
}

// running returns a Within with a fault in the function of the host.
func running(change func(fn HostFunc) HostFunc) within {
	return func(
		ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
	) error {
		return transacted(ctx, s, service, change(fn), skus)
	}
}

// ending returns a Within with a fault in the transaction.
func ending(change func(t *transaction, ctx context.Context, fn func(allocation.Store) error) error) within {
	return func(
		ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
	) error {
		t := s.transaction()
		run := t.run
		t.run = func(ctx context.Context, fn func(allocation.Store) error) error {
			return change(&transaction{store: s, run: run}, ctx, fn)
		}
		return t.transact(ctx, service, fn, skus)
	}
}

// once is a Within that begins by itself and never again. The function tell gets the call that carries out the
// transaction, and the call that tells the events.
func once(tell func(commit func() error, committed func()) error) within {
	return func(ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, _ []allocation.SKU) error {
		t := s.unlocked()
		var committed func(context.Context)
		return tell(func() error {
			return t.begin(ctx, func(store allocation.Store) error {
				var inside *allocation.Service
				inside, committed = service.Inside(store)
				return t.host(fn)(ctx, inside)
			})
		}, func() { committed(ctx) })
	}
}

func faultWithin(fault, row string, w within) broken {
	return broken{fault: fault, row: row, new: withGuests(nil), within: w}
}

var brokenWithins = []broken{
	faultWithin("rows are lost", rowWithinCommits, running(func(fn HostFunc) HostFunc {
		return func(ctx context.Context, _ func(string) error, inside *allocation.Service) error {
			return fn(ctx, func(string) error { return nil }, inside)
		}
	})),
	faultWithin("after an error the transaction is committed", rowWithinError, ending(
		func(t *transaction, ctx context.Context, fn func(allocation.Store) error) (failed error) {
			err := t.run(ctx, func(inside allocation.Store) error { failed = fn(inside); return nil })
			return errors.Join(failed, err)
		})),
	faultWithin("the error is replaced", rowWithinError, ending(
		func(t *transaction, ctx context.Context, fn func(allocation.Store) error) error {
			if err := t.run(ctx, fn); err != nil {
				return errBroken
			}
			return nil
		})),
	faultWithin("after a panic the transaction is committed", rowWithinPanic, ending(
		func(t *transaction, ctx context.Context, fn func(allocation.Store) error) error {
			var cause any
			err := t.run(ctx, func(inside allocation.Store) error {
				defer func() { cause = recover() }()
				return fn(inside)
			})
			if cause != nil {
				panic(cause)
			}
			return err
		})),
	faultWithin("events are never told", rowWithinTells, once(
		func(commit func() error, _ func()) error { return commit() })),
	faultWithin("events are told whatever the end", rowWithinTells, once(
		func(commit func() error, committed func()) error { defer committed(); return commit() })),
	faultWithin("a lost race inside ends the transaction", rowWithinStale, ending(
		func(t *transaction, ctx context.Context, fn func(allocation.Store) error) error {
			return t.run(ctx, func(inside allocation.Store) error {
				return fn(&failsAfterConflict{guestedWork: inside.(*guestedWork)})
			})
		})),
	faultWithin("a lost race is not repeated", rowWithinAgain, once(
		func(commit func() error, committed func()) error {
			err := commit()
			if err == nil {
				committed()
			}
			return err
		})),
	faultWithin("a lost race is repeated in the same transaction", rowWithinAgain, running(
		func(fn HostFunc) HostFunc {
			return func(ctx context.Context, insert func(string) error, inside *allocation.Service) error {
				err := fn(ctx, insert, inside)
				if errors.Is(err, allocation.ErrConflict) {
					return fn(ctx, insert, inside)
				}
				return err
			}
		})),
	faultWithin("a lost answer is a lost race", rowWithinUnknown, func(
		ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
	) error {
		t := s.transaction()
		return service.Transact(ctx, func(ctx context.Context, fn func(allocation.Store) error) error {
			err := t.begin(ctx, fn)
			if errors.Is(err, allocation.ErrUnknownOutcome) {
				return allocation.ErrConflict
			}
			return err
		}, t.host(fn), skus...)
	}),
	faultWithin("the named SKUs are ignored", rowWithinTurns, func(
		ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, _ []allocation.SKU,
	) error {
		return s.unlocked().transact(ctx, service, fn, nil)
	}),
	faultWithin("a gate of its own opens in the order of the names", rowWithinOrders, inGivenOrder),
	faultWithin("the function gets the context outside", rowWithinRefuses, func(
		outside context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
	) error {
		t := s.unlocked()
		return t.transact(outside, service, func(
			_ context.Context, insert func(string) error, inside *allocation.Service,
		) error {
			return fn(outside, insert, inside)
		}, skus)
	}),
	faultWithin("an ended context is ignored", rowWithinContext, func(
		ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
	) error {
		if ctx != nil {
			ctx = context.WithoutCancel(ctx)
		}
		return transacted(ctx, s, service, fn, skus)
	}),
	faultWithin("a broken constraint is a duplicate", rowWithinHosts, running(func(fn HostFunc) HostFunc {
		return func(ctx context.Context, insert func(string) error, inside *allocation.Service) error {
			return fn(ctx, func(key string) error {
				if err := insert(key); err != nil {
					return errors.Join(err, allocation.ErrDuplicate)
				}
				return nil
			}, inside)
		}
	})),
	faultWithin("rows don't wait for the commit", rowWithinCallers, func(
		ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
	) error {
		t := s.transaction()
		return t.transact(ctx, service, func(
			ctx context.Context, insert func(string) error, inside *allocation.Service,
		) error {
			return fn(ctx, func(key string) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.rows = maps.Clone(s.rows)
				s.rows[key] = true
				return insert(key)
			}, inside)
		}, skus)
	}),
}

// failsAfterConflict is a store in a transaction that ends with the first lost race.
type failsAfterConflict struct {
	*guestedWork
	lost error
}

func (f *failsAfterConflict) Commit(ctx context.Context, changes []allocation.Changes) error {
	if f.lost == nil {
		f.lost = f.guestedWork.Commit(ctx, changes)
		return f.lost
	}
	return errBroken
}

// gate is the lock of a SKU in inGivenOrder.
func (s *guested) gate(sku allocation.SKU) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gates[sku] == nil {
		s.gates[sku] = make(chan struct{}, 1)
	}
	return s.gates[sku]
}

// inGivenOrder takes a lock for each SKU in the order of the names, and gives up soon if a lock is taken.
func inGivenOrder(
	ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
) error {
	for _, sku := range skus {
		select {
		case s.gate(sku) <- struct{}{}:
			defer func() { <-s.gate(sku) }()
		case <-time.After(lockPatience):
			return errBroken
		}
		await(s.gate("nobody sends"))
	}
	return s.transaction().transact(ctx, service, fn, nil)
}

func TestAConformingWithinIsAccepted(t *testing.T) {
	for name, transaction := range map[string]func(s *guested) *transaction{
		"a lock from the beginning": (*guested).transaction, "a lock at the end": (*guested).unlocked,
	} {
		w := func(
			ctx context.Context, s *guested, service *allocation.Service, fn HostFunc, skus []allocation.SKU,
		) error {
			return transaction(s).transact(ctx, service, fn, skus)
		}
		for row, seen := range failures(t, faultWithin("", "", w).config(), Within) {
			t.Errorf("%s: %s/%s: %s", name, Within, row, seen)
		}
	}
}
