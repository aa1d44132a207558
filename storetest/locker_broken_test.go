package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// lockable is a store with Locked. A transaction works on a copy of the products, and holds the lock of all products
// until the end, like a database that locks the whole file. Faults are replaced methods.
type lockable struct {
	lock    chan struct{}
	mu      sync.Mutex // guards what follows
	current *memory.Store
	commits [][]allocation.Changes // all commits so far, for copies

	locked func(ctx context.Context, fn func(allocation.Store) error) error
}

// withLocks returns a store after replace has replaced methods, nil for a correct store.
func withLocks(replace func(s *lockable)) func() allocation.Store {
	return func() allocation.Store {
		s := &lockable{lock: make(chan struct{}, 1), current: memory.New()}
		s.locked = s.transact
		if replace != nil {
			replace(s)
		}
		return s
	}
}

func (s *lockable) store() *memory.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *lockable) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	return s.store().Load(ctx, q)
}

func (s *lockable) Commit(ctx context.Context, changes []allocation.Changes) error {
	if ctx == nil || ctx.Err() != nil {
		return s.store().Commit(ctx, changes)
	}
	release, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.replay(ctx, [][]allocation.Changes{copyOf(changes)})
}

func (s *lockable) Events(
	ctx context.Context, sku allocation.SKU, after int64, limit int,
) ([]allocation.Event, error) {
	return s.store().Events(ctx, sku, after, limit)
}

func (s *lockable) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	return s.store().Audit(ctx, sku)
}

func (s *lockable) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	return s.locked(ctx, fn)
}

// acquire waits for the lock of all products.
func (s *lockable) acquire(ctx context.Context) (release func(), err error) {
	select {
	case s.lock <- struct{}{}:
		return func() { <-s.lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// replay commits to the present products.
func (s *lockable) replay(ctx context.Context, commits [][]allocation.Changes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, changes := range commits {
		if err := s.current.Commit(ctx, changes); err != nil {
			return err
		}
		s.commits = append(s.commits, changes)
	}
	return nil
}

// work is a transaction: a copy of the products, and the commits inside the transaction.
type work struct {
	*memory.Store
	commits [][]allocation.Changes
}

func (s *lockable) begin() *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &work{Store: memory.New()}
	for _, changes := range s.commits {
		if err := w.Store.Commit(context.Background(), changes); err != nil {
			panic(err)
		}
	}
	return w
}

func (w *work) Commit(ctx context.Context, changes []allocation.Changes) error {
	err := w.Store.Commit(ctx, changes)
	if err == nil {
		w.commits = append(w.commits, copyOf(changes))
	}
	return err
}

// checkLocked refuses a nil or ended context.
func checkLocked(ctx context.Context) error {
	if ctx == nil {
		return &allocation.Error{Op: "Locked", Field: "context", Err: allocation.ErrInvalid}
	}
	return ctx.Err()
}

// transact is a correct Locked.
func (s *lockable) transact(ctx context.Context, fn func(allocation.Store) error) error {
	if err := checkLocked(ctx); err != nil {
		return err
	}
	release, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.run(ctx, fn)
}

// run is transact without a lock.
func (s *lockable) run(ctx context.Context, fn func(allocation.Store) error) error {
	w := s.begin()
	if err := fn(w); err != nil {
		return err
	}
	return s.replay(ctx, w.commits)
}

// insider is a store in a transaction with replaceable methods.
type insider struct {
	allocation.Store
	load   func(ctx context.Context, q allocation.Query) ([]allocation.State, error)
	commit func(ctx context.Context, changes []allocation.Changes) error
}

func (i insider) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	return i.load(ctx, q)
}

func (i insider) Commit(ctx context.Context, changes []allocation.Changes) error {
	return i.commit(ctx, changes)
}

// insideOf returns a store whose transactions have replaced methods.
func insideOf(replace func(s *lockable, i *insider)) func() allocation.Store {
	return withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			return s.transact(ctx, func(inside allocation.Store) error {
				i := insider{Store: inside, load: inside.Load, commit: inside.Commit}
				replace(s, &i)
				return fn(i)
			})
		}
	})
}

const (
	rowLockerCommits   = "Locked commits if the function returns nil"
	rowLockerError     = "Locked takes everything back if the function returns an error, and returns the error"
	rowLockerPanic     = "Locked takes everything back if the function panics or ends its goroutine"
	rowLockerHolds     = "nobody else changes a product between the Load and the end of Locked"
	rowLockerSecond    = "a second Locked that loads the same product waits or loses, whatever the query"
	rowLockerChecks    = "a commit inside Locked is under the version check and the unique keys"
	rowLockerSwallowed = "a commit that failed inside Locked leaves nothing, even if the function returns nil"
	rowLockerDeadlock  = "two functions that lock products in opposite orders end, and a deadlock is an ErrConflict"
	rowLockerContext   = "Locked with an ended context or a nil context writes nothing"
	rowLockerAfter     = "the store works after a function inside Locked that failed"
	rowLockerSells     = "callers of a unit of work that locks first sell no unit twice"
)

