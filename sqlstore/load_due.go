package sqlstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// isSwept reports whether nothing of a state is due, before the turn of the query or behind.
func (l *loading) isSwept(s allocation.State) bool {
	lapsed := func(a allocation.Allocation) bool { return a.Lapsed(l.Now) }
	due := func(b allocation.Batch) bool { return isDue(b, l.Now) }
	overdue := !s.FirstNeeded.IsZero() && s.FirstNeeded.Before(l.Now)
	return !overdue && s.Serving == (allocation.Rank{}) &&
		!slices.ContainsFunc(s.Lines, lapsed) && !slices.ContainsFunc(s.Batches, due)
}

// byTurn sorts states by the first thing that is due behind the turn of the query, and by SKU.
func (l *loading) byTurn(states []allocation.State) {
	turns := make(map[allocation.SKU]time.Time, len(states))
	for _, s := range states {
		turns[s.SKU], _ = l.firstDue(s)
	}
	slices.SortFunc(states, func(a, b allocation.State) int {
		return cmp.Or(turns[a.SKU].Compare(turns[b.SKU]), cmp.Compare(a.SKU, b.SKU))
	})
}

// firstDue returns the time of the first hold or batch of a state that is due behind the turn of the query.
func (l *loading) firstDue(s allocation.State) (at time.Time, due bool) {
	note := func(other time.Time) {
		isBehind := other.After(l.After.At) || other.Equal(l.After.At) && s.SKU > l.After.SKU
		if isBehind && (!due || other.Before(at)) {
			at, due = other, true
		}
	}
	if s.Serving != (allocation.Rank{}) {
		note(time.Time{})
	}
	if !s.FirstNeeded.IsZero() && s.FirstNeeded.Before(l.Now) {
		note(s.FirstNeeded.Add(time.Microsecond))
	}
	for _, a := range s.Lines {
		if a.Lapsed(l.Now) {
			note(a.HeldUntil)
		}
	}
	for _, b := range s.Batches {
		if isDue(b, l.Now) {
			note(b.Due)
		}
	}
	return at, due
}

// isDue reports whether the sweep has to look at a batch.
func isDue(b allocation.Batch, now time.Time) bool { return !b.Due.IsZero() && !b.Due.After(now) }
