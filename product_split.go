package allocation

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// SplitBatch takes part.Purchased units out of a batch and announces them as a batch of their own: at
// another place, arriving later, arrived, or blocked. SKU, Lot and BestBefore of the part are those of
// the batch; a part that states another value is [ErrInvalid]. An ETA not before BestBefore is ErrInvalid
// as well, unless the part is blocked, or the goods have expired already or would have on arrival: such
// goods are not for sale, and may still travel. More units than the batch has are [ErrNotAllowed].
//
// The free units go first. If more units go, lines go along whose terms the part fulfils (R14): in the
// order in which lines leave at a cut, as far as the lines fit into the part; a line without Split goes
// whole. Only if these lines have too few units, further lines leave as in
// [Product.ChangeBatchQuantity], for the part or for other batches. If a line would lose units although
// the two batches have room for every line, the lines are placed anew, whatever their order. Units that
// fit nowhere are released and returned.
//
// A repeat has the same batch, Ref, quantity, ETA, Location and reason of blocking, and changes
// nothing, whatever happened since; another split or announcement under the same Ref is [ErrMismatch].
// Commit returns [ErrDuplicate] if the part exists and was not loaded.
func (p *Product) SplitBatch(
	from BatchRef, part Batch, now time.Time, policy Policy,
) (released []OrderLine, err error) {
	const op = "SplitBatch"
	if err := part.checkPart(op, from); err != nil {
		return nil, err
	}
	b, err := p.batch(op, from)
	if err != nil {
		return nil, err
	}
	announced, err := b.part(op, part)
	if err != nil {
		return nil, err
	}
	if i := p.index(part.Ref); i >= 0 {
		return nil, p.batches[i].checkAnnouncedAs(op, announced)
	}
	now = clean(now)
	switch {
	case announced.Blocked == "" && b.good(now) && !announced.good(now):
		return nil, invalid(op, "eta", part.ETA, "must be before the BestBefore of the batch")
	case announced.Purchased > b.Purchased:
		return nil, notAllowed(op, "quantity", part.Purchased, fmt.Sprintf("the batch has %d", b.Purchased))
	}
	return p.split(op, b, announced, now, policy)
}

// checkPart refuses a part with bad data, whatever the batch.
func (b Batch) checkPart(op string, from BatchRef) error {
	if err := checkID(op, "from", from); err != nil {
		return err
	}
	if err := checkID(op, "batch", b.Ref); err != nil {
		return err
	}
	if b.Ref == from {
		return invalid(op, "batch", b.Ref, "must not be the batch that is split")
	}
	if b.SKU != "" {
		if err := checkID(op, "sku", b.SKU); err != nil {
			return err
		}
	}
	return b.checkAnnounced(op)
}

// part returns the announcement of a part of the batch.
func (b *batch) part(op string, stated Batch) (Batch, error) {
	part := stated.clean()
	part.SKU, part.Lot, part.BestBefore, part.SplitFrom = b.SKU, b.lot(), b.BestBefore, b.Ref
	switch {
	case stated.SKU != "" && stated.SKU != part.SKU:
		return Batch{}, invalid(op, "sku", stated.SKU, fmt.Sprintf("must be %q, as of the batch", part.SKU))
	case stated.Lot != "" && stated.Lot != part.Lot:
		return Batch{}, invalid(op, "lot", stated.Lot, fmt.Sprintf("must be %q, as of the batch", part.Lot))
	case !stated.BestBefore.IsZero() && !clean(stated.BestBefore).Equal(part.BestBefore):
		return Batch{}, invalid(op, "best before", stated.BestBefore, "must be as of the batch")
	}
	part.Expired = b.Expired
	return part, nil
}

// split carries out a split of no more units than the batch has.
func (p *Product) split(op string, b *batch, announced Batch, now time.Time, policy Policy) ([]OrderLine, error) {
	if announced.ETA.IsZero() {
		announced.ArrivedAt = b.ArrivedAt
		if !b.ETA.IsZero() {
			announced.ArrivedAt = now
		}
	}
	part := &batch{Batch: announced, loaded: allLines}
	moves, err := p.planWith(part, func() ([]move, error) { return p.planSplit(op, b, part, now, policy) })
	if err != nil {
		return nil, err
	}
	released := p.carryOutLeaving(b, b.Purchased-part.Purchased, now, moves, func() {
		b.Purchased -= part.Purchased
		if now.After(b.ShippedAt) {
			b.ShippedAt = now
		}
		p.record(BatchSplit{SKU: p.sku, At: now, Batch: b.Ref, Part: part.Ref, Quantity: part.Purchased})
		p.recordAdded(part.Batch, now)
	})
	p.settle(now)
	return released, nil
}

