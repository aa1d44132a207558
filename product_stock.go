package allocation

import "time"

// Available counts the units in the warehouse that can be promised at now: only saleable batches count
// (R13), and units of lapsed holds are free (R7). Available returns [ErrNotLoaded] if more holds have
// lapsed than were loaded.
func (p *Product) Available(now time.Time) (Quantity, error) {
	return p.available("Available", now, func(b *batch) bool { return b.ETA.IsZero() })
}

// AvailableBy is like Available, but also counts the batches that arrive by the given time, overdue
// shipments included.
func (p *Product) AvailableBy(by, now time.Time) (Quantity, error) {
	return p.available("AvailableBy", now, func(b *batch) bool { return !b.ETA.After(by) })
}

// available counts the free units of the batches for which counts is true.
func (p *Product) available(op string, now time.Time, counts func(*batch) bool) (Quantity, error) {
	if p.moreLapsed {
		return 0, p.lapsedRemain(op)
	}
	free := p.free(now)
	var sum Quantity
	for i, b := range p.batches {
		if counts(b) && b.Saleable(now) {
			sum = addSaturating(sum, max(0, free[i]))
		}
	}
	return sum, nil
}

// free returns the units that each batch could give at now: the unpromised units and the units of
// lapsed holds. The number is negative for a batch that has promised more units than the batch has.
func (p *Product) free(now time.Time) []Quantity {
	free := make([]Quantity, len(p.batches))
	for i, b := range p.batches {
		free[i] = b.Purchased - b.Allocated
	}
	if !p.holds {
		return free
	}
	for _, l := range p.lines {
		if l.removed || !l.Lapsed(now) {
			continue
		}
		for _, part := range l.Parts {
			free[p.index(part.Batch)] += part.open()
		}
	}
	return free
}

// isLow reports whether the available units are below the threshold.
func (p *Product) isLow(now time.Time) bool {
	return p.lowStock > 0 && p.unpromised(now) < p.lowStock
}

// unpromised returns the sum of the available units of saleable batches, by the counters.
func (p *Product) unpromised(now time.Time) Quantity {
	unsettled := p.unsettled(now)
	sum := p.steady.units
	for _, b := range unsettled {
		if b.saleable(now) {
			sum = addSaturating(sum, b.Available())
		}
	}
	return sum
}

// unsettled returns the batches at which settle has to look: all batches behind the steady ones, or all batches of
// the product once a steady one has reached the expiry.
func (p *Product) unsettled(now time.Time) []*batch {
	s := &p.steady
	if !s.expiry.IsZero() && !s.expiry.After(now) {
		*s = steady{}
	}
	return p.batches[s.settled:]
}

// recordIfCrossed records the event if the stock is low and the last event said otherwise, or the other
// way round: a batch may have expired meanwhile, without any command.
func (p *Product) recordIfCrossed(now time.Time) {
	if low := p.isLow(now); low != p.low {
		p.low = low
		available := exact(p.unpromised(now))
		p.record(LowStockCrossed{SKU: p.sku, At: now, Available: available, Threshold: p.lowStock, Low: low})
	}
}
