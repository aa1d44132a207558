package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Func is a guest of a command, see [allocation.Service.With]: a pair of functions that stands for a row of the host's
// own. A test of a host's code keeps the row in a map, for example.
//
// Do runs while the store commits the command, after all checks of the changes have passed. If Do returns an error, the
// command fails with the error, and nothing of the command is written. An error that wraps [allocation.ErrConflict]
// stands for a deadlock: the commit is a lost race. A panic of Do, or the end of the goroutine, counts as an error.
//
// Undo takes the changes of a successful Do back, if the commit fails because of another guest, or at the rollback of a
// [Tx]. Several guests are undone in the reverse order. Do may run again afterwards. Undo may be nil if Do leaves
// nothing.
//
// Both functions run under the lock of the store, except for Undo at the rollback of a Tx, so they must not call the
// store, nor a Service on the store.
type Func struct {
	Do   func() error
	Undo func()
}

// Guest marks Func as an [allocation.Guest].
func (Func) Guest() {}

var _ allocation.GuestStore = (*Store)(nil)

// CheckGuest accepts a [Func] with a Do, see [allocation.GuestStore].
func (s *Store) CheckGuest(guest allocation.Guest) error {
	const op = "CheckGuest"
	f, known := guest.(Func)
	switch {
	case !known:
		return invalid(op, "guest", fmt.Sprintf("%T", guest), "must be a memory.Func")
	case f.Do == nil:
		return invalid(op, "Do", nil, "must not be nil")
	}
	return s.checkMade(op)
}

// CommitWith is Commit with guests of the type [Func], see [allocation.GuestStore]. Each Do runs, whether or not
// another Do has failed, so that CommitWith finds all guests at fault.
func (s *Store) CommitWith(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	if err := s.checkGuests(guests); err != nil {
		return err
	}
	return s.commit(ctx, changes, guests)
}

// CheckGuest is that of the store.
func (j joined) CheckGuest(guest allocation.Guest) error { return j.store.CheckGuest(guest) }

// CommitWith leaves the transaction usable if guests failed.
func (j joined) CommitWith(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	if err := j.store.checkGuests(guests); err != nil {
		return err
	}
	return j.commit(ctx, changes, guests)
}

func (s *Store) checkGuests(guests []allocation.Guest) error {
	for _, guest := range guests {
		if err := s.CheckGuest(guest); err != nil {
			return err
		}
	}
	return nil
}

// runAll runs all guests, and undoes the successful guests unless all succeed.
func runAll(guests []allocation.Guest) error {
	errs := make([]error, len(guests))
	failed, conflict := false, error(nil)
	for i, guest := range guests {
		err := run(guest.(Func).Do)
		if errors.Is(err, allocation.ErrConflict) && conflict == nil {
			conflict = err
		}
		errs[i], failed = err, failed || err != nil
	}
	if !failed {
		return nil
	}
	for i, guest := range slices.Backward(guests) {
		if undo := guest.(Func).Undo; errs[i] == nil && undo != nil {
			undo()
		}
	}
	if conflict != nil {
		return conflict
	}
	return &allocation.GuestError{Errs: errs}
}

// run calls a function on a goroutine of its own, because the goroutine of the commit belongs to another caller, whom
// neither a panic nor t.FailNow must end.
func run(do func() error) error {
	answer := make(chan error, 1)
	go func() {
		err := errors.New("memory: Do ended its goroutine")
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("memory: Do panicked: %v", cause)
			}
			answer <- err
		}()
		err = do()
	}()
	return <-answer
}
