package allocation

import "time"

// give promises units of a batch to the line, and records the promise.
func (p *Product) give(l *line, ref BatchRef, units Quantity, now time.Time) {
	p.promise(l, ref, units, now, false)
}

// promise is give; waited says that the line had waited for the units.
func (p *Product) promise(l *line, ref BatchRef, units Quantity, now time.Time, waited bool) {
	b := p.batches[p.index(ref)]
	b.Allocated += units
	if !l.NeededBy.IsZero() && !b.ETA.IsZero() {
		b.Dated, b.Due = true, earliest(b.Due, overdue(l.NeededBy))
	}
	l.add(ref, units)
	p.record(LineAllocated{
		SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, Batch: ref, Quantity: units, HeldUntil: l.HeldUntil,
		Waited: waited,
	})
}

// take takes units of a batch away from the line; the caller records why.
func (p *Product) take(l *line, ref BatchRef, units Quantity, now time.Time) {
	p.queue.freed = true
	b := p.batches[p.index(ref)]
	b.Allocated -= units
	if !b.ETA.IsZero() {
		l.miss(now)
	}
	l.add(ref, -units)
}

// add changes the line's part from one batch, and the sum. A part without units is removed, and so is
// a line without parts that waits for no units.
func (l *line) add(ref BatchRef, units Quantity) {
	l.changed = true
	l.Quantity += units
	for i := range l.Parts {
		if l.Parts[i].Batch != ref {
			continue
		}
		l.Parts[i].Quantity += units
		if l.Parts[i].Quantity == 0 {
			l.Parts = append(l.Parts[:i], l.Parts[i+1:]...)
		}
		l.removed = len(l.Parts) == 0 && l.Waiting == 0
		return
	}
	l.Parts = append(l.Parts, Part{Batch: ref, Quantity: units})
	l.removed = false
}

// deallocate takes units of a batch away from the line, and records the end of the promise.
func (p *Product) deallocate(l *line, ref BatchRef, units Quantity, now time.Time) {
	p.take(l, ref, units, now)
	p.record(LineDeallocated{SKU: p.sku, At: now, OrderID: l.OrderID, Line: l.Line, Batch: ref, Quantity: units})
}

// partOf returns the line's part from one batch, zero for none.
func (l *line) partOf(ref BatchRef) Part {
	for _, part := range l.Parts {
		if part.Batch == ref {
			return part
		}
	}
	return Part{}
}

// miss notes that units of the line were still on the way at the given moment, for the next judge. If NeededBy had
// passed by then, the line was late, although no sweep has said so, and the command that brings the units, or that
// takes the units away from the line, makes up for the sweep. A line that ends tells nothing.
func (l *line) miss(at time.Time) {
	l.missed = l.missed || !l.NeededBy.IsZero() && at.After(l.NeededBy)
}

// wanted returns how many units the line is to have.
func (l *line) wanted() Quantity { return max(l.Quantity, l.Wanted) }

// setWanted sets how many units the line is to have.
func (l *line) setWanted(units Quantity) {
	if units <= l.Quantity {
		units = 0
	}
	l.changed = l.changed || l.Wanted != units
	l.Wanted = units
}

// overdue returns the first moment after the given time.
func overdue(by time.Time) time.Time {
	if next := by.Add(time.Microsecond); next.Year() <= maxYear {
		return next
	}
	return time.Time{} // never
}

// earliest returns the earlier of two times, of which zero stands for never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
