package allocation

import (
	"maps"
	"slices"
	"time"
)

// mend makes the version agree with the events, the counters of batches with the lines, and the
// ledger with both. All counters come before any cut, since the need for a cut depends on the room in
// the other batches.
func (p *Product) mend(a Audit, now time.Time, policy Policy) error {
	p.skipped, p.queue.freed = max(a.LastEvent-a.Version, 0), true
	for _, t := range a.Tallies {
		b, err := p.batch("Mend", t.Batch)
		if err != nil {
			return err
		}
		from := b.Allocated
		b.Allocated += t.Promised - t.Allocated
		p.record(BatchCorrected{
			SKU: p.sku, At: now, Batch: b.Ref,
			Purchased: t.Purchased - t.RecordedPurchased, Allocated: t.Promised - t.RecordedAllocated,
			AllocatedFrom: from, AllocatedTo: b.Allocated,
		})
	}
	for _, t := range a.Tallies {
		b := p.batches[p.index(t.Batch)]
		moves, err := p.cut("Mend", b, b.Purchased, now, policy)
		if err != nil {
			return err
		}
		p.carryOutLeaving(b, b.Purchased, now, moves, func() {})
	}
	p.settle(now)
	return nil
}

// lacks notes that a trial of a decision needs more of the queue than was loaded. Then the unit of work
// reads on and decides again, as it does without a trial, and commits nothing.
func (q *queue) lacks(trial queue) {
	if trial.missing && trial.serving != (Rank{}) || trial.passed {
		q.missing, q.passed, q.serving = trial.missing, trial.passed, trial.serving
	}
}

// clone returns a product without shared memory, for a trial of a decision.
func (p *Product) clone() *Product {
	trial := *p
	trial.batches = make([]*batch, len(p.batches))
	for i, b := range p.batches {
		copied := *b
		trial.batches[i] = &copied
	}
	trial.places = maps.Clone(p.places)
	trial.lines, trial.byOrder = nil, make(map[OrderID]*line, len(p.byOrder))
	for _, l := range p.lines {
		copied := *l
		copied.Allocation, copied.next = l.copy(), nil
		trial.addLine(&copied)
	}
	trial.asked = slices.Clone(p.asked)
	trial.events = slices.Clone(p.events)
	return &trial
}
