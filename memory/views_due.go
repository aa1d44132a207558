package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/views"
)

// Due returns a page of what is due, see [views.DueReader].
func (s *Store) Due(
	ctx context.Context, by time.Time, after views.Key, limit int, kinds ...views.DueKind,
) ([]views.Due, error) {
	const op = "Due"
	err := cmp.Or(s.check(ctx, op), checkAtLeastOne(op, "limit", limit))
	for _, kind := range kinds {
		err = cmp.Or(err, checkKind(op, kind))
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	page := duePage{by: by, after: after, kinds: kinds}
	for _, p := range s.products {
		page.addProduct(p)
	}
	return page.take(limit), nil
}

// checkKind refuses a kind that doesn't exist.
func checkKind(op string, kind views.DueKind) error {
	switch kind {
	case views.DueArrival, views.DueExpiry, views.DueHold, views.DueLate, views.DueWaiting:
		return nil
	}
	return invalid(op, "kind", kind, "must be a kind of views.DueKind")
}

// duePage collects a page of what is due from the indexes of products. Each index has rows of one kind, in the order
// of the page, so that a page looks at few rows beside a million.
type duePage struct {
	by     time.Time
	after  views.Key
	kinds  []views.DueKind
	lists  []*dueList
	looked int // so many rows were made
}

// dueList is what an index has for the page: the first row, and the way to the next.
type dueList struct {
	first views.Due
	next  func() (next views.Due, found bool)
}

// advance goes on to the next row, and reports whether the page may have the row.
func (l *dueList) advance(by time.Time) (found bool) {
	l.first, found = l.next()
	return found && (by.IsZero() || !l.first.At.After(by))
}

func (l *dueList) compare(other *dueList) int { return l.first.Compare(other.first) }

// addProduct adds the lists of a product.
func (d *duePage) addProduct(p *product) {
	addDueList(d, views.DueArrival, &p.arriving, p.viewArrival)
	addDueList(d, views.DueExpiry, &p.expiring, p.viewExpiry)
	addDueList(d, views.DueHold, &p.holds, p.viewHold)
	addDueList(d, views.DueWaiting, &p.needed, p.viewWaiting)
	for arriving := range p.arriving.all() { // units are promised of no other batch on the way
		b := p.batches[arriving.ref]
		addDueList(d, views.DueLate, &b.dated, func(n neededLine) views.Due { return p.viewLate(b, n) })
	}
}

// addDueList adds an index with rows of a kind, unless the page has none of them.
func addDueList[T entry[T]](d *duePage, kind views.DueKind, index *ordered[T], row func(T) views.Due) {
	if len(d.kinds) > 0 && !slices.Contains(d.kinds, kind) {
		return
	}
	looked := func(e T) views.Due {
		d.looked++
		made := row(e)
		made.Kind = kind
		return made
	}
	next := index.cursor(func(e T) bool { return looked(e).IsBehind(d.after) })
	list := &dueList{next: func() (views.Due, bool) {
		e, found := next()
		if !found {
			return views.Due{}, false
		}
		return looked(e), true
	}}
	if list.advance(d.by) {
		d.lists = append(d.lists, list)
	}
}

// take merges the first rows of all lists.
func (d *duePage) take(limit int) (due []views.Due) {
	slices.SortFunc(d.lists, (*dueList).compare)
	for len(due) < limit && len(d.lists) > 0 {
		list := d.lists[0]
		due = append(due, list.first)
		d.lists = d.lists[1:]
		if list.advance(d.by) {
			at, _ := slices.BinarySearchFunc(d.lists, list, (*dueList).compare)
			d.lists = slices.Insert(d.lists, at, list)
		}
	}
	return due
}

func (p *product) viewArrival(d dueBatch) views.Due {
	row := p.viewDueBatch(d)
	row.Told = false
	return row
}

func (p *product) viewExpiry(d dueBatch) views.Due { return p.viewDueBatch(d) }

func (p *product) viewDueBatch(d dueBatch) views.Due {
	b := p.batches[d.ref]
	return views.Due{
		At: d.at, SKU: p.sku, Batch: b.Ref, Quantity: b.Purchased, Promised: b.Allocated, Told: b.Expired,
	}
}

func (p *product) viewHold(h hold) views.Due {
	a := &p.line(h.line).Allocation
	return views.Due{
		At: h.until, SKU: p.sku, OrderID: a.OrderID, Line: a.Line, Quantity: a.Quantity - a.Shipped(),
	}
}

func (p *product) viewWaiting(n neededLine) views.Due {
	return views.Due{
		At: n.due(), SKU: p.sku, OrderID: n.line.OrderID, Line: n.line.Line, Quantity: p.waiting[n.line].Waiting,
	}
}

// viewLate returns a line that a batch on the way makes late.
func (p *product) viewLate(b *batch, n neededLine) views.Due {
	a := &p.line(n.line).Allocation
	share := viewShare(a, b.Ref)
	return views.Due{
		At: n.due(), SKU: p.sku, Batch: b.Ref, OrderID: a.OrderID, Line: a.Line,
		Quantity: share.Quantity - share.Shipped, Told: a.Late,
	}
}
