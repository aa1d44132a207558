package allocation

import (
	"context"
	"errors"
)

// riders are the guests that go along with the commit of an attempt: the guests of all commands that changed
// something.
type riders struct {
	guests []Guest
	seats  []seat // one for each guest
}

// seat says to whom a guest belongs.
type seat struct {
	op      string
	place   int              // in the list of With
	exclude func(own *Error) // ends the command in a group with others; nil for a command that is alone
}

// board adds the guests of a command. The function exclude is nil for a command that is alone in its unit of work.
func (r *riders) board(op string, given *guests, exclude func(own *Error)) *riders {
	if r == nil {
		r = &riders{}
	}
	for i, guest := range given.list {
		if guest != nil {
			r.guests = append(r.guests, guest)
			r.seats = append(r.seats, seat{op: op, place: given.first + i, exclude: exclude})
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
		own := &Error{Op: s.op, Field: "guest", Value: s.place, Err: failed.Errs[i]}
		if s.exclude == nil {
			return &guestFailedError{own}
		}
		s.exclude(own)
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
