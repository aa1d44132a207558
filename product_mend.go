package allocation

import "time"

// mend makes the counters of batches agree with the lines, and the ledger with both. All counters
// come before any cut, since the need for a cut depends on the room in the other batches.
func (p *Product) mend(drifted []Tally, now time.Time, policy Policy) error {
	wasLow := p.isLow(now)
	for _, t := range drifted {
		b, err := p.batch("Mend", t.Batch)
		if err != nil {
			return err
		}
		b.Allocated += t.Promised - t.Allocated
		p.record(BatchCorrected{
			SKU: p.sku, At: now, Batch: b.Ref,
			Purchased: t.Purchased - t.RecordedPurchased, Allocated: t.Promised - t.RecordedAllocated,
		})
	}
	for _, t := range drifted {
		b := p.batches[p.index(t.Batch)]
		moves, err := p.cut("Mend", b, b.Purchased, now, policy)
		if err != nil {
			return err
		}
		p.carryOutCut(b, b.Purchased, now, moves, func() {})
	}
	p.recordIfCrossed(wasLow, now)
	return nil
}
