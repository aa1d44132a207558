package allocation

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// Product is the aggregate root: all batches of one SKU and the lines allocated to the batches, under
// one version number. Only the methods of Product change batches and lines, and they hold the rules;
// each method either does everything that its comment says, or returns an error and changes nothing.
//
// A product knows the batches and lines that were loaded, see [Repository]. Asked about any other
// batch or line, a product returns [ErrNotLoaded]. A Product is not safe for concurrent use and must
// not be used after its unit of work.
//
// Methods take the present time as an argument. Times are converted to UTC and cut to microseconds
// (R11).
type Product struct {
	sku      SKU
	read     int64 // the version in the store
	refused  int64 // the number of the last refusal's event
	lowStock Quantity
	low      bool // whether the last LowStockCrossed said that the stock is low

	// batches are the batches for sale and the batches of the loaded lines, in the order of loading.
	batches []*batch
	places  map[BatchRef]int // index of each batch in batches, filled by index

	// lines are the loaded lines, in the order of loading. byOrder leads to the first line of each
	// order, and line.next from there to the order's further lines. All lines are loaded only for the
	// orders in asked; each list in asked is sorted.
	lines   []*line
	byOrder map[OrderID]*line
	asked   [][]OrderID
	holds   bool // some line is or was a hold
	timed   bool // some line has or had NeededBy, or is or was late

	longestHold time.Duration // UnitOfWorkOptions.LongestHold; 0 for none
	queue       queue         // the lines that wait

	complete   bool // the product is new, and the store has nothing to load
	moreLapsed bool // more holds have lapsed than were loaded

	// skipped is how many events the store has beyond the version, 0 but for Mend. The numbers of new
	// events come after the numbers of these events.
	skipped int64
	events  []Event
	settled int // how many events had been recorded when a method last settled
	steady  steady
}

// steady are the first batches of a product, at which neither settle nor a commit has to look again: since the
// last look nothing but new batches was recorded, and every change of a batch is recorded (R9). So announcing one
// batch costs the same beside ten batches and beside ten thousand.
type steady struct {
	settled int       // so many batches are as settle left them
	expiry  time.Time // the first expiry of the settled batches, zero for never
	units   Quantity  // the available units of the settled batches that are saleable, until expiry
	stored  int       // so many of the settled batches are as the store has them
}

// batch is a Batch inside the aggregate.
type batch struct {
	Batch
	stored Batch // the batch in the store; Ref is "" for a new batch

	// loaded says which open lines on the batch are loaded, and linesFrom, for a page, where the page
	// ends: all lines that leave no later than linesFrom are loaded.
	loaded    loaded
	linesFrom Rank
}

// loaded is how many of the open lines on a batch are loaded.
type loaded int

const (
	noLines loaded = iota // the lines were not loaded by batch
	someLines
	allLines
)

// line is an Allocation inside the aggregate.
type line struct {
	Allocation
	stored  bool  // the store has the line's units
	waited  bool  // the store has the line among the lines that wait
	changed bool  // the line differs from the stored line
	removed bool  // the line has no units left, and waits for none
	missed  bool  // units were on the way after NeededBy, and judge has not yet looked, see miss
	next    *line // the next loaded line of the order, by LineID
}

// maxLines is the most lines that an order may have of one SKU, so that a load stays small.
const maxLines = 1000

// NewProduct returns a product without batches for a SKU new to the store; add the product to the
// [Repository].
func NewProduct(sku SKU) (*Product, error) {
	if err := checkID("NewProduct", "sku", sku); err != nil {
		return nil, err
	}
	return &Product{sku: sku, byOrder: map[OrderID]*line{}, complete: true, queue: queue{page: wholeQueue}}, nil
}

// SKU returns the name of the product.
func (p *Product) SKU() SKU { return p.sku }

// Version is the number of the product's last event, stored or recorded by this unit of work; 0 for
// none.
func (p *Product) Version() int64 { return p.read + p.skipped + int64(len(p.events)) }

// Batches iterates over the loaded batches: all batches for sale, see [State], and the batches of the
// loaded lines.
func (p *Product) Batches() iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		for _, b := range p.batches {
			if !yield(b.Batch) {
				return
			}
		}
	}
}

// Lines returns the allocations of an order, by LineID. Lines returns [ErrNotFound] if the order has
// no line of this product, [ErrLapsed] if any line is a hold that has lapsed by now, and
// [ErrNotLoaded] if the product was loaded without the order.
func (p *Product) Lines(order OrderID, now time.Time) ([]Allocation, error) {
	lines, err := p.live("Lines", order, clean(now))
	if err != nil {
		return nil, err
	}
	return copies(lines), nil
}

// fewBatches is the number of batches up to which a search needs no map.
const fewBatches = 8

// index returns the place of a batch among the loaded batches, -1 if the batch is not loaded, in
// constant time.
func (p *Product) index(ref BatchRef) int {
	if len(p.batches) <= fewBatches {
		return slices.IndexFunc(p.batches, func(b *batch) bool { return b.Ref == ref })
	}
	if p.places == nil {
		p.places = make(map[BatchRef]int, 2*len(p.batches))
	}
	for i := len(p.places); i < len(p.batches); i++ { // batches are only ever appended
		p.places[p.batches[i].Ref] = i
	}
	if i, loaded := p.places[ref]; loaded {
		return i
	}
	return -1
}

