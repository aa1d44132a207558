package allocation

import (
	"fmt"
	"time"
)

// Confirm makes the held lines of an order firm, and returns all lines of the order. Firm lines stay
// unchanged. If any line is a lapsed hold, no line is confirmed and the answer is [ErrLapsed]; if any line
// has no units yet, the answer is [ErrNotAllowed]. A confirmed line with HoldFor that waits for further
// units gets them firm.
func (p *Product) Confirm(order OrderID, now time.Time) ([]Allocation, error) {
	return p.confirmLines(order, now, true)
}

// confirmLines is Confirm; unless named, lines without units are passed over.
func (p *Product) confirmLines(order OrderID, now time.Time, named bool) ([]Allocation, error) {
	now = clean(now)
	lines, err := p.withUnits("Confirm", order, now, named)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		p.confirm(l, now)
	}
	p.settle(now)
	return copies(lines), nil
}

// confirm makes a live line firm.
func (p *Product) confirm(l *line, now time.Time) {
	if !l.HeldUntil.IsZero() || l.HoldFor > 0 {
		l.HeldUntil, l.HoldFor, l.changed = time.Time{}, 0, true
		p.record(HoldConfirmed{SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line})
	}
}

// Extend holds the lines of an order until a later time; a line held for that long already stays
// unchanged, even if the given time has passed, since a belated repeat is no error (R3). If any line is
// firm, no line is extended and the answer is [ErrNotAllowed]. If any line is a lapsed hold, the answer
// is [ErrLapsed], since the units may have been sold (R7); if any line has no units yet, the answer is
// ErrNotAllowed.
func (p *Product) Extend(order OrderID, until, now time.Time) ([]Allocation, error) {
	return p.extendLines(order, until, now, true)
}

// extendLines is Extend; unless named, lines without units are passed over.
func (p *Product) extendLines(order OrderID, until, now time.Time, named bool) ([]Allocation, error) {
	const op = "Extend"
	if err := checkTime(op, "hold until", until); err != nil {
		return nil, err
	}
	until, now = clean(until), clean(now)
	lines, err := p.withUnits(op, order, now, named)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		switch {
		case l.HeldUntil.IsZero():
			return nil, notAllowed(op, "order", order, l.Key().text()+" is firm")
		case l.extends(until) && p.tooLong(until, now):
			return nil, p.longHold(op, until)
		}
	}
	for _, l := range lines {
		p.extend(l, until, now)
	}
	p.settle(now)
	return copies(lines), nil
}

// extend holds a live line until a later time. A firm line, or a line held for that long, stays as
// before.
func (p *Product) extend(l *line, until, now time.Time) {
	if l.extends(until) {
		p.record(HoldExtended{SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, From: l.HeldUntil, To: until})
		l.HeldUntil, l.changed = until, true
	}
}

// extends reports whether a hold until the given time would be longer than the line's hold.
func (l *line) extends(until time.Time) bool {
	return !l.HeldUntil.IsZero() && until.After(l.HeldUntil)
}

// tooLong reports whether a new hold until the given time would be longer than the host allows.
func (p *Product) tooLong(until, now time.Time) bool {
	return p.longestHold > 0 && until.Sub(now) > p.longestHold
}

// longHold returns the error for a hold that would be too long.
func (p *Product) longHold(op string, until time.Time) error {
	return invalid(op, "hold until", until, fmt.Sprintf("must be at most %v from now, the LongestHold", p.longestHold))
}
