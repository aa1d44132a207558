package allocation

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Guest is a write of the host's own that rides along with a command, in the transaction of the command's commit;
// see [Service.With]. Each store has its own kinds of guests, for example sqlstore.Row, sqlstore.Statement and
// memory.Func.
type Guest interface {
	// Guest does nothing; the method marks the type.
	Guest()
}

// GuestStore is an optional ability of a [Store]: to carry out guests together with a commit. If the store is a
// [Locker], the stores given by Locked have the ability, too. A wrapper that embeds a GuestStore and overrides Commit
// has to override CommitWith as well.
type GuestStore interface {
	// CheckGuest returns an error that wraps [ErrInvalid] for a guest that the store can't carry out, whatever the
	// store holds: a guest of an unknown kind, nil, or a guest with a mistake of its own. CheckGuest touches nothing.
	// A Service checks all guests of a command before anything is read.
	CheckGuest(guest Guest) error

	// CommitWith is Commit with guests. First the changes are written, under all checks of Commit; then the guests
	// are carried out, in the given order unless the kind of guest says otherwise; then changes and guests become
	// visible together. After an error nothing of the changes or of any guest lasts. All guests have passed
	// CheckGuest; the list may be empty. CommitWith must neither retain nor change the list.
	//
	// If the changes can be written and guests fail, the error is a [*GuestError] that names every guest at fault.
	// To find out, a store may carry out guests several times. A broken constraint of a guest is never an
	// ErrConflict or ErrDuplicate; a deadlock, a lost race, or a lock that couldn't be had is an ErrConflict
	// of the whole call. A failure that the store can't attribute, such as a constraint that is checked at
	// the end of the transaction, is an error without a GuestError; a Service then commits each command by itself.
	CommitWith(ctx context.Context, changes []Changes, guests []Guest) error
}

// GuestError is the error of [GuestStore].CommitWith for guests that failed. A [Service] gives each caller the error
// of the caller's own guest, in an [*Error]. GuestError doesn't unwrap to the errors of the guests, because a guest's
// error says nothing about the commit.
type GuestError struct {
	Errs []error // one for each guest; nil for a guest that is not at fault
}

// Error lists the guests at fault, with their places in the list.
func (e *GuestError) Error() string {
	var failed []string
	for i, err := range e.Errs {
		if err != nil {
			failed = append(failed, fmt.Sprintf("guest %d: %v", i, err))
		}
	}
	return "allocation: " + strings.Join(failed, "; ")
}

// guestsUnsupported returns the error for a store or a unit of work without the ability.
func guestsUnsupported(op string, at any) error {
	return &Error{Op: op, Field: "guests", Value: fmt.Sprintf("%T", at), Err: errors.ErrUnsupported}
}

// guests are the guests of one command.
type guests struct {
	list  []Guest // a nil entry stands for no guest
	first int     // the place of the first entry in the list of With
}
