package sqlstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// positiveOrNullColumn is a column of a number that is never negative, with NULL for 0.
func positiveOrNullColumn[R any, N ~int64](name string, field func(row *R) *N, unit N) column[R] {
	return column[R]{
		name: name, kind: "bigint", slot: nullableSlot,
		write: func(v values, row *R) {
			if n := *field(row); n > 0 {
				v.number(int64(n / unit))
				return
			}
			v.null()
		},
		read: func(f *fields, row *R) { *field(row) = N(f.nullable().Int64) * unit },
	}
}

// waitingColumns are the columns of a line that waits.
var waitingColumns = columns[allocation.Allocation]{
	textColumn("order_id", func(l *allocation.Allocation) *allocation.OrderID { return &l.OrderID }),
	textColumn("sku", func(l *allocation.Allocation) *allocation.SKU { return &l.SKU }),
	textColumn("line", func(l *allocation.Allocation) *allocation.LineID { return &l.Line }),
	numberColumn("quantity", func(l *allocation.Allocation) *allocation.Quantity { return &l.Waiting }),
	numberColumn("wanted", func(l *allocation.Allocation) *allocation.Quantity { return &l.Wanted }),
	truthColumn("split", func(l *allocation.Allocation) *bool { return &l.Split }),
	truthColumn("partial", func(l *allocation.Allocation) *bool { return &l.Partial }),
	positiveOrNullColumn("hold_for", func(l *allocation.Allocation) *time.Duration { return &l.HoldFor },
		time.Microsecond),
	instantColumn("needed_by", func(l *allocation.Allocation) *time.Time { return &l.NeededBy }),
	instantColumn("fresh_until", func(l *allocation.Allocation) *time.Time { return &l.FreshUntil }),
	textColumn("location", func(l *allocation.Allocation) *allocation.Location { return &l.Location }),
	numberColumn("priority", func(l *allocation.Allocation) *int { return &l.Priority }).as("smallint"),
	textColumn("handed_from", func(l *allocation.Allocation) *allocation.OrderID { return &l.HandedFrom }),
	numberColumn("sequence", func(l *allocation.Allocation) *int64 { return &l.Sequence }),
}

// servingRow is where serving goes on in the queue of a product.
type servingRow struct {
	sku allocation.SKU
	allocation.Rank
}

var servingColumns = columns[servingRow]{
	textColumn("sku", func(s *servingRow) *allocation.SKU { return &s.sku }).in(roleKey),
	numberColumn("serving_priority", func(s *servingRow) *int { return &s.Priority }).as("smallint"),
	numberColumn("serving_sequence", func(s *servingRow) *int64 { return &s.Sequence }),
}

// endedColumns find a line that waits.
var endedColumns = removedColumns.keys()

var (
	aboutWaiting = subject[allocation.Allocation]{
		"order", func(l *allocation.Allocation) any { return l.OrderID }, allocation.ErrDuplicate,
	}
	aboutServing = subject[servingRow]{"sku", func(s *servingRow) any { return s.sku }, nil}
)

// addWaiting adds the rows of the lines that wait.
func (r *relations) addWaiting(c *allocation.Changes) {
	for _, key := range c.EndedWaiting {
		r.ended = append(r.ended, removedLine{key, 0})
	}
	r.newWaiting = append(r.newWaiting, c.NewWaiting...)
	r.waiting = append(r.waiting, c.Waiting...)
	if c.NewServing {
		r.servings = append(r.servings, servingRow{c.SKU, c.Serving})
	}
}

// concernWaiting reports whether the commit changes anything about lines that wait.
func (r *relations) concernWaiting() bool {
	return len(r.ended)+len(r.newWaiting)+len(r.waiting)+len(r.servings) > 0
}

// allEnded returns the lines that wait no longer, and the changed lines, which are written again.
func (r *relations) allEnded() []removedLine {
	if len(r.waiting) == 0 {
		return r.ended
	}
	all := slices.Clone(r.ended)
	for i := range r.waiting {
		all = append(all, removedLine{r.waiting[i].Key(), 0})
	}
	return all
}

// allWaiting returns the lines that wait, new and changed.
func (r *relations) allWaiting() []allocation.Allocation {
	if len(r.waiting) == 0 {
		return r.newWaiting
	}
	return slices.Concat(r.newWaiting, r.waiting)
}

// anyWaiting selects 1 if any line of product p waits. PostgreSQL would read the whole table for a product for which
// nobody waits, beside the long queue of another product, unless the order demands the index.
func (t *templates) anyWaiting() string {
	if t.expectFew != nil {
		return `COALESCE((SELECT 1 FROM {waiting} w
			WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0)`
	}
	return `CASE WHEN EXISTS (SELECT 1 FROM {waiting} w ` + t.indexHint("waiting_served") +
		` WHERE w.sku = p.sku) THEN 1 ELSE 0 END`
}

