package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Load reads products, see [allocation.Store]. On MariaDB a SELECT before chooses the products that are due.
func (s *Store) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	const op = "Load"
	if err := s.check(ctx, op); err != nil {
		return nil, err
	}
	parts := s.parts(q)
	var states []allocation.State
	err := s.atOneMoment(ctx, len(parts), func(r runner) (err error) {
		states, err = s.load(ctx, r, q, parts)
		return err
	})
	return states, s.explain(ctx, op, s.retryable(ctx, err))
}

// parts cuts a query that names more products and orders than one statement takes. Each part has some products with
// the lines of some orders. There are no parts if one statement is enough.
func (s *Store) parts(q allocation.Query) (parts []allocation.Query) {
	if s.engine.longest == 0 || (len(q.SKUs)+len(q.Orders))*longestID <= s.engine.longest {
		return nil
	}
	for _, skus := range cutIDs(s.engine, q.SKUs) {
		for _, orders := range cutIDs(s.engine, q.Orders) {
			part := q
			part.SKUs, part.Orders = skus, orders
			parts = append(parts, part)
		}
	}
	return parts
}

// atOneMoment runs fn, which reads with a number of statements. Several statements share a snapshot.
func (s *Store) atOneMoment(ctx context.Context, statements int, fn func(runner) error) (err error) {
	if statements <= 1 {
		return fn(s.db)
	}
	t, err := s.db.begin(ctx, s.engine.snapshot)
	if err != nil {
		return err
	}
	defer func() { s.db.leave(ctx, err) }() // after the rollback
	defer t.rollback(ctx)
	return fn(t)
}

func (s *Store) load(
	ctx context.Context, r runner, q allocation.Query, parts []allocation.Query,
) ([]allocation.State, error) {
	if q.Due && len(q.SKUs) == 0 && s.engine.unionArms > 0 {
		return s.loadDue(ctx, r, q)
	}
	l := newLoading(q)
	if len(parts) == 0 {
		statement := s.statements.load(q)
		if err := r.each(ctx, statement, statement.args(l.arg), l.row); err != nil {
			return nil, err
		}
	}
	l.repeats = len(parts) > 1
	for _, part := range parts {
		statement := s.statements.load(part)
		if err := r.each(ctx, statement, statement.args(newLoading(part).arg), l.row); err != nil {
			return nil, err
		}
	}
	return l.states(), nil
}

// states returns the result: products with something due in the order of time, others by SKU.
func (l *loading) states() []allocation.State {
	products := make([]*product, 0, len(l.products))
	for _, p := range l.products {
		if p.Version > 0 { // otherwise the product's own row is missing
			products = append(products, p)
		}
	}
	slices.SortFunc(products, func(a, b *product) int { return cmp.Compare(a.SKU, b.SKU) })
	states := make([]allocation.State, len(products))
	for i, p := range products {
		states[i] = l.state(p)
	}
	if l.Due {
		l.byTurn(states)
	}
	return states
}

// state cuts a product down to the query's page. The statement reads one lapsed hold, and one line of the batch,
// beyond the page; these show whether there are more, and are dropped unless the state has another line of their
// order. Lapsed holds come first. A state with one line of an order has all lines of the order.
func (l *loading) state(p *product) allocation.State {
	var lapsed, leaving, named, siblings []*line
	for _, li := range p.lines {
		siblings = append(siblings, li)
		if li.Lapsed(l.Now) {
			lapsed = append(lapsed, li)
		}
		if li.isOpenOn(l.Batch) {
			leaving = append(leaving, li)
		}
		if l.named[li.OrderID] {
			named = append(named, li)
		}
	}
	slices.SortFunc(lapsed, func(a, b *line) int { return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), byName(a, b)) })
	slices.SortFunc(leaving, func(a, b *line) int { return a.Rank().Compare(b.Rank()) })
	slices.SortFunc(named, byName)
	slices.SortFunc(siblings, byName)

	p.MoreLapsed = len(lapsed) > l.Limit
	if p.MoreLines = len(leaving) > l.Limit; p.MoreLines && l.Limit > 0 {
		p.LinesFrom = leaving[l.Limit-1].Rank()
	}
	p.keep(lapsed[:min(len(lapsed), l.Limit)])
	p.keep(leaving[:min(len(leaving), l.Limit)])
	p.keep(named)
	l.pageOfWaiting(p)
	p.keep(slices.DeleteFunc(siblings, func(li *line) bool { return !p.keptOrders[li.OrderID] }))
	l.keepWaiting(p)
	l.dropBatches(p)
	return p.State
}

// dropBatches drops batches that are not for sale, of lines that are not in the state.
func (l *loading) dropBatches(p *product) {
	needed := map[allocation.BatchRef]bool{l.Batch: true}
	for _, a := range p.Lines {
		for _, part := range a.Parts {
			needed[part.Batch] = true
		}
	}
	p.Batches = slices.DeleteFunc(p.Batches, func(b allocation.Batch) bool {
		return !isForSale(b) && !needed[b.Ref] && !(l.Due && isDue(b, l.Now))
	})
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

// chooseDue returns the SKUs of the first products for which anything is due behind the turn.
func (s *Store) chooseDue(ctx context.Context, r runner, q allocation.Query) (skus []allocation.SKU, err error) {
	q.Limit = min(q.Limit, s.engine.unionArms)
	err = r.each(ctx, s.statements.due, s.statements.due.args(newLoading(q).arg), func(row scanner) error {
		skus = append(skus, "")
		return row.Scan(&skus[len(skus)-1])
	})
	return skus, err
}

// mostDueReads is how often loadDue chooses products before loadDue gives up; each time others were faster.
const mostDueReads = 10
