package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// dropWaiting removes lines that wait from a state.
func dropWaiting(state *allocation.State, drop func(l allocation.Allocation) bool) {
	state.Waiting = slices.DeleteFunc(state.Waiting, drop)
}

// pageWith gives a state another page: the lines that wait and are in the page, in another order or number.
func pageWith(
	s *memory.Store, q allocation.Query, state *allocation.State, compare func(a, b allocation.Allocation) int,
	in func(l allocation.Allocation) bool, limit int,
) {
	lines := slices.Clone(whole(s, state.SKU).Waiting)
	lines = slices.DeleteFunc(lines, func(l allocation.Allocation) bool { return !in(l) })
	slices.SortFunc(lines, compare)
	state.MoreWaiting, state.WaitingTo = len(lines) > limit, allocation.Rank{}
	if state.MoreWaiting {
		lines = lines[:limit]
		if !q.Due && limit > 0 {
			state.WaitingTo = placeOf(lines[limit-1])
		}
	}
	state.Waiting = lines
}

func inOrder(a, b allocation.Allocation) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Sequence, b.Sequence))
}

func fromOn(q allocation.Query) func(l allocation.Allocation) bool {
	return func(l allocation.Allocation) bool { return placeOf(l).Compare(q.From) <= 0 }
}

// pagingWaiting returns a store with a fault in pages of the lines that wait.
func pagingWaiting(fault func(s *memory.Store, q allocation.Query, state *allocation.State)) func() allocation.Store {
	return answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
		if q.Waiting && !q.Due {
			fault(s, q, state)
		}
	})
}

// respoken returns a store with a fault in the lines that a commit lets wait.
func respoken(fault func(l *allocation.Allocation)) func() allocation.Store {
	return writing(func(_ *memory.Store, c *allocation.Changes) {
		c.NewWaiting, c.Waiting = slices.Clone(c.NewWaiting), slices.Clone(c.Waiting)
		for _, lines := range [][]allocation.Allocation{c.NewWaiting, c.Waiting} {
			for i := range lines {
				fault(&lines[i])
			}
		}
	})
}

