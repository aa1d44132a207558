package allocation

import (
	"fmt"
	"time"
)

// HandOver makes the lines of one order the lines of another: a cart becomes an order. Each line keeps
// units, batches, terms, hold and age, so that the line's place is as before when a batch is cut (R6).
// Lines that the other order has already stay; a line with the same LineID is [ErrMismatch]. If any
// line to hand over is a lapsed hold, the answer is [ErrLapsed]. After an error no line is handed over.
//
// A line keeps the order from which the line came. If any line of to came from the order from, the call
// is a repeat, which changes nothing and returns the lines that came, whatever from has got since. Without
// such a line and without lines of from the answer is [ErrNotFound]. The product must be loaded with the
// lines of both orders.
func (p *Product) HandOver(from, to OrderID, now time.Time) ([]Allocation, error) {
	if err := checkHandOver(from, to); err != nil {
		return nil, err
	}
	now = clean(now)
	came, err := p.cameFrom(from, to, now)
	if err != nil || came != nil {
		return copies(came), err
	}
	if err := p.canHandOver(from, to, now); err != nil {
		return nil, err
	}
	return p.handOver(from, to, now), nil
}

// checkHandOver refuses to hand over lines from or to a bad order, or within one order.
func checkHandOver(from, to OrderID) error {
	const op = "HandOver"
	if err := checkID(op, "from", from); err != nil {
		return err
	}
	if err := checkID(op, "to", to); err != nil {
		return err
	}
	if from == to {
		return invalid(op, "to", to, "must be another order")
	}
	return nil
}

// cameFrom returns the lines of to that were handed over from the order from, by LineID; none and no
// error if there are none.
func (p *Product) cameFrom(from, to OrderID, now time.Time) (came []*line, err error) {
	const op = "HandOver"
	if !p.knows([]OrderID{from, to}) {
		return nil, &Error{Op: op, Field: "order", Value: to, Err: ErrNotLoaded}
	}
	for l := p.byOrder[to]; l != nil; l = l.next {
		switch {
		case l.removed || l.HandedFrom != from:
		case l.Lapsed(now):
			return nil, lineError(op, l.Key(), ErrLapsed)
		default:
			came = append(came, l)
		}
	}
	return came, nil
}

// canHandOver refuses to hand over the lines of an order if any of the lines can't be handed over.
func (p *Product) canHandOver(from, to OrderID, now time.Time) error {
	const op = "HandOver"
	lines, err := p.live(op, from, now)
	if err != nil {
		return err
	}
	number := len(lines)
	for l := p.byOrder[to]; l != nil; l = l.next {
		if !l.removed && !l.Lapsed(now) {
			number++
		}
	}
	for _, l := range lines {
		key := LineKey{OrderID: to, SKU: p.sku, Line: l.Line}
		present := p.line(key)
		switch {
		case present != nil && !present.removed && !present.Lapsed(now):
			return lineError(op, key, fmt.Errorf("%w: the order has the line already", ErrMismatch))
		case number > max(maxLines, len(lines)): // a cached product lets one line too many pass
			return lineError(op, key, fmt.Errorf("%w: an order has at most %d lines of a SKU", ErrNotAllowed, maxLines))
		}
	}
	return nil
}

// handOver hands over the lines of an order that can be handed over. The counters of the batches stay,
// since every unit stays promised.
func (p *Product) handOver(from, to OrderID, now time.Time) []Allocation {
	lines, _ := p.live("HandOver", from, now)
	given := make([]*line, len(lines))
	for i, old := range lines {
		l := p.line(LineKey{OrderID: to, SKU: p.sku, Line: old.Line})
		fresh := l == nil
		switch {
		case fresh:
			l = &line{}
		case !l.removed:
			p.lapse(l, now)
		}
		l.Allocation, l.changed, l.removed, l.missed = old.Allocation, true, false, false
		l.OrderID, l.HandedFrom = to, from
		old.Parts, old.Quantity, old.Waiting, old.removed = nil, 0, 0, true
		if fresh {
			p.addLine(l)
		}
		p.record(LineHandedOver{SKU: p.sku, At: now, OrderID: to, Line: l.Line, From: from})
		given[i] = l
	}
	p.settle(now)
	return copies(given)
}
