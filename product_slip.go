package allocation

import (
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
