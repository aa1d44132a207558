package allocation

import (
	"slices"
	"time"
)

// Cancel takes back the unshipped units of an order, and returns the shipped rest of each line, with
// quantity 0 if nothing of the line was shipped. A line without unshipped units is returned
// unchanged.
func (p *Product) Cancel(order OrderID, now time.Time) ([]Allocation, error) {
	now = clean(now)
	lines, err := p.find("Cancel", order)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		switch {
		case l.Lapsed(now):
			p.lapse(l, now)
		case l.Waiting > 0 || l.open() > 0:
			p.cancel(l, now)
		}
	}
	p.settle(now)
	return copies(lines), nil
}

// cancel takes back the unshipped units of a line, and ends the waiting.
func (p *Product) cancel(l *line, now time.Time) {
	l.setWanted(0)
	if l.Waiting > 0 {
		p.stopWaiting(l, now)
	}
	p.shrink(l, l.open(), now)
}

// ChangeLine gives one line another quantity. A smaller quantity frees units, beginning with the last
// batch; a quantity below the shipped units is [ErrNotAllowed]. For a larger quantity a whole line
// stays in its batch if the batch has room, and otherwise moves to a batch with room; a line that may
// be split takes only the missing units from other batches. The line keeps its terms, and no unit
// comes from a batch that is not saleable or does not fit the terms (R13, R14). If the quantity can't be met, the line
// stays as before and the answer is an [*OutOfStockError]. A nil policy is [EarliestFirst].
//
// The quantity of a line that waits, or has a part of the units, is the quantity that the line is to have,
// compared with Wanted: the line waits for more or for fewer units, keeps the place in the queue, and is
// given units at once if they fit. A line with Split that may wait, or takes part of the units, is not
// refused further units, but waits for those that are missing, or takes what there is. After NeededBy has
// passed no line waits for further units: the line has what there is, or is refused.
func (p *Product) ChangeLine(wanted OrderLine, now time.Time, policy Policy) (Allocation, error) {
	const op = "ChangeLine"
	now = clean(now)
	if err := wanted.check(op); err != nil {
		return Allocation{}, err
	}
	l, err := p.liveLine(op, wanted, now)
	if err != nil {
		return Allocation{}, err
	}
	switch more := wanted.Quantity - l.Quantity; {
	case wanted.Quantity == l.wanted():
	case wanted.Quantity < l.Shipped():
		return Allocation{}, notAllowed(op, "quantity", wanted.Quantity, "more units have been shipped")
	case more <= 0:
		l.setWanted(0)
		if l.Waiting > 0 || more == 0 {
			p.stopWaiting(l, now)
		}
		p.shrink(l, -more, now)
	case l.Waiting > 0 || l.Split && (l.Partial || l.MayWait):
		err = p.growPart(l, more, now, policy)
	default:
		err = p.grow(l, more, now, policy)
	}
	if err != nil {
		return Allocation{}, err
	}
	p.settle(now)
	return l.copy(), nil
}

// growPart lets a line have so many units more than the line has, as far as there are any: a line that may
// wait waits for the others. If nothing changes, the answer is an error.
func (p *Product) growPart(l *line, more Quantity, now time.Time, policy Policy) error {
	const op = "ChangeLine"
	if err := p.servedAll(op, now); err != nil {
		return err
	}
	waits := l.waits(now)
	free := p.free(now)
	parts, most := p.offer(free, policy, l.need(more), l.Partial, now)
	missing, wanted := more, l.Quantity+more
	for _, part := range parts {
		missing -= part.Quantity
	}
	switch {
	case missing > 0 && p.moreLapsed:
		return p.lapsedRemain(op)
	case missing == more && !waits && wanted > l.wanted():
		most = addSaturating(l.Quantity, most)
		line := OrderLine{OrderID: l.OrderID, SKU: l.SKU, Line: l.Line, Quantity: wanted}
		return p.short(op, Shortage{OrderLine: line, Available: most})
	}
	p.releaseLapsed(now)
	waited := l.Waiting > 0
	l.Waiting = 0
	if parts != nil {
		p.startHold(l, now)
	}
	for _, part := range parts {
		p.promise(l, part.Batch, part.Quantity, now, waited)
	}
	l.setWanted(wanted)
	switch {
	case missing > 0 && waits:
		p.wait(l, missing, wanted, now)
	case parts == nil || missing > 0 && waited:
		p.stopWaiting(l, now) // waits for nothing, or no longer, and another quantity may be wanted
	}
	return nil
}

// shrink takes unshipped units away, beginning with the last part.
func (p *Product) shrink(l *line, units Quantity, now time.Time) {
	for i := len(l.Parts) - 1; i >= 0 && units > 0; i-- {
		part := l.Parts[i]
		share := min(units, part.open())
		if share == 0 {
			continue
		}
		p.deallocate(l, part.Batch, share, now)
		units -= share
	}
}

// grow gives the line more units, or returns an error and changes nothing.
func (p *Product) grow(l *line, more Quantity, now time.Time, policy Policy) error {
	if err := p.servedAll("ChangeLine", now); err != nil {
		return err
	}
	free := p.free(now)
	parts, home, most := p.roomFor(l, free, policy, more, now)
	if parts == nil {
		return p.short("ChangeLine", Shortage{
			OrderLine: OrderLine{OrderID: l.OrderID, SKU: l.SKU, Line: l.Line, Quantity: l.Quantity + more},
			Available: most,
		})
	}
	if home.Quantity > 0 && p.moreLapsed {
		return p.lapsedRemain("ChangeLine") // with more units free the line might stay in its batch
	}
	p.releaseLapsed(now)
	if home.Quantity > 0 {
		p.deallocate(l, home.Batch, home.Quantity, now)
	}
	for _, part := range parts {
		p.give(l, part.Batch, part.Quantity, now)
	}
	return nil
}

