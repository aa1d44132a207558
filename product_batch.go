package allocation

import (
	"fmt"
	"slices"
	"time"
)

// AddBatch announces a batch. The same announcement again changes nothing, whatever happened to the
// batch since; another one under the same Ref is [ErrMismatch] (R8). Refs are unique over all
// products, which only the store can tell: Commit answers [ErrDuplicate] if the batch was not loaded.
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
		return p.batches[i].checkAnnouncedAs(b)
	}
	now = clean(now)
	wasLow := p.isLow()
	p.batches = append(p.batches, &batch{Batch: b})
	p.tell(BatchAdded{
		SKU: p.sku, At: now, Batch: b.Ref, Quantity: b.Purchased, ETA: b.ETA, Location: b.Location, BestBefore: b.BestBefore,
	})
	p.tellIfCrossed(wasLow, now)
	return nil
}

func (b *batch) checkAnnouncedAs(again Batch) error {
	if b.SKU == again.SKU && b.AnnouncedQuantity == again.AnnouncedQuantity && b.AnnouncedETA.Equal(again.AnnouncedETA) &&
		b.Location == again.Location && b.BestBefore.Equal(again.BestBefore) {
		return nil
	}
	return &Error{Op: "AddBatch", Field: "batch", Value: b.Ref, Err: fmt.Errorf("announced before: %w", ErrMismatch)}
}

// ChangeBatchETA says when a batch will arrive. Lines that were allocated to it stay; later ones are
// ranked by the new time. A batch that is in the warehouse is [ErrNotAllowed].
func (p *Product) ChangeBatchETA(ref BatchRef, eta, now time.Time) error {
	const op = "ChangeBatchETA"
	if err := checkTime(op, "eta", eta); err != nil {
		return err
	}
	b, err := p.batch(op, ref)
	if err != nil {
		return err
	}
	if b.ETA.IsZero() {
		return notAllowed(op, "batch", ref, "it is in the warehouse")
	}
	if eta = clean(eta); !eta.Equal(b.ETA) {
		p.tell(BatchETAChanged{SKU: p.sku, At: clean(now), Batch: ref, From: b.ETA, To: eta})
		b.ETA = eta
	}
	return nil
}

// Count is the result of counting a batch: so many units were there at that moment, promised ones
// included, shipped ones not. The moment identifies the count: a batch takes no notice of one that is
// not later than its last count, which makes a repeated message harmless. A new count from before the
// batch's last shipment is [ErrNotAllowed], since it counted what has left since: count again.
type Count struct {
	Batch    BatchRef
	Quantity Quantity
	At       time.Time
}

func (c Count) check(op string) error {
	if err := checkID(op, "batch", c.Batch); err != nil {
		return err
	}
	if err := checkQuantity(op, "quantity", c.Quantity, 0); err != nil {
		return err
	}
	return checkTime(op, "counted at", c.At)
}

// ReceiveBatch says that a batch arrived, and what was counted then. If that is less than promised,
// lines move as in [Product.ChangeBatchQuantity]. If the batch was counted later than that already, the
// later count stays and only the arrival is news. A batch that has arrived before is [ErrNotAllowed],
// unless the count is a repeat.
func (p *Product) ReceiveBatch(counted Count, now time.Time, policy Policy) (released []OrderLine, err error) {
	const op = "ReceiveBatch"
	now = clean(now)
	b, err := p.counted(op, counted, now)
	switch {
	case err != nil:
		return nil, err
	case !b.ETA.IsZero():
		quantity, at := counted.Quantity, clean(counted.At)
		if at.Before(b.CountedAt) {
			quantity, at = b.Purchased, b.CountedAt
		}
		return p.setQuantity(op, b, quantity, now, policy, func() {
			p.tell(BatchReceived{SKU: p.sku, At: now, Batch: b.Ref, From: b.Purchased, To: quantity})
			b.ETA, b.CountedAt = time.Time{}, at
		})
	case b.knows(counted):
		return nil, nil
	}
	return nil, notAllowed(op, "batch", b.Ref, "it is in the warehouse")
}

// ChangeBatchQuantity sets the purchased units of a batch to what was counted. If that is less than what
// it has promised, its newest lines move to other batches, as the policy and each line's own Split
// say; what fits nowhere is released and returned, as lines with the units that they lost (R6).
func (p *Product) ChangeBatchQuantity(counted Count, now time.Time, policy Policy) (released []OrderLine, err error) {
	const op = "ChangeBatchQuantity"
	now = clean(now)
	b, err := p.counted(op, counted, now)
	if err != nil || b.knows(counted) {
		return nil, err
	}
	at := clean(counted.At)
	if at.Before(b.ShippedAt) {
		return nil, notAllowed(op, "counted at", counted.At, "units were shipped after that")
	}
	return p.setQuantity(op, b, counted.Quantity, now, policy, func() {
		p.tell(BatchQuantityChanged{SKU: p.sku, At: now, Batch: b.Ref, From: b.Purchased, To: counted.Quantity})
		b.CountedAt = at
	})
}

