package allocation

import (
	"cmp"
	"slices"
	"time"
)

// Confirm makes a held line firm. A firm line is returned unchanged; a lapsed hold is [ErrLapsed].
func (p *Product) Confirm(order OrderID, now time.Time) (Allocation, error) {
	now = clean(now)
	l, err := p.live("Confirm", order, now)
	if err != nil {
		return Allocation{}, err
	}
	p.confirm(l, now)
	return l.copy(), nil
}

// confirm makes a live line firm.
func (p *Product) confirm(l *line, now time.Time) {
	if !l.HeldUntil.IsZero() {
		l.HeldUntil, l.changed = time.Time{}, true
		p.record(HoldConfirmed{SKU: p.sku, At: now, OrderID: l.OrderID})
	}
}

// Extend holds a line until a later time; a line held for that long already is returned unchanged. A
// firm line is [ErrNotAllowed]. A lapsed hold is [ErrLapsed], since the units may have been sold
// (R7).
func (p *Product) Extend(order OrderID, until, now time.Time) (Allocation, error) {
	until, now = clean(until), clean(now)
	if err := checkHold("Extend", until, now); err != nil {
		return Allocation{}, err
	}
	l, err := p.live("Extend", order, now)
	if err != nil {
		return Allocation{}, err
	}
	if l.HeldUntil.IsZero() {
		return Allocation{}, notAllowed("Extend", "order", order, "the line is firm")
	}
	p.extend(l, until, now)
	return l.copy(), nil
}

// extend holds a live line until a later time. A firm line, or a line held for that long, stays as
// before.
func (p *Product) extend(l *line, until, now time.Time) {
	if !l.HeldUntil.IsZero() && until.After(l.HeldUntil) {
		p.record(HoldExtended{SKU: p.sku, At: now, OrderID: l.OrderID, From: l.HeldUntil, To: until})
		l.HeldUntil, l.changed = until, true
	}
}

// ReleaseLapsed records the end of the loaded holds that have lapsed by now, and returns the number
// of lines released. For a sale the release makes no difference, since lapsed units are free anyway
// (R7).
func (p *Product) ReleaseLapsed(now time.Time) int {
	now = clean(now)
	wasLow := p.isLow(now)
	released := p.releaseLapsed(now)
	p.recordIfCrossed(wasLow, now)
	return released
}

// releaseLapsed is ReleaseLapsed inside another change, which compares the stock with the threshold
// itself.
func (p *Product) releaseLapsed(now time.Time) (released int) {
	var lapsed []*line
	for _, l := range p.lines {
		if !l.removed && l.Lapsed(now) {
			lapsed = append(lapsed, l)
		}
	}
	// The order of the events must not depend on the order in which a store returns lines.
	slices.SortFunc(lapsed, func(a, b *line) int {
		return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), cmp.Compare(a.OrderID, b.OrderID))
	})
	for _, l := range lapsed {
		p.lapse(l, now)
	}
	return len(lapsed)
}

// lapse removes a hold. A held line has no shipped units, so nothing of the line stays.
func (p *Product) lapse(l *line, now time.Time) {
	for len(l.Parts) > 0 {
		part := l.Parts[0]
		p.take(l, part.Batch, part.Quantity)
		p.record(HoldLapsed{
			SKU: p.sku, At: now, OrderID: l.OrderID, Batch: part.Batch, Quantity: part.Quantity, HeldUntil: l.HeldUntil,
		})
	}
}

// checkHold refuses to hold a line until a time that has passed.
func checkHold(op string, until, now time.Time) error {
	if err := checkTime(op, "hold until", until); err != nil {
		return err
	}
	if !clean(until).After(now) {
		return invalid(op, "hold until", until, "must be in the future")
	}
	return nil
}
