package sqlstore

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
)

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

// isOpenOn reports whether the line has unshipped units of a batch.
func (l *line) isOpenOn(ref allocation.BatchRef) bool {
	return slices.ContainsFunc(l.Parts, func(part allocation.Part) bool {
		return part.Batch == ref && part.Quantity > part.Shipped
	})
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

// byName orders the lines of a product.
func byName(a, b *line) int {
	return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
}

// isForSale reports whether the index of batches for sale has a batch.
func isForSale(b allocation.Batch) bool { return b.Available() > 0 && b.Blocked == "" && !b.Expired }
