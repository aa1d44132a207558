package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// Load reads products with one SELECT, outside any transaction. See [allocation.Store].
func (s *Store) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	const op = "Load"
	if err := s.check(ctx, op); err != nil {
		return nil, err
	}
	states, err := s.load(ctx, s.pool(), q)
	return states, s.explain(ctx, op, err)
}

func (s *Store) load(ctx context.Context, r runner, q allocation.Query) ([]allocation.State, error) {
	l := newLoading(q)
	statement := s.statements.load(q)
	if err := r.each(ctx, statement, statement.args(l.arg), l.row); err != nil {
		return nil, err
	}
	return l.states(), nil
}

// loading builds states out of rows, which come in any order.
type loading struct {
	allocation.Query
	named    map[allocation.OrderID]bool // Order and Orders
	products map[allocation.SKU]*product
}

// product is a state under construction.
type product struct {
	allocation.State
	lines map[allocation.OrderID]*line
}

type line struct {
	allocation.Allocation
	numbers []int64 // of its parts
	kept    bool    // it is in the state
}

func newLoading(q allocation.Query) *loading {
	q.Limit = max(q.Limit, 0)
	l := &loading{Query: q, named: map[allocation.OrderID]bool{}, products: map[allocation.SKU]*product{}}
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
	case "limit":
		return l.Limit
	case "more": // one beyond the page shows whether there is more
		return l.Limit + 1
	default: // the SKU of an arm
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "sku"))
		return string(l.SKUs[n])
	}
}

// orders are those whose lines are asked for by name.
func (l *loading) orders() []allocation.OrderID {
	if l.Order == "" {
		return l.Orders
	}
	return append([]allocation.OrderID{l.Order}, l.Orders...)
}

func (l *loading) row(rows *sql.Rows) error {
	var (
		kind       int
		sku        allocation.SKU
		key, other string
		n          [5]int64
		t          [5]sql.NullInt64
	)
	err := rows.Scan(&kind, &sku, &key, &other, &n[0], &n[1], &n[2], &n[3], &n[4], &t[0], &t[1], &t[2], &t[3], &t[4])
	if err != nil {
		return err
	}
	p := l.product(sku)
	switch kind {
	case 0:
		p.Version, p.Refused, p.LowStock, p.NextExpiry = n[0], n[1], allocation.Quantity(n[2]), moment(t[0])
	case 1:
		p.Batches = append(p.Batches, allocation.Batch{
			Ref: allocation.BatchRef(key), SKU: sku, Location: allocation.Location(other),
			Purchased: allocation.Quantity(n[0]), Allocated: allocation.Quantity(n[1]), AnnouncedQuantity: allocation.Quantity(n[2]),
			ETA: moment(t[0]), BestBefore: moment(t[1]), AnnouncedETA: moment(t[2]), CountedAt: moment(t[3]), ShippedAt: moment(t[4]),
		})
	default:
		part := allocation.Part{
			Batch: allocation.BatchRef(other), Quantity: allocation.Quantity(n[1]), Shipped: allocation.Quantity(n[2]),
		}
		li := p.line(allocation.OrderID(key))
		if n[0] == 0 { // what the indexes go by
			li.Split, li.Sequence, li.HeldUntil = n[3] != 0, n[4], moment(t[0])
		}
		li.add(n[0], part)
	}
	return nil
}

func (l *loading) product(sku allocation.SKU) *product {
	p := l.products[sku]
	if p == nil {
		p = &product{State: allocation.State{SKU: sku}, lines: map[allocation.OrderID]*line{}}
		l.products[sku] = p
	}
	return p
}

func (p *product) line(order allocation.OrderID) *line {
	l := p.lines[order]
	if l == nil {
		l = &line{Allocation: allocation.Allocation{OrderLine: allocation.OrderLine{OrderID: order, SKU: p.SKU}}}
		p.lines[order] = l
	}
	return l
}

// add puts a part in its place.
func (l *line) add(number int64, part allocation.Part) {
	at, _ := slices.BinarySearch(l.numbers, number)
	l.numbers = slices.Insert(l.numbers, at, number)
	l.Parts = slices.Insert(l.Parts, at, part)
	l.Quantity += part.Quantity
}

// states returns what was asked for: lapsed products by their oldest hold, others by SKU.
func (l *loading) states() []allocation.State {
	products := make([]*product, 0, len(l.products))
	for _, p := range l.products {
		if p.Version > 0 { // else its own row is missing
			products = append(products, p)
		}
	}
	slices.SortFunc(products, func(a, b *product) int { return cmp.Compare(a.SKU, b.SKU) })
	states := make([]allocation.State, len(products))
	for i, p := range products {
		states[i] = l.state(p)
	}
	if l.Lapsed {
		slices.SortStableFunc(states, func(a, b allocation.State) int { return firstLapse(a).Compare(firstLapse(b)) })
	}
	return states
}

// firstLapse is when the oldest lapsed hold lapsed.
func firstLapse(s allocation.State) time.Time {
	if len(s.Lines) == 0 {
		return time.Time{}
	}
	return s.Lines[0].HeldUntil
}

// state cuts a product down to what the query asks for. The statement has fetched one lapsed hold, and one
// line of the batch, beyond the page; they show whether there is more, and go, unless they were asked
// for by their order as well. Lapsed holds stand first.
func (l *loading) state(p *product) allocation.State {
	var lapsed, newest, named []*line
	for _, li := range p.lines {
		if li.Lapsed(l.Now) {
			lapsed = append(lapsed, li)
		}
		if li.isOpenOn(l.Batch) {
			newest = append(newest, li)
		}
		if l.named[li.OrderID] {
			named = append(named, li)
		}
	}
	slices.SortFunc(lapsed, func(a, b *line) int {
		return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), cmp.Compare(a.OrderID, b.OrderID))
	})
	slices.SortFunc(newest, func(a, b *line) int { return cmp.Compare(b.Sequence, a.Sequence) })
	slices.SortFunc(named, func(a, b *line) int { return cmp.Compare(a.OrderID, b.OrderID) })

	p.MoreLapsed = len(lapsed) > l.Limit
	if len(newest) > l.Limit {
		p.LinesFrom = oldest(newest[:l.Limit])
	}
	p.keep(lapsed[:min(len(lapsed), l.Limit)])
	p.keep(newest[:min(len(newest), l.Limit)])
	p.keep(named)
	p.dropBatches(l.Batch)
	return p.State
}

// oldest is the LinesFrom of a page, newest line first.
func oldest(page []*line) int64 {
	if len(page) == 0 {
		return math.MaxInt64
	}
	return page[len(page)-1].Sequence
}

// keep puts lines into the state, each once.
func (p *product) keep(lines []*line) {
	for _, li := range lines {
		if !li.kept {
			li.kept = true
			p.Lines = append(p.Lines, li.Allocation)
		}
	}
}

// dropBatches drops used-up batches that were fetched for a line which was not kept.
func (p *product) dropBatches(named allocation.BatchRef) {
	needed := map[allocation.BatchRef]bool{named: true}
	for _, a := range p.Lines {
		for _, part := range a.Parts {
			needed[part.Batch] = true
		}
	}
	p.Batches = slices.DeleteFunc(p.Batches, func(b allocation.Batch) bool { return b.Available() <= 0 && !needed[b.Ref] })
}

// isOpenOn reports whether the line has unshipped units of a batch.
func (l *line) isOpenOn(ref allocation.BatchRef) bool {
	return slices.ContainsFunc(l.Parts, func(part allocation.Part) bool {
		return part.Batch == ref && part.Quantity > part.Shipped
	})
}
