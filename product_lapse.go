package allocation

import (
	"cmp"
	"slices"
	"time"
)

// releaseLapsed records the end of the loaded holds that have lapsed by now, and returns the number of
// lines released.
func (p *Product) releaseLapsed(now time.Time) (released int) {
	if !p.holds {
		return 0
	}
	var lapsed []*line
	for _, l := range p.lines {
		if !l.removed && l.Lapsed(now) {
			lapsed = append(lapsed, l)
		}
	}
	// The order of the events must not depend on the order in which a store returns lines.
	slices.SortFunc(lapsed, func(a, b *line) int {
		return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
	})
	for _, l := range lapsed {
		p.lapse(l, now)
	}
	return len(lapsed)
}

// lapse removes a hold. A held line has no shipped units, so nothing of the line stays, and a line that waits
// for further units waits no longer.
func (p *Product) lapse(l *line, now time.Time) {
	waited := l.Waiting > 0
	l.Waiting = 0
	l.setWanted(0)
	for len(l.Parts) > 0 {
		part := l.Parts[0]
		p.take(l, part.Batch, part.Quantity, now)
		p.record(HoldLapsed{
			SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line,
			Batch: part.Batch, Quantity: part.Quantity, HeldUntil: l.HeldUntil,
		})
	}
	if waited {
		p.recordWaiting(l, now)
	}
}

// hasLapsed reports whether any loaded hold has lapsed.
func (p *Product) hasLapsed(now time.Time) bool {
	return p.holds && slices.ContainsFunc(p.lines, func(l *line) bool { return !l.removed && l.Lapsed(now) })
}

func (p *Product) recordWaiting(l *line, now time.Time) {
	p.record(LineWaiting{
		SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line,
		Quantity: l.Waiting, Wanted: l.wanted(), NeededBy: l.NeededBy,
	})
}
