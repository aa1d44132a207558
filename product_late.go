package allocation

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ChangeBatchETA says when a batch will arrive. Lines with NeededBy that the batch now fails move, the
// oldest line first, to batches that fit their terms, under the policy and each line's Split; a line
// that fits nowhere stays. If the batch will have expired on arrival, every line of the batch moves or
// stays in this way. Other lines stay with the batch, which ranks by the new time for later lines.
//
// ChangeBatchETA returns the lines that the change makes late, each with the units that come too late,
// see [LineLate]. A line that was late before is not returned again; a line that is in time again is
// no longer late. A repeat changes nothing and returns no lines. A batch in the warehouse is
// [ErrNotAllowed]. A nil policy is [EarliestFirst].
func (p *Product) ChangeBatchETA(
	ref BatchRef, eta, now time.Time, policy Policy,
) (late []OrderLine, err error) {
	const op = "ChangeBatchETA"
	if err := checkTime(op, "eta", eta); err != nil {
		return nil, err
	}
	b, err := p.batch(op, ref)
	if err != nil {
		return nil, err
	}
	if b.ETA.IsZero() {
		return nil, notAllowed(op, "batch", ref, "it is in the warehouse")
	}
	eta, now = clean(eta), clean(now)
	if eta.Equal(b.ETA) {
		return nil, nil
	}
	lines, moves, err := p.slip(op, b, eta, now, policy)
	if err != nil {
		return nil, err
	}
	return p.carryOutSlip(b, eta, now, lines, moves), nil
}

// slip plans which lines leave a batch that will arrive at another time, and changes nothing. Lines are
// all lines of the batch, if any line may move, become late or be in time again.
func (p *Product) slip(
	op string, b *batch, eta, now time.Time, policy Policy,
) (lines []*line, moves []move, err error) {
	slipped := *b
	slipped.ETA = eta
	if !b.Dated && !slipped.spoils() {
		return nil, nil, nil
	}
	if lines, err = p.allOn(op, b, now); err != nil {
		return nil, nil, err
	}
	free := p.free(now)
	free[p.index(b.Ref)] = 0 // nobody moves to where the lines come from
	for _, l := range lines {
		if slipped.arrivesBy(l.NeededBy, now) && !slipped.spoils() {
			continue
		}
		if p.moreLapsed {
			return nil, nil, p.lapsedRemain(op) // with more units free the line may find another place
		}
		m := move{line: l, to: p.placesFor(l, l.partOf(b.Ref).open(), free, policy, now)}
		for _, part := range m.to {
			m.moved += part.Quantity
		}
		if m.moved > 0 {
			moves = append(moves, m)
		}
	}
	return lines, moves, nil
}

// carryOutSlip changes the ETA, moves lines, and returns the lines that are now late.
func (p *Product) carryOutSlip(b *batch, eta, now time.Time, lines []*line, moves []move) (late []OrderLine) {
	if len(moves) > 0 {
		p.releaseLapsed(now) // the units may be part of the plan
	}
	p.record(BatchETAChanged{SKU: p.sku, At: now, Batch: b.Ref, From: b.ETA, To: eta})
	b.ETA, p.queue.freed = eta, true
	for _, m := range moves {
		p.deallocate(m.line, b.Ref, m.moved, now)
		for _, part := range m.to {
			p.give(m.line, part.Batch, part.Quantity, now)
		}
	}
	for _, l := range lines {
		wasLate := l.Late
		p.judge(l, now, now)
		tooLate := l.OrderLine
		if tooLate.Quantity = l.partOf(b.Ref).open(); tooLate.Quantity > 0 && l.Late && !wasLate {
			late = append(late, tooLate)
		}
		b.Dated = b.Dated || l.Late
	}
	p.settle(now)
	return late
}

// placesFor finds other batches for units of a line, and counts the places as taken from free. With
// Split the line takes as many units as there is room for; otherwise all units or none.
func (p *Product) placesFor(l *line, units Quantity, free []Quantity, policy Policy, now time.Time) []Part {
	parts, most := p.choose(free, policy, l.need(units), now)
	if parts == nil && l.Split && most > 0 {
		parts, _ = p.choose(free, policy, l.need(most), now)
	}
	p.reserve(free, parts)
	return parts
}

// allOn returns all live lines with unshipped units on a batch, the oldest line first, or an error if
// some are not loaded.
func (p *Product) allOn(op string, b *batch, now time.Time) ([]*line, error) {
	switch {
	case b.loaded == noLines:
		return nil, &Error{Op: op, Field: "batch", Value: b.Ref, Err: fmt.Errorf("its lines are %w", ErrNotLoaded)}
	case !b.hasAllLines():
		return nil, p.more(op)
	}
	lines := p.linesOn(b, now)
	slices.SortFunc(lines, byAge)
	return lines, nil
}

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
	if l.removed || l.open() == 0 {
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

// miss notes that units of the line were still on the way at the given moment, for the next judge. If NeededBy had
// passed by then, the line was late, although no sweep has said so, and the command that brings the units, or that
// takes the units away from the line, makes up for the sweep. A line that ends tells nothing.
func (l *line) miss(at time.Time) {
	l.missed = l.missed || !l.NeededBy.IsZero() && at.After(l.NeededBy)
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
