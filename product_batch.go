package allocation

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// AddBatch announces a batch. The same announcement again changes nothing, even if the batch has
// changed since; another announcement under the same Ref is [ErrMismatch] (R8). A new batch with a
// BestBefore not after the ETA could never be sold and is [ErrInvalid]. Refs are unique over all
// products, which only the store can check: Commit returns [ErrDuplicate] if the batch exists and was
// not loaded.
func (p *Product) AddBatch(announced Batch, now time.Time) error {
	const op = "AddBatch"
	if err := announced.check(op); err != nil {
		return err
	}
	b := announced.clean()
	if b.SKU != p.sku {
		return invalid(op, "sku", b.SKU, fmt.Sprintf("must be %q, the product's", p.sku))
	}
	if i := p.index(b.Ref); i >= 0 {
		return p.batches[i].checkAnnouncedAs(op, b)
	}
	if !b.BestBefore.IsZero() && !b.BestBefore.After(b.ETA) {
		return invalid(op, "best before", announced.BestBefore, "must be after the ETA")
	}
	now = clean(now)
	if b.ETA.IsZero() {
		b.ArrivedAt = now
	}
	p.batches = append(p.batches, &batch{Batch: b, loaded: allLines})
	p.recordAdded(b, now)
	p.settle(now)
	return nil
}

// recordAdded records the announcement of a batch.
func (p *Product) recordAdded(b Batch, now time.Time) {
	p.queue.freed = true
	p.record(BatchAdded{
		SKU: p.sku, At: now, Batch: b.Ref, Quantity: b.Purchased,
		ETA: b.ETA, Location: b.Location, BestBefore: b.BestBefore,
		Lot: b.Lot, SplitFrom: b.SplitFrom, Blocked: b.Blocked,
	})
}

// checkAnnouncedAs refuses an announcement that differs from the first announcement of the batch, or
// a split that differs from the split that the batch came from (R8).
func (b *batch) checkAnnouncedAs(op string, again Batch) error {
	if b.AnnouncedQuantity == again.AnnouncedQuantity &&
		b.AnnouncedETA.Equal(again.AnnouncedETA) && b.AnnouncedBlocked == again.AnnouncedBlocked &&
		b.Location == again.Location && b.BestBefore.Equal(again.BestBefore) &&
		b.lot() == again.lot() && b.SplitFrom == again.SplitFrom {
		return nil
	}
	return &Error{Op: op, Field: "batch", Value: b.Ref, Err: fmt.Errorf("announced before: %w", ErrMismatch)}
}

// setQuantity changes the purchased units of a batch; record records the event.
func (p *Product) setQuantity(
	op string, b *batch, quantity Quantity, now time.Time, policy Policy, record func(),
) (released []OrderLine, err error) {
	moves, err := p.cut(op, b, quantity, now, policy)
	if err != nil {
		return nil, err
	}
	released = p.carryOutLeaving(b, quantity, now, moves, func() {
		p.queue.freed = true
		record()
		b.Purchased = quantity
	})
	p.settle(now)
	return released, nil
}

// carryOutLeaving lets lines leave the batch, changes the batch, and lets the lines join other batches,
// so that at no event more units are promised than the batch has. The batch can keep so many promised
// units.
func (p *Product) carryOutLeaving(
	b *batch, keeps Quantity, now time.Time, moves []move, change func(),
) (released []OrderLine) {
	if b.Allocated > keeps {
		p.releaseLapsed(now)
	}
	for _, m := range moves {
		wanted := m.line.wanted()
		if m.moved > 0 {
			p.deallocate(m.line, b.Ref, m.moved, now)
		}
		if m.lost > 0 {
			released = append(released, p.lose(m, b, wanted, now))
		}
	}
	change()
	for _, m := range moves {
		for _, part := range m.to {
			p.give(m.line, part.Batch, part.Quantity, now)
		}
	}
	return released
}

