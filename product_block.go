package allocation

import "time"

// BlockBatch takes a batch out of sale, for a reason that is an identifier (R12): until
// [Product.UnblockBatch] no unit of the batch is promised or shipped (R13). All lines leave the batch
// as in [Product.ChangeBatchQuantity], and units that fit nowhere are released and returned; the units
// of the batch stay. Counting, receiving, splitting and cancelling go on. A repeat changes nothing;
// another reason replaces the reason.
func (p *Product) BlockBatch(
	ref BatchRef, reason string, now time.Time, policy Policy,
) (released []OrderLine, err error) {
	const op = "BlockBatch"
	if err := checkID(op, "reason", reason); err != nil {
		return nil, err
	}
	b, err := p.batch(op, ref)
	if err != nil || b.Blocked == reason {
		return nil, err
	}
	now = clean(now)
	moves, err := p.cut(op, b, 0, now, policy)
	if err != nil {
		return nil, err
	}
	released = p.carryOutLeaving(b, 0, now, moves, func() {
		b.Blocked = reason
		p.record(BatchBlocked{SKU: p.sku, At: now, Batch: ref, Reason: reason})
	})
	p.settle(now)
	return released, nil
}

// UnblockBatch puts a blocked batch back on sale. A batch that is not blocked stays unchanged.
func (p *Product) UnblockBatch(ref BatchRef, now time.Time) error {
	b, err := p.batch("UnblockBatch", ref)
	if err != nil || b.Blocked == "" {
		return err
	}
	now = clean(now)
	b.Blocked, p.queue.freed = "", true
	p.record(BatchUnblocked{SKU: p.sku, At: now, Batch: ref})
	p.settle(now)
	return nil
}
