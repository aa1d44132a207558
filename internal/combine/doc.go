// Package combine lets concurrent callers share work (group commit, flat combining). Each caller names the keys of the
// work. Callers with conflicting keys take turns; the work of callers who wait at the same time is carried out
// together, as a group, by one caller.
//
// # Words
//
// A waiter is a caller with work. A queued waiter becomes either the leader of a group, or a follower in the group of
// another waiter. The leader carries out the work of the whole group on the leader's goroutine. A waiter is abandoned
// if the caller went away. A holding waiter has keys and no group: either the waiter is finding out which further keys
// the work needs, or the caller wants nothing but the keys. The file state.go has the table of all transitions. The
// method consider in queue.go makes a waiter a leader; the method gather in gather.go makes followers.
//
// # Keys
//
// A claim on a key is exclusive or shared. Each key has a line of waiting claims, in the order of arrival. A waiter may
// start once no earlier claim conflicts, in the line of any key of the waiter, and no running group of others holds a
// key in a conflicting way. Since a waiter stands in all lines from the beginning, but for parking, later narrow work
// never starves waiting wide work.
//
// Nearly all claims on a quiet key are shared. As long as nobody claims a quiet key exclusively, shared claims on quiet
// keys stand in no lines, which saves most of their cost. The first exclusive claim on a quiet key puts the claims of
// all waiters and running groups into lines; the file quiet.go has the details.
//
// # Slots
//
// At most Options.Groups groups run at a time, so that work arriving meanwhile gathers into large groups. A group that
// runs for longer than Options.Patience no longer counts: work on other keys never waits for a hanging group.
//
// # Parking
//
// A waiter for a key of a hanging group is parked: the waiter takes back all claims on other keys, so that work behind
// goes ahead. Once the group has ended, the waiter claims the keys again, with the place of the first arrival. Firm
// claims are never taken back.
//
// # Goroutines
//
// The queue has no goroutines: a caller leads a group, finishes the group, and hands the slot on. A leader's panic or
// runtime.Goexit hands the slot on, too.
package combine
