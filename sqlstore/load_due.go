package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// chosenByDue selects the SKUs of the first :limit holds and batches that are due behind the turn (:from, :behind),
// however many are due. Each arm reads as many entries of its index.
func (t *templates) chosenByDue() string {
	return `
			SELECT DISTINCT oldest.sku FROM (
				SELECT due.sku FROM (
					SELECT holds.moment, holds.sku FROM (` + t.lapsing + `) holds
					UNION ALL
					SELECT lots.moment, lots.sku FROM (` + t.comingDue + `) lots` + t.waitingDue() + `) due
				ORDER BY due.moment, due.sku LIMIT ` + t.limit + `) oldest`
}

// dueBatches adds the batches that are due to the batches of a load.
func (t *templates) dueBatches() string {
	return `
			UNION
			SELECT b.ref FROM chosen c` + t.lookup("batches", "b", "batches_due_by_sku", t.dueOf("c.sku"))
}

// behind is the condition for an entry of an index that comes behind the turn (:from, :behind).
func behind(at, sku, from string) string {
	return at + " >= " + from + " AND (" + at + " > " + from + " OR " + sku + " > :behind)"
}

// loadDue chooses the products with a statement of its own, because MariaDB finds the holds of a product by an index
// only if the SKU is a parameter. All states are of the moment of the second statement; a product for which nothing is
// due any more is left out. An empty page would mean that nothing is due, so loadDue chooses again if somebody else has
// swept all chosen products in between.
func (s *Store) loadDue(ctx context.Context, r runner, q allocation.Query) ([]allocation.State, error) {
	for range mostDueReads {
		skus, err := s.chooseDue(ctx, r, q)
		if err != nil || len(skus) == 0 {
			return nil, err
		}
		q.SKUs = skus
		l := newLoading(q)
		statement := s.statements.load(q)
		if err := r.each(ctx, statement, statement.args(l.arg), l.row); err != nil {
			return nil, err
		}
		if due := slices.DeleteFunc(l.states(), l.isSwept); len(due) > 0 {
			return due, nil
		}
	}
	return nil, fmt.Errorf("%w: others have swept every product that was due", allocation.ErrConflict)
}

// mostDueReads is how often loadDue chooses products before loadDue gives up; each time others were faster.
const mostDueReads = 10

// chooseDue returns the SKUs of the first products for which anything is due behind the turn.
func (s *Store) chooseDue(ctx context.Context, r runner, q allocation.Query) (skus []allocation.SKU, err error) {
	q.Limit = min(q.Limit, s.engine.unionArms)
	err = r.each(ctx, s.statements.due, s.statements.due.args(newLoading(q).arg), func(row scanner) error {
		skus = append(skus, "")
		return row.Scan(&skus[len(skus)-1])
	})
	return skus, err
}

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
