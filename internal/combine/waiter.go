package combine

import "context"

// Claim says that the work of a waiter touches a key.
type Claim[K comparable] struct {
	Key K

	// Shared claims on a key don't conflict with each other; an exclusive claim conflicts with every other claim.
	Shared bool

	// Firm claims stay in the line while the waiter is parked.
	Firm bool

	// Quiet says that nearly all claims on the key are shared. All claims on a key have the same Quiet.
	Quiet bool
}

// Waiter is a caller with work. The caller fills in the exported fields and hands the waiter to [Queue.Do], once. The
// fields must not change afterwards.
type Waiter[K comparable, V any] struct {
	Claims []Claim[K] // at least one; each key once
	Size   int        // how much of a group's size the work takes, at least 1
	Value  V          // the work, for the function that carries out groups

	// Find, if set, is called while the waiter holds the keys of Claims, and returns claims on further keys. The waiter
	// queues for the further keys with the place of the first arrival, and keeps the first keys meanwhile.
	Find func(ctx context.Context) ([]Claim[K], error)

	// Entered, if set, is called once the waiter has a place in the queue: waiters that enter later come behind.
	Entered func()

	ctx    context.Context
	signal chan struct{} // receives once for each wait: the waiter holds, leads, or is done
	waited bool
	holds  bool // wants the keys and no group

	// The queue's mutex guards the fields below.
	state    state
	settled  bool
	parked   bool           // has taken back some claims, see park
	unlisted bool           // some claims are in no line, see unlist
	parkings int            // how often the waiter was parked before
	arrival  int64          // when the waiter first entered: the lower, the earlier
	group    *Group[K, V]   // holds the keys of the waiter
	own      Group[K, V]    // the group that the waiter leads; holds the keys during Find, too
	turn     place[K, V]    // in the line for a slot
	places   []place[K, V]  // in the lines of the keys
	first    [2]place[K, V] // where places begins: most work has two keys

	prev, next *Waiter[K, V] // among the unlisted
}

// Waited reports whether the waiter had to wait for a group after Find. If so, the view of Find may be outdated.
func (w *Waiter[K, V]) Waited() bool { return w.waited }

// clear reports whether a group may take the waiter's keys: no earlier claim conflicts in any line, and no other group
// holds a key in a conflicting way.
func (w *Waiter[K, V]) clear(g *Group[K, V]) bool {
	for i := range w.places {
		if !w.places[i].clear(g) {
			return false
		}
	}
	return true
}
