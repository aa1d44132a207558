package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const (
	rowGuestsCommit  = "changes and guests become visible together"
	rowGuestsOrder   = "guests are carried out in their order"
	rowGuestsFail    = "a guest that fails takes the changes and all other guests back"
	rowGuestsNamed   = "every guest at fault is named, and no other"
	rowGuestsNoClash = "a broken constraint of a guest is neither a conflict nor a duplicate"
	rowGuestsChecks  = "a conflict and a duplicate of the changes are found before a guest fails"
	rowGuestsNone    = "CommitWith without guests is Commit"
	rowGuestsUnknown = "a guest of an unknown kind, and no guest, are refused as invalid"
	rowGuestsContext = "CommitWith with an ended context or a nil context writes nothing"
	rowGuestsInside  = "guests inside Locked, or inside a host's transaction, last if the transaction does"
	rowGuestsAfter   = "the store works after guests that failed"
	rowGuestsCallers = "for callers of a Service on a busy product, rows and lines agree"
)

// hostRow is a guest of guested.
type hostRow string

func (hostRow) Guest() {}

var errRowTaken = errors.New("the row exists")

// rowsWith returns the rows after the guests, and an error for each guest.
func rowsWith(rows map[string]bool, guests []allocation.Guest) (after map[string]bool, failed *allocation.GuestError) {
	after = maps.Clone(rows)
	errs := make([]error, len(guests))
	for i, guest := range guests {
		key := string(guest.(hostRow))
		if after[key] {
			errs[i], failed = errRowTaken, &allocation.GuestError{Errs: errs}
		}
		after[key] = true
	}
	return after, failed
}

// guested is a store with Locked and guests. Faults are replaced methods.
type guested struct {
	*lockable
	rows map[string]bool // the mutex of lockable guards the committed rows

	loses bool // the answer to the next commit of a host's transaction
	gates map[allocation.SKU]chan struct{}

	check  func(guest allocation.Guest) error
	commit func(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error
	inside func(w *guestedWork, changes []allocation.Changes, guests []allocation.Guest) error
}

// guestedWork is a transaction of guested.
type guestedWork struct {
	*work
	store *guested
	rows  map[string]bool
}

// withGuests returns a store after replace has replaced methods, nil for a correct store.
func withGuests(replace func(s *guested)) func() allocation.Store {
	return func() allocation.Store {
		s := &guested{lockable: withLocks(nil)().(*lockable), rows: map[string]bool{}}
		s.gates = map[allocation.SKU]chan struct{}{}
		s.check, s.commit, s.inside = checkHostRow, s.commitWith, (*guestedWork).commitWith
		s.locked = s.transactWith
		if replace != nil {
			replace(s)
		}
		return s
	}
}

func checkHostRow(guest allocation.Guest) error {
	if _, known := guest.(hostRow); !known {
		return &allocation.Error{Op: "CheckGuest", Field: "guest", Value: guest, Err: allocation.ErrInvalid}
	}
	return nil
}

func (s *guested) CheckGuest(guest allocation.Guest) error { return s.check(guest) }

func (s *guested) CommitWith(
	ctx context.Context, changes []allocation.Changes, guests []allocation.Guest,
) error {
	return s.commit(ctx, changes, guests)
}

// commitWith is a correct CommitWith.
func (s *guested) commitWith(
	ctx context.Context, changes []allocation.Changes, guests []allocation.Guest,
) error {
	return s.transact(ctx, func(inside allocation.Store) error {
		return inside.(allocation.GuestStore).CommitWith(ctx, changes, guests)
	})
}

// transact is lockable's transact with rows.
func (s *guested) transact(ctx context.Context, fn func(allocation.Store) error) error {
	return s.lockable.transact(ctx, func(inside allocation.Store) error {
		s.mu.Lock()
		w := &guestedWork{inside.(*work), s, maps.Clone(s.rows)}
		s.mu.Unlock()
		if err := fn(w); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // before rows and products are committed
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rows = w.rows
		return nil
	})
}

func (s *guested) transactWith(ctx context.Context, fn func(allocation.Store) error) error {
	return s.transact(ctx, fn)
}

func (w *guestedWork) CheckGuest(guest allocation.Guest) error { return w.store.check(guest) }

func (w *guestedWork) CommitWith(
	_ context.Context, changes []allocation.Changes, guests []allocation.Guest,
) error {
	return w.store.inside(w, changes, guests)
}

// commitWith is a correct CommitWith inside a transaction.
func (w *guestedWork) commitWith(changes []allocation.Changes, guests []allocation.Guest) error {
	for _, guest := range guests {
		if err := w.store.check(guest); err != nil {
			return err
		}
	}
	trial := w.store.begin()
	for _, earlier := range append(slices.Clone(w.commits), changes) {
		if err := trial.Commit(context.Background(), copyOf(earlier)); err != nil {
			return err
		}
	}
	rows, failed := rowsWith(w.rows, guests)
	if failed != nil {
		return failed
	}
	w.rows = rows
	return w.Commit(context.Background(), changes)
}

// hostRows is a Config.Guests for guested and for memory.
func hostRows(_ testing.TB, store allocation.Store) HostRows {
	s, is := store.(*guested)
	if !is {
		return rowsInMemory()
	}
	return HostRows{
		Row: func(key string) allocation.Guest { return hostRow(key) },
		Keys: func() []string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Collect(maps.Keys(s.rows))
		},
	}
}