var brokenWaitingLoads = []broken{
	{fault: "lines that wait come with pages only", row: waitingLoadRows[0].name,
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			dropWaiting(state, func(allocation.Allocation) bool { return !q.Waiting })
		})},
	{fault: "an order that only waits has no product", row: waitingLoadRows[0].name,
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				return slices.DeleteFunc(states, func(state allocation.State) bool {
					return q.Order != "" && !hasLine(state, q.Order)
				}), err
			}
		})},
	{fault: "a line that waits is left out if the order was not asked for", row: waitingLoadRows[1].name,
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			dropWaiting(state, func(l allocation.Allocation) bool { return !q.Waiting && !asksFor(q, l.OrderID) })
		})},
	{fault: "AnyWaiting says whether lines were loaded", row: waitingLoadRows[2].name,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.AnyWaiting = len(state.Waiting) > 0
		})},
	{fault: "AnyWaiting stays set", row: waitingLoadRows[2].name,
		new: with(func(s *faulty) {
			waited := map[allocation.SKU]bool{}
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				for i := range states {
					waited[states[i].SKU] = waited[states[i].SKU] || states[i].AnyWaiting
					states[i].AnyWaiting = waited[states[i].SKU]
				}
				return states, err
			}
		})},
	{fault: "a page ignores From", row: waitingLoadRows[3].name,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.From = front })},
	{fault: "a page begins behind From", row: waitingLoadRows[3].name,
		new: asking(func(_ *memory.Store, q *allocation.Query) {
			if q.From != front {
				q.From.Sequence++
			}
		})},
	{fault: "a page ignores Limit", row: waitingLoadRows[3].name,
		new: pagingWaiting(func(s *memory.Store, q allocation.Query, state *allocation.State) {
			pageWith(s, q, state, inOrder, fromOn(q), plenty)
		})},
	{fault: "a full page always says that there are more", row: waitingLoadRows[3].name,
		new: pagingWaiting(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.MoreWaiting = len(state.Waiting) == q.Limit
		})},
	{fault: "WaitingTo is the place behind the page", row: waitingLoadRows[3].name,
		new: pagingWaiting(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			if state.MoreWaiting {
				state.WaitingTo.Sequence++
			}
		})},
	{fault: "the lowest priority comes first", row: waitingLoadRows[4].name,
		new: pagingWaiting(func(s *memory.Store, q allocation.Query, state *allocation.State) {
			reversed := func(a, b allocation.Allocation) int {
				return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Sequence, b.Sequence))
			}
			pageWith(s, q, state, reversed, fromOn(q), q.Limit)
		})},
	{fault: "lines are served by age alone", row: waitingLoadRows[4].name,
		new: pagingWaiting(func(s *memory.Store, q allocation.Query, state *allocation.State) {
			byAge := func(a, b allocation.Allocation) int { return cmp.Compare(a.Sequence, b.Sequence) }
			older := func(l allocation.Allocation) bool { return l.Sequence >= q.From.Sequence }
			pageWith(s, q, state, byAge, older, q.Limit)
		})},
	{fault: "a page comes without units", row: waitingLoadRows[5].name,
		new: pagingWaiting(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			dropLines(state, func(l allocation.Allocation) bool { return !asksFor(q, l.OrderID) })
		})},
	{fault: "lines are overdue at NeededBy", row: waitingLoadRows[6].name,
		new: asking(func(_ *memory.Store, q *allocation.Query) {
			if q.Waiting && q.Due {
				q.Now = q.Now.Add(time.Microsecond)
			}
		})},
	{fault: "overdue lines come in the order of serving", row: waitingLoadRows[6].name,
		new: answering(func(s *memory.Store, q allocation.Query, state *allocation.State) {
			if q.Waiting && q.Due {
				overdue := func(l allocation.Allocation) bool {
					return !l.NeededBy.IsZero() && l.NeededBy.Before(q.Now)
				}
				pageWith(s, q, state, inOrder, overdue, q.Limit)
			}
		})},
	{fault: "lines that wait are never due", row: waitingLoadRows[7].name,
		new: choosing(func(states []allocation.State) []allocation.State {
			return slices.DeleteFunc(states, func(s allocation.State) bool { return !hasHold(s) })
		})},
	{fault: "serving has no turn", row: waitingLoadRows[7].name,
		new: choosing(func(states []allocation.State) []allocation.State {
			return slices.DeleteFunc(states, func(s allocation.State) bool { return s.Serving != (allocation.Rank{}) })
		})},
}

var brokenWaitingValues = slices.Concat(brokenWaiters, []broken{
	{fault: "a changed line keeps its first quantity", row: waitingValueRows[1].name,
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			c.Waiting = slices.Clone(c.Waiting)
			for i, l := range c.Waiting {
				for _, known := range whole(s, c.SKU).Waiting {
					if known.Key() == l.Key() {
						c.Waiting[i].Waiting, c.Waiting[i].Wanted = known.Waiting, known.Wanted
					}
				}
			}
		})},
	{fault: "changed lines replace all lines that wait", row: waitingValueRows[1].name,
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for _, known := range whole(s, c.SKU).Waiting {
				named := func(l allocation.Allocation) bool { return l.Key() == known.Key() }
				if len(c.Waiting) > 0 && !slices.ContainsFunc(c.Waiting, named) &&
					!slices.Contains(c.EndedWaiting, known.Key()) {
					c.EndedWaiting = append(c.EndedWaiting, known.Key())
				}
			}
		})},
	{fault: "Serving is lost by the next commit", row: waitingValueRows[2].name,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if !c.NewServing {
				c.Serving = allocation.Rank{}
			}
		})},
	{fault: "Serving is never reset", row: waitingValueRows[2].name,
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if c.Serving == (allocation.Rank{}) {
				c.Serving = whole(s, c.SKU).Serving
			}
		})},
	{fault: "Serving has 32 bits", row: waitingValueRows[2].name,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			c.Serving.Sequence = int64(int32(c.Serving.Sequence)) //nolint:gosec // the fault
		})},
})

func holdInMilliseconds(l *allocation.Allocation) { l.HoldFor = l.HoldFor.Truncate(time.Millisecond) }

