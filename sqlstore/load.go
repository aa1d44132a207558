package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

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

// loading builds states from rows in any order.
type loading struct {
	allocation.Query
	named    map[allocation.OrderID]bool // Order and Orders
	products map[allocation.SKU]*product
	repeats  bool // several parts of the query may bring the same row

	// The current row.
	kind   int
	sku    allocation.SKU
	fields *fields
}

// product is a state under construction.
type product struct {
	allocation.State
	lines      map[allocation.LineKey]*line
	keptOrders map[allocation.OrderID]bool  // orders with lines in the state
	refs       map[allocation.BatchRef]bool // of the batches, if rows may repeat
	waits      map[allocation.LineKey]allocation.Allocation
}

type line struct {
	allocation.Allocation
	numbers []int // of its parts
	kept    bool  // already in the state
}

func newLoading(q allocation.Query) *loading {
	q.Limit = max(q.Limit, 0)
	l := &loading{Query: q, named: map[allocation.OrderID]bool{}, products: map[allocation.SKU]*product{}}
	l.fields = newFields(loadWidth, &l.kind, (*string)(&l.sku))
	for _, order := range l.orders() {
		l.named[order] = true
	}
	return l
}

func (l *loading) arg(name string) any {
	switch name {
	case "skus":
		return idList(l.SKUs)
	case "order":
		return string(l.Order)
	case "batch":
		return string(l.Batch)
	case "orders":
		return idList(l.orders())
	case "now":
		return l.Now.UnixMicro()
	case "from":
		return l.After.At.UnixMicro()
	case "behind":
		return string(l.After.SKU)
	case "serving_priority":
		return int64(l.From.Priority)
	case "serving_sequence":
		return l.From.Sequence
	case "limit":
		return l.Limit
	case "more": // the row beyond the page tells whether there are more
		return l.Limit + 1
	default: // the SKU of a repeated SELECT
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "sku"))
		return string(l.SKUs[n])
	}
}

// orders returns the orders with lines that the query names.
func (l *loading) orders() []allocation.OrderID {
	if l.Order == "" {
		return l.Orders
	}
	return append([]allocation.OrderID{l.Order}, l.Orders...)
}

func (l *loading) row(row scanner) error {
	if err := l.fields.scan(row); err != nil {
		return err
	}
	p := l.product(l.sku)
	switch l.kind {
	case 0:
		var read productRow
		loadedProduct.read(l.fields, &read)
		p.Version, p.Refused, p.LowStock, p.Low = read.version, read.refused, read.lowStock, read.low
		p.Serving.Priority, p.Serving.Sequence = int(l.fields.number()), l.fields.number()
		p.AnyWaiting = l.fields.number() != 0
		p.NextExpiry, p.FirstNeeded = moment(l.fields.nullable()), moment(l.fields.nullable())
	case 1:
		p.Batches = append(p.Batches, allocation.Batch{SKU: l.sku})
		loadedBatch.read(l.fields, &p.Batches[len(p.Batches)-1])
		if l.repeats && p.repeatsBatch() {
			p.Batches = p.Batches[:len(p.Batches)-1]
		}
	case 3:
		read := allocation.Allocation{MayWait: true}
		read.SKU = l.sku
		loadedWaiting.read(l.fields, &read)
		p.waits[read.Key()] = read
	default:
		read := lineRow{Allocation: &allocation.Allocation{}}
		read.SKU = l.sku
		loadedLine.read(l.fields, &read)
		p.line(read.Key()).add(read)
	}
	return nil
}

func (l *loading) product(sku allocation.SKU) *product {
	p := l.products[sku]
	if p == nil {
		p = &product{
			State: allocation.State{SKU: sku},
			lines: map[allocation.LineKey]*line{}, keptOrders: map[allocation.OrderID]bool{},
			waits: map[allocation.LineKey]allocation.Allocation{},
		}
		l.products[sku] = p
	}
	return p
}

// repeatsBatch reports whether the last batch has been read before.
func (p *product) repeatsBatch() bool {
	if p.refs == nil {
		p.refs = map[allocation.BatchRef]bool{}
	}
	ref := p.Batches[len(p.Batches)-1].Ref
	repeated := p.refs[ref]
	p.refs[ref] = true
	return repeated
}

func (p *product) line(key allocation.LineKey) *line {
	l := p.lines[key]
	if l == nil {
		l = &line{}
		l.OrderID, l.SKU, l.Line = key.OrderID, key.SKU, key.Line
		p.lines[key] = l
	}
	return l
}

// add inserts a part at the right place. The row of part 0 has the terms of the line, because the indexes cover
// only that row.
func (l *line) add(read lineRow) {
	if read.number == 0 {
		read.Quantity, read.Parts = l.Quantity, l.Parts
		l.Allocation = *read.Allocation
	}
	at, repeated := slices.BinarySearch(l.numbers, read.number)
	if repeated {
		return
	}
	l.numbers = slices.Insert(l.numbers, at, read.number)
	l.Parts = slices.Insert(l.Parts, at, read.part)
	l.Quantity += read.part.Quantity
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

// byName orders the lines of a product.
func byName(a, b *line) int {
	return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
}

// keep adds lines to the state, each once.
func (p *product) keep(lines []*line) {
	for _, li := range lines {
		if !li.kept {
			li.kept, p.keptOrders[li.OrderID] = true, true
			p.Lines = append(p.Lines, li.Allocation)
		}
	}
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

// isForSale reports whether the index of batches for sale has a batch.
func isForSale(b allocation.Batch) bool { return b.Available() > 0 && b.Blocked == "" && !b.Expired }

// isOpenOn reports whether the line has unshipped units of a batch.
func (l *line) isOpenOn(ref allocation.BatchRef) bool {
	return slices.ContainsFunc(l.Parts, func(part allocation.Part) bool {
		return part.Batch == ref && part.Quantity > part.Shipped
	})
}