// firstNeeded selects the earliest needed_by of the lines of product p that wait and are due behind the turn.
func (t *templates) firstNeeded() string {
	return `(SELECT MIN(w.needed_by) FROM {waiting} w ` + t.indexHint("waiting_needed_by_sku") + `
			WHERE w.sku = p.sku AND ` + behind("w.needed_by", "w.sku", t.since) + `)`
}

// waitingOrders selects the products and orders of the lines that wait of the orders of the query.
func (t *templates) waitingOrders() string {
	return `
			SELECT w.sku, w.order_id FROM ` + t.list(":orders") + ` o` +
		t.lookup("waiting", "w", "", "w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)")
}

// servingPage selects the first :more lines that wait at the place (:serving_priority, :serving_sequence) or behind.
// Each of the two parts reads one range of the index.
func (t *templates) servingPage() string {
	lines := `SELECT w.sku, w.order_id, w.priority, w.sequence FROM {waiting} w ` + t.indexHint("waiting_served") + `
					WHERE w.sku = :sku0 AND `
	return `
			UNION
			SELECT page.sku, page.order_id FROM (
				SELECT * FROM (` + lines + `w.priority = :serving_priority AND w.sequence >= :serving_sequence
					ORDER BY w.sequence LIMIT :more) same
				UNION ALL
				SELECT * FROM (` + lines + `w.priority < :serving_priority
					ORDER BY w.priority DESC, w.sequence LIMIT :more) lower
				ORDER BY priority DESC, sequence LIMIT :more) page`
}

// neededPage selects the first :more lines that wait although needed_by has passed.
func (t *templates) neededPage() string {
	return `
			UNION
			SELECT page.sku, page.order_id FROM (
				SELECT w.sku, w.order_id FROM {waiting} w ` + t.indexHint("waiting_needed_by_sku") + `
				WHERE w.sku = :sku0 AND w.needed_by < :now ORDER BY w.needed_by, w.order_id, w.line LIMIT :more) page`
}

// waitingDue selects what the sweep has to do about lines that wait, as moment and SKU: lines whose needed_by has
// passed, and products whose serving has to go on, which come before everything else.
func (t *templates) waitingDue() string {
	return `
					UNION ALL
					SELECT needed.moment, needed.sku FROM (
						SELECT w.needed_by + 1 AS moment, w.sku FROM {waiting} w ` + t.indexHint("waiting_needed") + `
						WHERE w.needed_by < ` + t.present + ` AND ` + behind("w.needed_by", "w.sku", t.since) + `
						ORDER BY w.needed_by, w.sku LIMIT ` + t.limit + `) needed
					UNION ALL
					SELECT serving.moment, serving.sku FROM (
						SELECT ` + beginning + ` AS moment, marked.sku
						FROM {products} marked ` + t.indexHint("products_serving") + `
						WHERE marked.serving_sequence > 0 AND ` + behind(beginning, "marked.sku", t.from) + `
						ORDER BY marked.sku LIMIT ` + t.limit + `) serving`
}

// beginning is the zero time in microseconds.
const beginning = "-62135596800000000"

// isOverdue reports whether a line waits although NeededBy has passed.
func isOverdue(a allocation.Allocation, now time.Time) bool {
	return !a.NeededBy.IsZero() && a.NeededBy.Before(now)
}

// place returns the line's place in the queue.
func place(a allocation.Allocation) allocation.Rank {
	return allocation.Rank{Priority: a.Priority, Sequence: a.Sequence}
}

// pageOfWaiting chooses the page of the lines that wait, if the query asks for a page, and keeps the lines' orders. One
// line beyond the page shows whether there are more.
func (l *loading) pageOfWaiting(p *product) {
	if !l.Waiting {
		return
	}
	var page []allocation.Allocation
	for _, a := range p.waits {
		if l.Due && isOverdue(a, l.Now) || !l.Due && place(a).Compare(l.From) <= 0 {
			page = append(page, a)
		}
	}
	slices.SortFunc(page, func(a, b allocation.Allocation) int {
		if l.Due {
			return cmp.Or(a.NeededBy.Compare(b.NeededBy), byKey(a, b))
		}
		return place(b).Compare(place(a))
	})
	if len(page) > l.Limit {
		p.MoreWaiting = true
		page = page[:l.Limit]
		if !l.Due && l.Limit > 0 {
			p.WaitingTo = place(page[l.Limit-1])
		}
	}
	for _, a := range page {
		p.keptOrders[a.OrderID] = true
	}
}

// keepWaiting adds the lines that wait to the state, of the orders that the state has or that the query names.
func (l *loading) keepWaiting(p *product) {
	for _, a := range p.waits {
		if p.keptOrders[a.OrderID] || l.named[a.OrderID] {
			p.State.Waiting = append(p.State.Waiting, a)
		}
	}
	slices.SortFunc(p.State.Waiting, byKey)
}

// byKey orders the lines of a product that wait.
func byKey(a, b allocation.Allocation) int {
	return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
}