// lose takes the units from a line that fit nowhere, and returns the lost units. A line that may wait has to
// have the wanted units as before, and waits for those at the old place, unless NeededBy has passed: then the
// line waits for no further unit. Without any units left, a line that waits is no longer held.
func (p *Product) lose(m move, b *batch, wanted Quantity, now time.Time) OrderLine {
	l := m.line
	p.take(l, b.Ref, m.lost, now)
	p.record(LineReleased{SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, Batch: b.Ref, Quantity: m.lost})
	waits := l.waits(now)
	if l.open() == 0 && m.moved == 0 && (waits || l.Waiting > 0) {
		l.HeldUntil = time.Time{}
		p.forgetLate(l, now)
	}
	switch {
	case waits:
		p.wait(l, m.lost, wanted, now)
	case l.MayWait:
		l.setWanted(wanted) // a repeat of the request finds what was asked for
	case l.Wanted > 0:
		l.Wanted -= m.lost
	}
	lost := l.OrderLine
	lost.Quantity = m.lost
	return lost
}

// forgetLate tells that a line without units is not late.
func (p *Product) forgetLate(l *line, now time.Time) {
	if l.Late {
		l.Late = false
		p.record(LineLate{SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, NeededBy: l.NeededBy})
	}
}

// move is the fate of a line that leaves a batch: some units go to other batches, the rest is lost.
type move struct {
	line  *line
	to    []Part
	moved Quantity
	lost  Quantity
}

// cut plans which lines leave a batch that can keep only so many promised units, and changes nothing
// (R6).
func (p *Product) cut(op string, b *batch, keeps Quantity, now time.Time, policy Policy) ([]move, error) {
	free := p.free(now)
	free[p.index(b.Ref)] += keeps - b.Purchased
	return p.leave(op, b, free, nil, now, policy)
}

// leave plans which further lines leave a batch until free is no longer negative for the batch. The
// lines in along leave already, with all of their units unless free is not negative.
func (p *Product) leave(
	op string, b *batch, free []Quantity, along []move, now time.Time, policy Policy,
) ([]move, error) {
	at := p.index(b.Ref)
	leaving, err := p.firstOf(op, b, -free[at], along, now)
	if p.moreLapsed && (len(leaving) > 0 || errors.Is(err, errMore)) {
		return nil, p.lapsedRemain(op) // with more units free fewer lines might have to leave
	}
	if err != nil || len(leaving) == 0 {
		return along, err
	}
	for _, l := range leaving {
		free[at] += l.partOf(b.Ref).open()
	}
	moves := slices.Grow(along, len(leaving))
	// The line that leaves last chooses first.
	for _, l := range slices.Backward(leaving) {
		if m := p.moveFrom(b, l, free, policy, now); m.moved > 0 || m.lost > 0 {
			moves = append(moves, m)
		}
	}
	return moves, nil
}

// firstOf returns the live lines that leave a batch first, in the order of leaving, until the lines have
// so many units. Lines in along are left out.
func (p *Product) firstOf(op string, b *batch, units Quantity, along []move, now time.Time) ([]*line, error) {
	if units <= 0 {
		return nil, nil
	}
	left := make(map[*line]bool, len(along))
	for _, m := range along {
		left[m.line] = true
	}
	var leaving []*line
	for _, l := range p.linesOn(b, now) {
		if left[l] {
			continue
		}
		leaving = append(leaving, l)
		if units -= l.partOf(b.Ref).open(); units <= 0 {
			return leaving, nil
		}
	}
	if err := p.knowsLines(op, b); err != nil {
		return nil, err
	}
	return nil, notAllowed(op, "batch", b.Ref, "its counters disagree with its lines, see Service.Mend")
}

// knowsLines returns an error unless all lines on a batch are known.
func (p *Product) knowsLines(op string, b *batch) error {
	switch b.loaded {
	case allLines:
		return nil
	case noLines:
		return &Error{Op: op, Field: "batch", Value: b.Ref, Err: fmt.Errorf("its lines are %w", ErrNotLoaded)}
	}
	return p.more(op)
}

// moveFrom finds places for a line's units on b, and counts the places as taken from free. A line
// stays if b can keep all of the line's units. Otherwise, without Split, the units move together or
// are lost; with Split b keeps as many units as possible, and the rest moves as far as there is room.
func (p *Product) moveFrom(b *batch, l *line, free []Quantity, policy Policy, now time.Time) move {
	at, units := p.index(b.Ref), l.partOf(b.Ref).open()
	if free[at] >= units {
		free[at] -= units
		return move{}
	}
	if l.Split {
		units -= free[at]
		free[at] = 0
	}
	parts := p.placesFor(l, units, free, policy, now)
	m := move{line: l, to: parts, lost: units}
	for _, part := range parts {
		m.lost -= part.Quantity
		m.moved += part.Quantity
	}
	return m
}
