package torture

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// lineState is what a line was at some time; the zero value is none.
type lineState struct {
	parts []allocation.Part // by batch
	held  time.Time
	terms terms
	late  bool               // so the last LineLate said
	from  allocation.OrderID // the order that the line was handed over from

	waiting allocation.Quantity // units that the line waits for
	asked   allocation.Quantity // units that the line is to have in all
	place   int64               // number of the first event about the line
	forgone allocation.Quantity // units for which the line waited until NeededBy, and no longer waits
	dropped bool                // the waiting ended in the last commit, since NeededBy had passed
	given   allocation.Quantity // units that the line got in the last commit because the line had waited
}

// gone says that the line has no units and waits for none.
func (l lineState) gone() bool { return len(l.parts) == 0 && l.waiting == 0 }

// add returns the state with more or fewer units from a batch, and more or fewer of them shipped.
func (l lineState) add(ref allocation.BatchRef, units, shipped allocation.Quantity) lineState {
	parts := slices.Clone(l.parts)
	byBatch := func(p allocation.Part, ref allocation.BatchRef) int { return cmp.Compare(p.Batch, ref) }
	at, found := slices.BinarySearchFunc(parts, ref, byBatch)
	if !found {
		parts = slices.Insert(parts, at, allocation.Part{Batch: ref})
	}
	parts[at].Quantity += units
	parts[at].Shipped += shipped
	if parts[at] == (allocation.Part{Batch: ref}) {
		parts = slices.Delete(parts, at, at+1)
	}
	l.parts = parts
	return l
}

func (l lineState) quantity() (units allocation.Quantity) {
	for _, p := range l.parts {
		units += p.Quantity
	}
	return units
}

func (l lineState) shipped() (units allocation.Quantity) {
	for _, p := range l.parts {
		units += p.Shipped
	}
	return units
}

// lapsed says that the line is a hold whose time has passed.
func (l lineState) lapsed(now time.Time) bool { return !l.held.IsZero() && !now.Before(l.held) }

// is says that the state is what a caller was answered.
func (l lineState) is(a allocation.Allocation) bool {
	byBatch := func(a, b allocation.Part) int { return cmp.Compare(a.Batch, b.Batch) }
	parts := slices.SortedFunc(slices.Values(a.Parts), byBatch)
	return slices.Equal(l.parts, parts) && l.held.Equal(a.HeldUntil) && l.terms.are(a) &&
		l.late == a.Late && l.from == a.HandedFrom && l.waiting == a.Waiting &&
		l.asked == max(a.Quantity, a.Wanted) && l.place == a.Sequence
}

// version is a state, and the owner's command that led to it; 0 if it was a command about something else.
type version struct {
	lineState
	by int
}

// timeline is what happened to a line, in its order.
type timeline []version

// now is the last state.
func (t timeline) now() lineState {
	if len(t) == 0 {
		return lineState{}
	}
	return t[len(t)-1].lineState
}

// during lists what the line may have been when the owner's command was answered: from what that command, or the last
// before it, made of the line until the next one changed it.
func (t timeline) during(number int) []version {
	all := append(timeline{{}}, t...)
	from := 0
	for i, v := range all {
		if v.by > 0 && v.by <= number {
			from = i
		}
	}
	to := from + 1
	for to < len(all) && all[to].by <= number {
		to++
	}
	return all[from:to]
}

// could says that one of the states that a line may have had at a command is as asked.
func (t timeline) could(number int, be func(lineState) bool) bool {
	return slices.ContainsFunc(t.during(number), func(v version) bool { return be(v.lineState) })
}