// roomFor finds batches for more units of a line. If the line has to leave a batch, home is the part
// that leaves, and parts have room for home as well. Without room parts is nil, and most is the
// largest quantity that the line could have.
func (p *Product) roomFor(
	l *line, free []Quantity, policy Policy, more Quantity, now time.Time,
) (parts []Part, home Part, most Quantity) {
	if l.Split {
		parts, most = p.choose(free, policy, l.need(more), now)
		return parts, Part{}, addSaturating(l.Quantity, most)
	}
	for _, part := range l.Parts {
		if part.open() > 0 {
			home = Part{Batch: part.Batch, Quantity: part.open()}
		}
	}
	if home.Quantity > 0 {
		at := p.index(home.Batch)
		need := l.need(more)
		if free[at] >= more && p.batches[at].serves(need.terms, now) {
			return []Part{{Batch: home.Batch, Quantity: more}}, Part{}, 0
		}
		free[at] += home.Quantity
	}
	parts, most = p.choose(free, policy, l.need(home.Quantity+more), now)
	return parts, home, max(l.Quantity, addSaturating(l.Shipped(), most))
}

// Ship lets all units of an order leave the warehouse, see [Product.ShipPart]. If any line can't be
// shipped whole, nothing is shipped. A line that has no units yet can't be shipped; of a line that waits for
// further units, those that are there are shipped.
func (p *Product) Ship(order OrderID, now time.Time) ([]Allocation, error) {
	return p.shipLines(order, now, true)
}

// shipLines is Ship; unless named, lines without units are passed over.
func (p *Product) shipLines(order OrderID, now time.Time, named bool) ([]Allocation, error) {
	const op = "Ship"
	now = clean(now)
	lines, err := p.withUnits(op, order, now, named)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		if err := p.checkShip(op, l, l.Quantity); err != nil {
			return nil, err
		}
	}
	for _, l := range lines {
		p.ship(l, l.Quantity, now)
	}
	p.settle(now)
	return copies(lines), nil
}

// ShipPart lets units of one line leave the warehouse. The quantity of shipped is the total shipped so
// far, these units included, so that a repeat changes nothing (R8); a total below the last reported
// total is a belated repeat and changes nothing either. A total above the line's quantity, a line
// that is only held, and units of a batch that has not arrived or is blocked are [ErrNotAllowed].
func (p *Product) ShipPart(shipped OrderLine, now time.Time) (Allocation, error) {
	const op = "ShipPart"
	if err := shipped.check(op); err != nil {
		return Allocation{}, err
	}
	now = clean(now)
	l, err := p.liveLine(op, shipped, now)
	if err != nil {
		return Allocation{}, err
	}
	if err := p.checkShip(op, l, shipped.Quantity); err != nil {
		return Allocation{}, err
	}
	p.ship(l, shipped.Quantity, now)
	p.settle(now)
	return l.copy(), nil
}

// checkShip refuses to bring the shipped units of a line up to the total if not all of the units may
// leave.
func (p *Product) checkShip(op string, l *line, total Quantity) error {
	switch {
	case l.Quantity == 0:
		return notAllowed(op, "order", l.OrderID, l.Key().text()+" waits for units")
	case total > l.Quantity:
		return notAllowed(op, "shipped", total, l.Key().text()+" has fewer units")
	case !l.HeldUntil.IsZero():
		return notAllowed(op, "order", l.OrderID, l.Key().text()+" is held and not confirmed")
	case total-l.Shipped() > p.arrived(l):
		return notAllowed(op, "shipped", total, l.Key().text()+": some of these units have not arrived, or are blocked")
	}
	return nil
}

// ship brings the shipped units of a line up to the total, part by part, from batches in the
// warehouse.
func (p *Product) ship(l *line, total Quantity, now time.Time) {
	units := total - l.Shipped()
	for i := range l.Parts {
		if units <= 0 {
			break
		}
		part := &l.Parts[i]
		b := p.batches[p.index(part.Batch)]
		share := min(units, part.open())
		if share == 0 || !b.ships() {
			continue
		}
		b.Purchased -= share
		b.Allocated -= share
		if now.After(b.ShippedAt) {
			b.ShippedAt = now
		}
		part.Shipped += share
		l.changed = true
		units -= share
		p.record(LineShipped{
			SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, Batch: part.Batch, Quantity: share,
		})
	}
}

// ships reports whether units can leave the warehouse: the batch has arrived and is not blocked.
func (b *batch) ships() bool { return b.ETA.IsZero() && b.Blocked == "" }

// arrived counts the line's unshipped units that can leave the warehouse.
func (p *Product) arrived(l *line) Quantity {
	var units Quantity
	for _, part := range l.Parts {
		if p.batches[p.index(part.Batch)].ships() {
			units += part.open()
		}
	}
	return units
}

// linesOn returns the live lines with unshipped units on a batch, in the order of leaving, as far as all
// lines are known. A hold that became firm leaves later than before, so lines that are not loaded may
// leave before the line.
func (p *Product) linesOn(b *batch, now time.Time) []*line {
	if b.loaded == noLines {
		return nil
	}
	var on []*line
	for _, l := range p.lines {
		known := b.loaded == allLines || l.Rank().Compare(b.linesFrom) <= 0
		if known && !l.Lapsed(now) && l.partOf(b.Ref).open() > 0 {
			on = append(on, l)
		}
	}
	slices.SortFunc(on, func(a, b *line) int { return a.Rank().Compare(b.Rank()) })
	return on
}