// planWith adds the part, since the plan may place lines in the part, and takes the part away again unless plan
// returns without an error: after the panic of a policy, too.
func (p *Product) planWith(part *batch, plan func() ([]move, error)) (moves []move, err error) {
	p.batches = append(p.batches, part)
	planned := false
	defer func() {
		if !planned {
			p.batches = p.batches[:len(p.batches)-1]
			delete(p.places, part.Ref)
		}
	}()
	moves, err = plan()
	planned = err == nil
	return moves, err
}

// planSplit plans which lines leave a batch that gives units to the part, and changes nothing.
func (p *Product) planSplit(op string, b, part *batch, now time.Time, policy Policy) ([]move, error) {
	free := p.free(now)
	free[p.index(b.Ref)] -= part.Purchased
	along, err := p.goAlong(op, b, part, free, now)
	if err != nil {
		return nil, err
	}
	moves, err := p.leave(op, b, free, along, now, policy)
	if err != nil || !slices.ContainsFunc(moves, func(m move) bool { return m.lost > 0 }) {
		return moves, err
	}
	if both, fits := p.fitBoth(b, part, now); fits {
		return both, nil
	}
	return moves, nil
}

// goAlong chooses the lines that go along with the part, as long as the batch has promised more units
// than stay, and moves their units from the part to the batch in free.
func (p *Product) goAlong(op string, b, part *batch, free []Quantity, now time.Time) (along []move, err error) {
	at, to := p.index(b.Ref), p.index(part.Ref)
	if free[at] >= 0 || !part.Saleable(now) {
		return nil, nil
	}
	if p.moreLapsed {
		return nil, p.lapsedRemain(op) // with more units free fewer lines might have to go
	}
	for _, l := range p.linesOn(b, now) {
		units := l.partOf(b.Ref).open()
		if l.Split {
			units = min(units, -free[at])
		}
		if units > free[to] || !part.serves(l.need(units).terms, now) {
			continue
		}
		along = append(along, move{line: l, to: []Part{{Batch: part.Ref, Quantity: units}}, moved: units})
		free[to] -= units
		if free[at] += units; free[at] >= 0 {
			return along, nil
		}
	}
	return along, p.knowsLines(op, b) // a further line might go along
}

// fitBoth finds a place in the batch or in the part for all lines of the batch, if one is found easily:
// lines that the part doesn't serve stay, whole lines come next, the largest first, and lines that may
// be split use the remaining room.
func (p *Product) fitBoth(b, part *batch, now time.Time) (moves []move, fits bool) {
	if !part.Saleable(now) {
		return nil, false // nobody has asked for all lines of the batch
	}
	stays, room := b.Purchased-part.Purchased, part.Purchased
	class := func(l *line) int {
		switch {
		case !part.serves(l.need(0).terms, now):
			return 0
		case !l.Split:
			return 1
		}
		return 2
	}
	lines := p.linesOn(b, now)
	slices.Reverse(lines) // of equal lines the line that leaves last stays
	slices.SortStableFunc(lines, func(l, m *line) int {
		return cmp.Or(
			cmp.Compare(class(l), class(m)),
			cmp.Compare(m.partOf(b.Ref).open(), l.partOf(b.Ref).open()),
		)
	})
	for _, l := range lines {
		units := l.partOf(b.Ref).open()
		if stay := min(units, stays); stay == units || class(l) == 2 {
			stays -= stay
			units -= stay
		}
		switch {
		case units == 0:
			continue
		case class(l) == 0 || units > room:
			return nil, false
		}
		room -= units
		moves = append(moves, move{line: l, to: []Part{{Batch: part.Ref, Quantity: units}}, moved: units})
	}
	return moves, true
}