var brokenLockers = []broken{
	{fault: "Locked never commits", row: rowLockerCommits, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			return s.transact(ctx, func(allocation.Store) error { return fn(s.begin()) })
		}
	})},
	{fault: "Locked swallows the function's error", row: rowLockerError, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			if err := checkLocked(ctx); err != nil {
				return err
			}
			_ = s.transact(ctx, fn)
			return nil
		}
	})},
	{fault: "customers are told yes after an error that Locked swallowed", row: rowLockerSells,
		new: withLocks(func(s *lockable) {
			s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
				if err := checkLocked(ctx); err != nil {
					return err
				}
				err := s.run(ctx, func(inside allocation.Store) error {
					defer func() { <-time.After(time.Millisecond) }() // time for another racer
					return fn(inside)
				})
				if !errors.Is(err, allocation.ErrConflict) {
					return err
				}
				return nil
			}
		})},
	{fault: "Locked returns the text of the function's error", row: rowLockerError, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			if err := s.transact(ctx, fn); err != nil {
				return errors.New("rolled back: " + err.Error())
			}
			return nil
		}
	})},
	{fault: "Locked commits although the function returned an error", row: rowLockerError,
		new: insideOf(func(s *lockable, i *insider) { i.commit = s.write })},
	{fault: "Locked commits although the function panicked", row: rowLockerPanic, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			return s.transact(ctx, func(inside allocation.Store) (err error) {
				defer func() {
					if err == nil {
						_ = s.replay(ctx, inside.(*work).commits)
						inside.(*work).commits = nil
					}
				}()
				return fn(inside)
			})
		}
	})},
	{fault: "Locked swallows a panic", row: rowLockerPanic, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) (err error) {
			defer func() {
				if recover() != nil {
					err = errBroken
				}
			}()
			return s.transact(ctx, fn)
		}
	})},
	{fault: "Locked locks nothing", row: rowLockerHolds, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			if err := checkLocked(ctx); err != nil {
				return err
			}
			return s.run(ctx, fn)
		}
	})},
	{fault: "Load inside locks only products selected by SKU", row: rowLockerSecond, new: lockingBySKU},
	{fault: "Commit inside doesn't check the version", row: rowLockerChecks,
		new: insideOf(func(s *lockable, i *insider) {
			i.commit = func(ctx context.Context, changes []allocation.Changes) error {
				changes = copyOf(changes)
				for n := range changes {
					onto(s.store(), &changes[n])
				}
				return i.Store.Commit(ctx, changes)
			}
		})},
	{fault: "the first product of a failed Commit inside is written", row: rowLockerSwallowed,
		new: insideOf(func(_ *lockable, i *insider) {
			i.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for n := range changes {
					if err := i.Store.Commit(ctx, changes[n:n+1]); err != nil {
						return err
					}
				}
				return nil
			}
		})},
	{fault: "a deadlock is no conflict", row: rowLockerDeadlock, new: deadlocking},
	{fault: "Locked ignores an ended context", row: rowLockerContext, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			if ctx != nil {
				ctx = context.WithoutCancel(ctx)
			}
			return s.transact(ctx, fn)
		}
	})},
	{fault: "Locked panics on a nil context", row: rowLockerContext, new: withLocks(func(s *lockable) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.transact(ctx, fn)
		}
	})},
	{fault: "Locked writes and returns the error of a context that ended inside", row: rowLockerContext,
		new: withLocks(func(s *lockable) {
			s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
				if err := checkLocked(ctx); err != nil {
					return err
				}
				if err := s.transact(context.WithoutCancel(ctx), fn); err != nil {
					return err
				}
				return ctx.Err()
			}
		})},
	{fault: "a function that panics or fails keeps its connection", row: rowLockerAfter,
		new: withLocks(func(s *lockable) {
			var lost atomic.Int64
			s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
				if lost.Load() > 10 {
					return errBroken
				}
				lost.Add(1)
				err := s.transact(ctx, fn)
				if err == nil {
					lost.Add(-1)
				}
				return err
			}
		})},
}

// write commits at once, without the transaction.
func (s *lockable) write(ctx context.Context, changes []allocation.Changes) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.replay(ctx, [][]allocation.Changes{copyOf(changes)})
}

// lockingBySKU waits for the lock only in a Load by SKUs.
var lockingBySKU = withLocks(func(s *lockable) {
	s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
		if err := checkLocked(ctx); err != nil {
			return err
		}
		release := func() {}
		defer func() { release() }()
		w, held := s.begin(), false
		i := insider{Store: w, commit: w.Commit}
		i.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			if len(q.SKUs) > 0 && !held {
				free, err := s.acquire(ctx)
				if err != nil {
					return nil, err
				}
				release, held = free, true
				w.Store = s.begin().Store
			}
			return w.Store.Load(ctx, q)
		}
		if err := fn(i); err != nil {
			return err
		}
		return s.replay(ctx, w.commits)
	}
})

// deadlocking finds a deadlock when a second transaction loads a second product.
var deadlocking = withLocks(func(s *lockable) {
	var running atomic.Int64
	s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
		if err := checkLocked(ctx); err != nil {
			return err
		}
		defer running.Add(-1)
		running.Add(1)
		w, loads := s.begin(), 0
		return fn(insider{Store: w, commit: func(ctx context.Context, changes []allocation.Changes) error {
			return s.replay(ctx, [][]allocation.Changes{copyOf(changes)})
		}, load: func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			if loads++; loads > 1 && running.Load() > 1 {
				return nil, errors.New("deadlock detected")
			}
			return w.Load(ctx, q)
		}})
	}
})
