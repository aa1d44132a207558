// Package combine lets concurrent callers share their work (group commit, flat combining). Each caller names the keys
// that its work touches. Callers whose keys conflict take turns; callers that wait at the same time are carried out
// together, as one group, by one of them.
//
// # Words
//
// A waiter is one caller with its work. While it waits its turn it is queued. It then becomes either the leader of a
// group, or a follower in the group of another waiter. The leader carries out the work of the whole group on its own
// goroutine. A waiter whose caller went away is abandoned. A waiter that holds has its keys to itself and no group:
// it finds out which further keys its work needs, or wants nothing but the keys. The file state.go has the table of all
// transitions. The method consider in queue.go makes a waiter a leader; the method gather in gather.go makes followers.
//
// # Keys
//
// A claim on a key is exclusive or shared. Each key has a line of the claims that wait for it, in the order of their
// arrival. A waiter may start once no claim before its own conflicts, in the lines of all of its keys, and no running
// group of others holds one of the keys in a conflicting way. Since a waiter stands in all of its lines from the
// beginning, but for parking, narrow work that comes later never starves wide work that waits.
//
// # Slots
//
// At most Options.Groups groups run at a time, so that work which arrives meanwhile gathers into large groups. A
// group that runs for longer than Options.Patience no longer counts: work on other keys never waits for a group that
// hangs.
//
// # Parking
//
// A waiter for a key of a group that hangs is parked: the waiter takes back its claims on other keys, so that work
// behind goes ahead. Once the group has ended, the waiter claims them again, with the place of its first arrival. Firm
// claims are never taken back.
//
// # Goroutines
//
// The queue has no goroutine of its own: a caller leads its group, finishes the group, and hands its slot on. A
// leader's panic or runtime.Goexit hands the slot on, too.
package combine