// rowsInMemory is a host's table for package memory.
func rowsInMemory() HostRows {
	var mu sync.Mutex
	rows := map[string]bool{}
	return HostRows{
		Row: func(key string) allocation.Guest {
			return memory.Func{
				Do: func() error {
					mu.Lock()
					defer mu.Unlock()
					if rows[key] {
						return errRowTaken
					}
					rows[key] = true
					return nil
				},
				Undo: func() {
					mu.Lock()
					defer mu.Unlock()
					delete(rows, key)
				},
			}
		},
		Keys: func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Collect(maps.Keys(rows))
		},
	}
}

// guestsWithin returns a store with a fault in a CommitWith inside any transaction.
func guestsWithin(
	inside func(w *guestedWork, changes []allocation.Changes, guests []allocation.Guest) error,
) func() allocation.Store {
	return withGuests(func(s *guested) { s.inside = inside })
}

// guestsOutside returns a store with a fault in the CommitWith of the store itself.
func guestsOutside(
	commit func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error,
) func() allocation.Store {
	return withGuests(func(s *guested) {
		s.commit = func(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			return commit(s, ctx, changes, guests)
		}
	})
}

var brokenGuests = []broken{
	{fault: "guests are lost", row: rowGuestsCommit, new: guestsWithin(
		func(w *guestedWork, changes []allocation.Changes, _ []allocation.Guest) error {
			return w.commitWith(changes, nil)
		})},
	{fault: "only the first guests are carried out", row: rowGuestsCommit, new: guestsWithin(
		func(w *guestedWork, changes []allocation.Changes, guests []allocation.Guest) error {
			return w.commitWith(changes, guests[:min(64, len(guests))])
		})},
	{fault: "guests are carried out backwards", row: rowGuestsOrder, new: guestsWithin(
		func(w *guestedWork, changes []allocation.Changes, guests []allocation.Guest) error {
			guests = slices.Clone(guests)
			slices.Reverse(guests)
			err := w.commitWith(changes, guests)
			if failed := (*allocation.GuestError)(nil); errors.As(err, &failed) {
				slices.Reverse(failed.Errs)
			}
			return err
		})},
	{fault: "the changes stay after a guest that failed", row: rowGuestsFail, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			err := s.commitWith(ctx, changes, guests)
			if errors.As(err, new(*allocation.GuestError)) {
				return errors.Join(err, s.commitWith(ctx, changes, nil))
			}
			return err
		})},
	{fault: "the guests before a guest that failed stay", row: rowGuestsFail, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			err := s.commitWith(ctx, changes, guests)
			if errors.As(err, new(*allocation.GuestError)) {
				return errors.Join(err, s.commitWith(ctx, nil, guests[:1]))
			}
			return err
		})},
	{fault: "only the first guest at fault is named", row: rowGuestsNamed, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			err := s.commitWith(ctx, changes, guests)
			if failed := (*allocation.GuestError)(nil); errors.As(err, &failed) {
				first := slices.IndexFunc(failed.Errs, func(err error) bool { return err != nil })
				clear(failed.Errs[first+1:])
			}
			return err
		})},
	{fault: "no guest is named", row: rowGuestsNamed, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			err := s.commitWith(ctx, changes, guests)
			if errors.As(err, new(*allocation.GuestError)) {
				return errRowTaken
			}
			return err
		})},
	{fault: "a guest that fails is a duplicate", row: rowGuestsNoClash, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			err := s.commitWith(ctx, changes, guests)
			if errors.As(err, new(*allocation.GuestError)) {
				return errors.Join(err, allocation.ErrDuplicate)
			}
			return err
		})},
	{fault: "guests are carried out before the changes are checked", row: rowGuestsChecks, new: guestsWithin(
		func(w *guestedWork, changes []allocation.Changes, guests []allocation.Guest) error {
			if _, failed := rowsWith(w.rows, guests); failed != nil {
				return failed
			}
			return w.commitWith(changes, guests)
		})},
	{fault: "without guests nothing is written", row: rowGuestsNone, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			if len(guests) == 0 {
				return nil
			}
			return s.commitWith(ctx, changes, guests)
		})},
	{fault: "unknown guests are accepted", row: rowGuestsUnknown, new: withGuests(func(s *guested) {
		s.check = func(allocation.Guest) error { return nil }
	})},
	{fault: "an ended context is ignored", row: rowGuestsContext, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			if ctx != nil {
				ctx = context.WithoutCancel(ctx)
			}
			return s.commitWith(ctx, changes, guests)
		})},
	{fault: "a nil context panics", row: rowGuestsContext, new: guestsOutside(
		func(s *guested, ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return s.commitWith(ctx, changes, guests)
		})},
	{fault: "guests inside Locked don't wait for the end", row: rowGuestsInside, new: withGuests(func(s *guested) {
		s.locked = func(ctx context.Context, fn func(allocation.Store) error) error {
			return s.transact(ctx, func(inside allocation.Store) error {
				err := fn(inside)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.rows = inside.(*guestedWork).rows
				return err
			})
		}
	})},
	{fault: "a store in a host's transaction loses guests", row: rowGuestsInside, new: withGuests(nil),
		join: func(_ testing.TB, store allocation.Store, fn func(allocation.Store) error) error {
			s := store.(*guested)
			return s.transact(context.Background(), func(inside allocation.Store) error {
				before := inside.(*guestedWork).rows
				err := fn(inside)
				inside.(*guestedWork).rows = before
				return err
			})
		}},
	{fault: "after a guest that failed nothing works", row: rowGuestsAfter, new: withGuests(func(s *guested) {
		spoilt := false
		s.commit = func(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
			if spoilt {
				return errBroken
			}
			err := s.commitWith(ctx, changes, guests)
			spoilt = errors.As(err, new(*allocation.GuestError))
			return err
		}
	})},
	{fault: "a guest that fails is ignored", row: rowGuestsCallers, new: guestsWithin(
		func(w *guestedWork, changes []allocation.Changes, guests []allocation.Guest) error {
			err := w.commitWith(changes, guests)
			if errors.As(err, new(*allocation.GuestError)) {
				return w.commitWith(changes, nil)
			}
			return err
		})},
}

func TestAConformingGuestStoreIsAccepted(t *testing.T) {
	sound := broken{new: withGuests(nil), join: func(
		_ testing.TB, store allocation.Store, fn func(allocation.Store) error,
	) error {
		return store.(*guested).transact(context.Background(), fn)
	}}
	for name, seen := range failures(t, sound.config(), Guests) {
		t.Errorf("%s/%s: %s", Guests, name, seen)
	}
}
