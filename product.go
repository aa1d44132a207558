package allocation

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

// Product is the aggregate root: all batches of one SKU and the lines that were allocated to them, under
// one version number. Its methods are the only way to change what is inside, and keep its rules;
// each one either does all of what it says or returns an error and changes nothing.
//
// A product holds what was loaded with it, see [Repository]. Asked about anything else it answers
// [ErrNotLoaded]. It is not safe for concurrent use and must not be used after its unit of work.
//
// Methods take the present time as an argument. Times are kept in UTC and cut to microseconds.
type Product struct {
	sku      SKU
	read     int64 // the version that was loaded
	refused  int64 // the number of the last refusal's event
	lowStock Quantity

	// batches are the open ones and those of the loaded lines, in the order of loading.
	batches []*batch

	// lines are the loaded ones, in the order of loading. An order that is not in byOrder has no line if it is
	// among those that were asked for, each list sorted.
	lines   []*line
	byOrder map[OrderID]*line
	asked   [][]OrderID

	complete   bool // there is nothing to load: the product is new
	moreLapsed bool // more holds have lapsed than were loaded

	events []Event
}

// batch is a Batch inside its aggregate.
type batch struct {
	Batch
	stored Batch // as the store has it; its Ref is "" if the store doesn't

	// linesFrom says which of the open lines on this batch are loaded: those with at least this Sequence.
	linesFrom int64
}

// noLines is the linesFrom of a batch whose lines were not asked for.
const noLines = math.MaxInt64

// line is an Allocation inside its aggregate.
type line struct {
	Allocation
	stored  bool // the store has a line of this order
	changed bool // it differs from the stored one
	removed bool // it is gone
}

// NewProduct returns a product without batches that no store knows yet; add it to the [Repository].
func NewProduct(sku SKU) (*Product, error) {
	if err := checkID("NewProduct", "sku", sku); err != nil {
		return nil, err
	}
	return &Product{sku: sku, byOrder: map[OrderID]*line{}, complete: true}, nil
}

// SKU names the product.
func (p *Product) SKU() SKU { return p.sku }

// Version is the number of the product's last event, told by this unit of work or before it; 0 if there
// is none yet.
func (p *Product) Version() int64 { return p.read + int64(len(p.events)) }

// Batches iterates over the batches that are loaded: all that have units available, and those that the
// loaded lines come from.
func (p *Product) Batches() iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		for _, b := range p.batches {
			if !yield(b.Batch) {
				return
			}
		}
	}
}

// Line returns what an order was given. It answers [ErrNotFound] if the order has no line of this
// product, [ErrLapsed] if it is a hold that has lapsed by now, and [ErrNotLoaded] if the order was
// not asked for when the product was loaded.
func (p *Product) Line(order OrderID, now time.Time) (Allocation, error) {
	l, err := p.live("Line", order, clean(now))
	if err != nil {
		return Allocation{}, err
	}
	return l.copy(), nil
}

// index finds a batch among the loaded ones; -1 if it isn't.
func (p *Product) index(ref BatchRef) int {
	for i, b := range p.batches {
		if b.Ref == ref {
			return i
		}
	}
	return -1
}

// batch finds a batch that the caller named.
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

// find finds the line of an order, lapsed or not.
func (p *Product) find(op string, order OrderID) (*line, error) {
	if err := checkID(op, "order", order); err != nil {
		return nil, err
	}
	l := p.byOrder[order]
	switch {
	case l == nil && !p.known(order):
		return nil, &Error{Op: op, Field: "order", Value: order, Err: ErrNotLoaded}
	case l == nil || l.removed:
		return nil, &Error{Op: op, Field: "order", Value: order, Err: fmt.Errorf("line of sku %q: %w", p.sku, ErrNotFound)}
	}
	return l, nil
}

// live is find for commands that a lapsed hold can't take.
func (p *Product) live(op string, order OrderID, now time.Time) (*line, error) {
	l, err := p.find(op, order)
	if err != nil {
		return nil, err
	}
	if l.Lapsed(now) {
		return nil, &Error{Op: op, Field: "order", Value: order, Err: fmt.Errorf("line of sku %q: %w", p.sku, ErrLapsed)}
	}
	return l, nil
}

// errMore is what the product answers when it depends on holds or lines beyond the page that was
// loaded. A unit of work begins again with a larger page.
var errMore = fmt.Errorf("%w: there is more than one page", ErrNotLoaded)

func (p *Product) more(op string) error {
	return &Error{Op: op, Field: "sku", Value: p.sku, Err: errMore}
}

func (p *Product) tell(e Event) {
	p.events = append(p.events, e)
}

// isNew reports whether the store doesn't have the batch yet.
func (b *batch) isNew() bool { return b.stored.Ref == "" }

// copy returns the allocation without sharing memory with the aggregate.
func (l *line) copy() Allocation {
	a := l.Allocation
	a.Parts = append([]Part(nil), a.Parts...)
	return a
}

// give promises units of a batch to the line and tells it.
func (p *Product) give(l *line, ref BatchRef, units Quantity, now time.Time) {
	p.batches[p.index(ref)].Allocated += units
	l.add(ref, units)
	p.tell(LineAllocated{
		SKU: p.sku, At: now, OrderID: l.OrderID, Batch: ref, Quantity: units, HeldUntil: l.HeldUntil,
	})
}

// take takes units of a batch away from the line; the caller tells why.
func (p *Product) take(l *line, ref BatchRef, units Quantity) {
	p.batches[p.index(ref)].Allocated -= units
	l.add(ref, -units)
}

// add changes the line's part from one batch and keeps the sum; a part, and a line, without units is gone.
func (l *line) add(ref BatchRef, units Quantity) {
	l.changed = true
	l.Quantity += units
	for i := range l.Parts {
		if l.Parts[i].Batch != ref {
			continue
		}
		l.Parts[i].Quantity += units
		if l.Parts[i].Quantity == 0 {
			l.Parts = append(l.Parts[:i], l.Parts[i+1:]...)
		}
		l.removed = len(l.Parts) == 0
		return
	}
	l.Parts = append(l.Parts, Part{Batch: ref, Quantity: units})
	l.removed = false
}

// known reports whether an order that has no line here has none at all.
func (p *Product) known(order OrderID) bool {
	if p.complete || p.byOrder[order] != nil {
		return true
	}
	return slices.ContainsFunc(p.asked, func(orders []OrderID) bool {
		_, asked := slices.BinarySearch(orders, order)
		return asked
	})
}

// knows reports whether all orders were asked for.
func (p *Product) knows(orders []OrderID) bool {
	for _, order := range orders {
		if !p.known(order) {
			return false
		}
	}
	return true
}
