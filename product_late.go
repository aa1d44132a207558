package allocation

import (
	"cmp"
	"slices"
	"time"
)

// hasAllLines reports whether all lines with unshipped units on the batch are loaded.
func (b *batch) hasAllLines() bool { return b.loaded == allLines }

// byAge orders lines, the oldest line first.
func byAge(a, b *line) int {
	return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
}

// comesLate reports whether the batch brings units too late for a line that is needed by the given
// time, zero for any time: the batch arrives later, is not there although the time has passed, or will
// have expired on arrival.
func (b *batch) comesLate(by, now time.Time) bool {
	if b.ETA.IsZero() {
		return false
	}
	return b.spoils() || !by.IsZero() && (b.ETA.After(by) || now.After(by))
}

// spoils reports whether the batch will have expired when the batch arrives.
func (b *batch) spoils() bool { return !b.BestBefore.IsZero() && !b.BestBefore.After(b.ETA) }

// judge sets or clears the mark of a line that became late, or is in time again, and reports whether
// the mark changed. A late line is in time again only if the units are there at the given moment,
// which must not be after NeededBy, and have not expired by then.
func (p *Product) judge(l *line, at, now time.Time) bool {
	if l.open() == 0 {
		return false
	}
	late := l.missed
	l.missed = false
	tooLate := !l.NeededBy.IsZero() && at.After(l.NeededBy)
	for _, part := range l.Parts {
		if b := p.batches[p.index(part.Batch)]; part.open() > 0 {
			late = late || b.comesLate(l.NeededBy, now)
			tooLate = tooLate || !b.BestBefore.IsZero() && !b.BestBefore.After(at) || b.cameLate(l.NeededBy)
		}
	}
	if late == l.Late || l.Late && tooLate {
		return false
	}
	l.Late, l.changed, p.timed = late, true, true
	p.record(LineLate{
		SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, NeededBy: l.NeededBy, Late: late,
	})
	if !late {
		p.watch(l)
	}
	return true
}

// cameLate reports whether the batch arrived after the given time; zero for no time.
func (b *batch) cameLate(neededBy time.Time) bool {
	return b.ETA.IsZero() && !neededBy.IsZero() && b.ArrivedAt.After(neededBy)
}

// watch lets the sweep look at the batches on the way of a line that is in time again: while the line was late, Due of
// these batches left the line out.
func (p *Product) watch(l *line) {
	if l.NeededBy.IsZero() {
		return
	}
	for _, part := range l.Parts {
		if b := p.batches[p.index(part.Batch)]; part.open() > 0 && !b.ETA.IsZero() {
			b.Dated, b.Due = true, earliest(b.Due, overdue(l.NeededBy))
		}
	}
}

// judgeLines judges the loaded lines, or only those that changed, and returns the number of marks that
// changed.
func (p *Product) judgeLines(now time.Time, changed bool) (judged int) {
	if !p.timed {
		return 0
	}
	var lines []*line
	for _, l := range p.lines {
		if (l.Late || !l.NeededBy.IsZero()) && (l.changed || !changed) && !l.Lapsed(now) {
			lines = append(lines, l)
		}
	}
	// The order of the events must not depend on the order in which a store returns lines.
	slices.SortFunc(lines, byAge)
	for _, l := range lines {
		if p.judge(l, now, now) {
			judged++
		}
	}
	return judged
}