// brokenWaiters lose a field of a line that waits.
var brokenWaiters = func() (all []broken) {
	for fault, spoil := range map[string]func(l *allocation.Allocation){
		"the wanted units are lost":   func(l *allocation.Allocation) { l.Wanted = l.Waiting },
		"Split is lost":               func(l *allocation.Allocation) { l.Split = false },
		"Partial is lost":             func(l *allocation.Allocation) { l.Partial = false },
		"MayWait is lost":             func(l *allocation.Allocation) { l.MayWait = false },
		"HoldFor has milliseconds":    holdInMilliseconds,
		"NeededBy has seconds":        func(l *allocation.Allocation) { l.NeededBy = l.NeededBy.Truncate(time.Second) },
		"FreshUntil is lost":          func(l *allocation.Allocation) { l.FreshUntil = time.Time{} },
		"the location is lost":        func(l *allocation.Allocation) { l.Location = "" },
		"negative priorities are 0":   func(l *allocation.Allocation) { l.Priority = max(0, l.Priority) },
		"the first order is lost":     func(l *allocation.Allocation) { l.HandedFrom = "" },
		"the sequence is lost":        func(l *allocation.Allocation) { l.Sequence = 1 },
		"quantities have 32 bits":     func(l *allocation.Allocation) { l.Waiting = min(l.Waiting, 1<<31-1) },
		"the LineID is lost":          func(l *allocation.Allocation) { l.Line = "" },
		"FreshUntil takes NeededBy":   func(l *allocation.Allocation) { l.FreshUntil = l.NeededBy },
		"large sequences are rounded": func(l *allocation.Allocation) { l.Sequence = min(l.Sequence, 1<<52) },
	} {
		fault += ", of a line that waits"
		all = append(all, broken{fault: fault, row: waitingValueRows[0].name, new: respoken(spoil)})
	}
	return all
}()

var brokenWaitingCommits = []broken{
	{fault: "of more than 50 lines that begin to wait the rest is lost", row: rowManyWaiting,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.NewWaiting = page(c.NewWaiting) })},
	{fault: "of more than 50 changed lines that wait the rest is lost", row: rowManyWaiting,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Waiting = page(c.Waiting) })},
	{fault: "of more than 50 lines that wait no longer the rest is lost", row: rowManyWaiting,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.EndedWaiting = page(c.EndedWaiting) })},
	{fault: "of more than 50 lines that wait the rest isn't loaded", row: rowManyWaiting,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Waiting = page(state.Waiting)
		})},
	{fault: "a line that waits already is replaced", row: waitingCommitRows[0].name,
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for _, known := range whole(s, c.SKU).Waiting {
				again := func(l allocation.Allocation) bool { return l.Key() == known.Key() }
				if i := slices.IndexFunc(c.NewWaiting, again); i >= 0 {
					c.Waiting = append(c.Waiting, c.NewWaiting[i])
					c.NewWaiting = slices.Delete(slices.Clone(c.NewWaiting), i, i+1)
				}
			}
		})},
	{fault: "another line of an order that waits is refused", row: waitingCommitRows[0].name,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					for _, known := range whole(s.Store, c.SKU).Waiting {
						same := func(l allocation.Allocation) bool { return l.OrderID == known.OrderID }
						if slices.ContainsFunc(c.NewWaiting, same) {
							return allocation.ErrDuplicate
						}
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "a line that is given units waits on", row: waitingCommitRows[1].name,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.NewLines) > 0 {
				c.EndedWaiting = nil
			}
		})},
	{fault: "a removed line can't begin to wait", row: waitingCommitRows[1].name,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.Removed) > 0 {
				c.NewWaiting = nil
			}
		})},
	{fault: "lines begin to wait before the version is checked", row: waitingCommitRows[2].name,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				if err != nil && len(changes) == 1 && len(changes[0].NewWaiting) > 0 {
					c := changes[0]
					state := whole(s.Store, c.SKU)
					c.Read, c.Version = state.Version, state.Version+int64(len(c.Events))
					_ = s.Store.Commit(ctx, []allocation.Changes{c})
				}
				return err
			}
		})},
}