// batch returns a batch named by the caller. A new product knows all of its batches, so any other
// batch does not exist.
func (p *Product) batch(op string, ref BatchRef) (*batch, error) {
	if err := checkID(op, "batch", ref); err != nil {
		return nil, err
	}
	if i := p.index(ref); i >= 0 {
		return p.batches[i], nil
	}
	if p.complete {
		return nil, &Error{Op: op, Field: "batch", Value: ref, Err: ErrNotFound}
	}
	return nil, &Error{Op: op, Field: "batch", Value: ref, Err: ErrNotLoaded}
}

// line returns a loaded line, removed or not; nil for none.
func (p *Product) line(key LineKey) *line {
	for l := p.byOrder[key.OrderID]; l != nil; l = l.next {
		if l.Line == key.Line {
			return l
		}
	}
	return nil
}

// addLine adds a line unknown until now.
func (p *Product) addLine(l *line) {
	p.lines = append(p.lines, l)
	p.note(l)
	first := p.byOrder[l.OrderID]
	if first == nil || l.Line < first.Line {
		p.byOrder[l.OrderID], l.next = l, first
		return
	}
	before := first
	for before.next != nil && before.next.Line < l.Line {
		before = before.next
	}
	before.next, l.next = l, before.next
}

// note notes that a line is a hold, or has or may miss a time. Most products have no such lines, and need not look
// for one.
func (p *Product) note(l *line) {
	p.holds = p.holds || !l.HeldUntil.IsZero()
	p.timed = p.timed || !l.NeededBy.IsZero() || l.Late
}

// hasLine reports whether the order has a loaded line.
func (p *Product) hasLine(order OrderID) bool {
	for l := p.byOrder[order]; l != nil; l = l.next {
		if !l.removed {
			return true
		}
	}
	return false
}

// find returns the lines of an order, lapsed or not, by LineID: at least one.
func (p *Product) find(op string, order OrderID) ([]*line, error) {
	if err := checkID(op, "order", order); err != nil {
		return nil, err
	}
	if !p.known(order) {
		return nil, &Error{Op: op, Field: "order", Value: order, Err: ErrNotLoaded}
	}
	var lines []*line
	for l := p.byOrder[order]; l != nil; l = l.next {
		if !l.removed {
			lines = append(lines, l)
		}
	}
	if lines == nil {
		return nil, lineError(op, LineKey{OrderID: order, SKU: p.sku}, ErrNotFound)
	}
	return lines, nil
}

// live is find for commands that are refused after a hold has lapsed (R7).
func (p *Product) live(op string, order OrderID, now time.Time) ([]*line, error) {
	lines, err := p.find(op, order)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		if l.Lapsed(now) {
			return nil, lineError(op, l.Key(), ErrLapsed)
		}
	}
	return lines, nil
}

// liveLine returns the named line, which must not have lapsed (R7).
func (p *Product) liveLine(op string, named OrderLine, now time.Time) (*line, error) {
	if named.SKU != p.sku {
		return nil, invalid(op, "sku", named.SKU, "must be the product's")
	}
	if !p.known(named.OrderID) {
		return nil, &Error{Op: op, Field: "order", Value: named.OrderID, Err: ErrNotLoaded}
	}
	l := p.line(named.Key())
	switch {
	case l == nil || l.removed:
		return nil, lineError(op, named.Key(), ErrNotFound)
	case l.Lapsed(now):
		return nil, lineError(op, named.Key(), ErrLapsed)
	}
	return l, nil
}

// lineError returns an error about a line.
func lineError(op string, key LineKey, reason error) error {
	return &Error{Op: op, Field: "order", Value: key.OrderID, Err: fmt.Errorf("%s: %w", key.text(), reason)}
}

// errMore is returned when a decision depends on lines of a batch beyond the loaded page. The unit of
// work begins again with a larger page.
var errMore = fmt.Errorf("%w: there is more than one page", ErrNotLoaded)

// more returns errMore for the product.
func (p *Product) more(op string) error {
	return &Error{Op: op, Field: "sku", Value: p.sku, Err: errMore}
}

// lapsedRemain returns the error for a decision that depends on lapsed holds beyond the loaded page.
func (p *Product) lapsedRemain(op string) error {
	return &lapsedError{op: op, skus: []SKU{p.sku}}
}

// record adds an event; the product's version moves by one (R9).
func (p *Product) record(e Event) {
	p.events = append(p.events, e)
	if _, added := e.(BatchAdded); !added {
		p.steady = steady{}
	}
}

// isNew reports whether the store has no such batch yet.
func (b *batch) isNew() bool { return b.stored.Ref == "" }

// copy returns the allocation without shared memory.
func (l *line) copy() Allocation {
	a := l.Allocation
	a.Parts = append([]Part(nil), a.Parts...)
	return a
}

// copies returns the allocations without shared memory.
func copies(lines []*line) []Allocation {
	allocations := make([]Allocation, len(lines))
	for i, l := range lines {
		allocations[i] = l.copy()
	}
	return allocations
}

// known reports whether all lines of an order are loaded: the order was asked for, or the product is
// new. Holds that have lapsed and lines of a batch are loaded without the order's further lines.
func (p *Product) known(order OrderID) bool {
	if p.complete {
		return true
	}
	return slices.ContainsFunc(p.asked, func(orders []OrderID) bool {
		_, asked := slices.BinarySearch(orders, order)
		return asked
	})
}

// knows reports whether the lines of all orders are known.
func (p *Product) knows(orders []OrderID) bool {
	for _, order := range orders {
		if !p.known(order) {
			return false
		}
	}
	return true
}
