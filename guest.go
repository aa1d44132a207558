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

// riders are the guests that go along with the commit of an attempt: the guests of all commands that changed
// something.
type riders struct {
	guests []Guest
	seats  []seat // one for each guest
}

// seat says to whom a guest belongs.
type seat struct {
	command *command
	group   *pending // the command in a group with others; nil for a command that is alone
	place   int      // in the list of With
}

// board adds the guests of a command.
func (r *riders) board(c *command, group *pending) *riders {
	if r == nil {
		r = &riders{}
	}
	for i, guest := range c.guests.list {
		if guest != nil {
			r.guests = append(r.guests, guest)
			r.seats = append(r.seats, seat{c, group, c.guests.first + i})
		}
	}
	return r
}

// commit writes the changes, together with the guests if there are any.
func (r *riders) commit(ctx context.Context, store Store, changes []Changes) error {
	if r == nil {
		return store.Commit(ctx, changes)
	}
	able, is := store.(GuestStore)
	if !is {
		return guestsUnsupported("Commit", store)
	}
	return able.CommitWith(ctx, changes, r.guests)
}

// outcome returns the attempt's error for the error of a commit. If guests failed, outcome excludes the commands of the
// failed guests, each with an error of its own, and the group begins again without the excluded commands. The failure
// of a command that is alone ends the unit of work.
func (r *riders) outcome(err error) error {
	var failed *GuestError
	if r == nil || !errors.As(err, &failed) {
		return err
	}
	for i, s := range r.seats {
		if i >= len(failed.Errs) || failed.Errs[i] == nil {
			continue
		}
		own := &Error{Op: s.command.op, Field: "guest", Value: s.place, Err: failed.Errs[i]}
		if s.group == nil {
			return &guestFailedError{own}
		}
		if !s.group.excluded {
			s.group.err, s.group.events, s.group.excluded = own, nil, true
		}
		err = errAgain
	}
	return err
}

// guestFailedError is the error of a unit of work whose guest failed. The guest's error says nothing about the commit,
// so guestFailedError doesn't unwrap to the guest's error: no attempt takes the error for a lost race, for example.
type guestFailedError struct{ own *Error }

func (e *guestFailedError) Error() string { return e.own.Error() }

// asGuestFailed returns the caller's own error for a failed guest, nil for other errors.
func asGuestFailed(err error) *Error {
	var failed *guestFailedError
	if errors.As(err, &failed) {
		return failed.own
	}
	return nil
}
