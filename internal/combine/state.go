package combine

import "fmt"

// state is where a waiter stands.
type state uint8

const (
	idle      state = iota
	queued          // in the lines of its keys
	holding         // has its keys to itself, and no group
	leading         // carries out its group, or was told to
	following       // in the group of another waiter
	abandoned       // its caller went away
	done            // its work has been carried out
)

// event is what happens to a waiter.
type event uint8

const (
	enters  event = iota // the caller asks for the keys
	holds                // the keys are granted, for a caller who wanted nothing else
	starts               // the keys and a slot are granted
	joins                // a leader takes the waiter along
	leaves               // the caller's context has ended
	ends                 // the group is through, or the caller gives its keys back
	returns              // the leader's goroutine ended before it came to the follower's work
)

// transitions is all that can happen. An event that a state doesn't list is a mistake in this package.
//
//	           enters   holds    starts   joins      leaves     ends  returns
//	idle       queued
//	queued              holding  leading  following  abandoned
//	holding    queued                                abandoned  done
//	leading                                          abandoned  done
//	following                                        abandoned  done  queued
//
// A holding waiter enters again when it has found out which further keys its work needs. A leader leaves only if its
// caller's context ended before the caller heard of the lead.
var transitions = [done + 1][returns + 1]state{
	idle:      {enters: queued},
	queued:    {holds: holding, starts: leading, joins: following, leaves: abandoned},
	holding:   {enters: queued, leaves: abandoned, ends: done},
	leading:   {leaves: abandoned, ends: done},
	following: {leaves: abandoned, ends: done, returns: queued},
}

// on moves a waiter. The queue's mutex is held.
func (s *state) on(e event) {
	next := transitions[*s][e]
	if next == idle { // nothing leads back there
		panic(fmt.Sprintf("combine: event %d in state %d", e, *s))
	}
	*s = next
}
