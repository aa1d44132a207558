package allocation

import "time"

// Available counts the units that can be promised at now from batches that are in the warehouse.
// Units of lapsed holds are free. It answers [ErrNotLoaded] if more holds have lapsed than were
// loaded.
func (p *Product) Available(now time.Time) (Quantity, error) {
	return p.available("Available", now, func(b *batch) bool { return b.ETA.IsZero() })
}

// AvailableBy is like Available and counts the batches that arrive by the given time as well.
func (p *Product) AvailableBy(by, now time.Time) (Quantity, error) {
	return p.available("AvailableBy", now, func(b *batch) bool { return !b.ETA.After(by) })
}

func (p *Product) available(op string, now time.Time, counts func(*batch) bool) (Quantity, error) {
	if p.moreLapsed {
		return 0, p.more(op)
	}
	free := p.free(clean(now))
	var sum Quantity
	for i, b := range p.batches {
		if counts(b) {
			sum = addSaturating(sum, max(0, free[i]))
		}
	}
	return sum, nil
}

// free lists what each batch could give at now: what is available and what lapsed holds still occupy. It is
// negative for a batch that has promised more than it has.
func (p *Product) free(now time.Time) []Quantity {
	free := make([]Quantity, len(p.batches))
	for i, b := range p.batches {
		free[i] = b.Purchased - b.Allocated
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

// LowStock is the threshold below which the product's available units are told to be low; 0 if there is
// none.
func (p *Product) LowStock() Quantity { return p.lowStock }

// SetLowStock changes the threshold below which the product's available units, arriving ones included,
// are told to be low by a [LowStockCrossed]; 0 removes it. The units of a lapsed hold count once the
// hold has been released.
func (p *Product) SetLowStock(threshold Quantity, now time.Time) error {
	if err := checkQuantity("SetLowStock", "threshold", threshold, 0); err != nil {
		return err
	}
	if threshold == p.lowStock {
		return nil
	}
	now, wasLow := clean(now), p.isLow()
	p.tell(LowStockSet{SKU: p.sku, At: now, From: p.lowStock, To: threshold})
	p.lowStock = threshold
	p.tellIfCrossed(wasLow, now)
	return nil
}

func (p *Product) isLow() bool {
	return p.lowStock > 0 && p.unpromised() < p.lowStock
}

// unpromised is the sum of the counters, which depends on no clock.
func (p *Product) unpromised() Quantity {
	var sum Quantity
	for _, b := range p.batches {
		sum = addSaturating(sum, b.Available())
	}
	return sum
}

// tellIfCrossed ends every change of a counter or of the threshold.
func (p *Product) tellIfCrossed(wasLow bool, now time.Time) {
	if low := p.isLow(); low != wasLow {
		p.tell(LowStockCrossed{SKU: p.sku, At: now, Available: p.unpromised(), Threshold: p.lowStock, Low: low})
	}
}