func (p *Product) counted(op string, c Count, now time.Time) (*batch, error) {
	if err := c.check(op); err != nil {
		return nil, err
	}
	if clean(c.At).After(now) {
		return nil, invalid(op, "counted at", c.At, "must not be in the future")
	}
	return p.batch(op, c.Batch)
}

// knows reports whether the batch was counted at that moment or later.
func (b *batch) knows(c Count) bool { return !clean(c.At).After(b.CountedAt) }

// setQuantity changes what a batch has; tell tells it.
func (p *Product) setQuantity(
	op string, b *batch, quantity Quantity, now time.Time, policy Policy, tell func(),
) (released []OrderLine, err error) {
	wasLow := p.isLow()
	moves, err := p.cut(op, b, quantity, now, policy)
	if err != nil {
		return nil, err
	}
	released = p.carryOutCut(b, quantity, now, moves, tell)
	p.tellIfCrossed(wasLow, now)
	return released, nil
}

// carryOutCut lets lines leave the batch before it shrinks and join others after, so that no event in between
// says that more was promised than is there.
func (p *Product) carryOutCut(
	b *batch, quantity Quantity, now time.Time, moves []move, tell func(),
) (released []OrderLine) {
	if b.Allocated > quantity {
		p.releaseLapsed(now)
	}
	for _, m := range moves {
		if m.moved > 0 {
			p.deallocate(m.line, b.Ref, m.moved, now)
		}
		if m.lost > 0 {
			p.take(m.line, b.Ref, m.lost)
			p.tell(LineReleased{SKU: p.sku, At: now, OrderID: m.line.OrderID, Batch: b.Ref, Quantity: m.lost})
			released = append(released, OrderLine{OrderID: m.line.OrderID, SKU: p.sku, Quantity: m.lost})
		}
	}
	tell()
	b.Purchased = quantity
	for _, m := range moves {
		for _, part := range m.to {
			p.give(m.line, part.Batch, part.Quantity, now)
		}
	}
	return released
}

// move is what happens to a line whose batch is cut: so many units go to other batches, so many are lost.
type move struct {
	line  *line
	to    []Part
	moved Quantity
	lost  Quantity
}

// cut plans which lines leave a batch that shall have fewer units, and changes nothing.
func (p *Product) cut(op string, b *batch, quantity Quantity, now time.Time, policy Policy) ([]move, error) {
	free := p.free(now)
	at := p.index(b.Ref)
	free[at] += quantity - b.Purchased
	leaving, err := p.newestOn(op, b, -free[at], now)
	if err != nil || len(leaving) == 0 {
		return nil, err
	}
	if p.moreLapsed {
		return nil, p.more(op) // with more units free fewer lines might have to leave
	}
	for _, l := range leaving {
		free[at] += l.partOf(b.Ref).open()
	}
	moves := make([]move, 0, len(leaving))
	// The oldest goes first: it has the oldest promise.
	for _, l := range slices.Backward(leaving) {
		if m := p.moveFrom(b, l, free, policy); m.moved > 0 || m.lost > 0 {
			moves = append(moves, m)
		}
	}
	return moves, nil
}

// newestOn lists the newest live lines on a batch, newest first, that together have so many units.
func (p *Product) newestOn(op string, b *batch, units Quantity, now time.Time) ([]*line, error) {
	if units <= 0 {
		return nil, nil
	}
	var leaving []*line
	for _, l := range p.linesOn(b, now) {
		leaving = append(leaving, l)
		if units -= l.partOf(b.Ref).open(); units <= 0 {
			return leaving, nil
		}
	}
	switch b.linesFrom {
	case 0:
		return nil, notAllowed(op, "batch", b.Ref, "its counters disagree with its lines, see Service.Mend")
	case noLines:
		return nil, &Error{Op: op, Field: "batch", Value: b.Ref, Err: fmt.Errorf("its lines are %w", ErrNotLoaded)}
	}
	return nil, p.more(op)
}

// moveFrom finds places for a line's units on b, and counts them as taken from free. What b can keep stays;
// of the rest, a line that may be split keeps as much as there is room for.
func (p *Product) moveFrom(b *batch, l *line, free []Quantity, policy Policy) move {
	at, units := p.index(b.Ref), l.partOf(b.Ref).open()
	if free[at] >= units {
		free[at] -= units
		return move{}
	}
	if l.Split {
		units -= free[at]
		free[at] = 0
	}
	parts, most := p.choose(free, policy, units, l.Split)
	if parts == nil && l.Split && most > 0 {
		parts, _ = p.choose(free, policy, most, true)
	}
	p.reserve(free, parts)
	m := move{line: l, to: parts, lost: units}
	for _, part := range parts {
		m.lost -= part.Quantity
		m.moved += part.Quantity
	}
	return m
}
