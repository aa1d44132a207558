package allocation

import (
	"math"
	"time"
)

// queue is what a product knows of the lines that wait (R15).
type queue struct {
	any bool // somebody waits, in the store or since

	// serving is the place of the first line that was not yet offered what is free; zero if everybody was
	// offered all that is free. stored is the place in the store.
	serving, stored Rank

	page   page   // the loaded part of the queue
	freed  bool   // units became free, and nobody was offered the units
	policy Policy // UnitOfWorkOptions.Policy
	most   int    // so many lines are served by one method; 0 for no limit

	needed   time.Time // the earliest NeededBy, if the product was loaded for the sweep
	overdue  bool      // the page of overdue lines is loaded
	moreLate bool      // more lines are overdue than were loaded

	missing bool // the page from serving on is needed and not loaded
	passed  bool // serving passed all lines of the page, and units are left
}

// page is a part of a queue: all lines from one place to another, or to the end unless there are more.
type page struct {
	loaded   bool
	from, to Rank
	more     bool
}

// firstInLine is a place before every line that waits.
var firstInLine = Rank{Priority: math.MaxInt16, Sequence: 1}

// wholeQueue is the loaded page if all lines that wait are known.
var wholeQueue = page{loaded: true, from: firstInLine}

// covers reports whether the page has the line at a place, if there is one.
func (g page) covers(place Rank) bool {
	return g.loaded && !place.isBefore(g.from) && (!g.more || !g.to.isBefore(place))
}

// endsBefore reports whether the page is loaded, as every page with more behind is, and ends before a place. Then
// enough of the queue is loaded for one commit.
func (g page) endsBefore(place Rank) bool { return g.more && g.to.isBefore(place) }

// reaches reports whether the page has the place where serving goes on, and notes a missing page.
func (q *queue) reaches() bool {
	reached := q.page.covers(q.serving)
	q.missing = q.missing || !reached && !q.page.endsBefore(q.serving)
	return reached
}

// isUnread reports whether serving has to go on with lines that are not loaded.
func (q *queue) isUnread() bool { return q.missing && q.serving != (Rank{}) }

// isOverdue reports whether NeededBy of any line that waits has passed.
func (q *queue) isOverdue(now time.Time) bool { return !q.needed.IsZero() && q.needed.Before(now) }

// isBefore reports whether the place is served before another.
func (r Rank) isBefore(other Rank) bool { return r.Compare(other) > 0 }

// next returns the first place behind.
func (r Rank) next() Rank { return Rank{Priority: r.Priority, Sequence: r.Sequence + 1} }
