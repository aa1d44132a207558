package allocation

import (
	"fmt"
	"time"
)

// aheadLimit is how far a count may be ahead of the present time, since clocks in a warehouse and on a
// server are never quite the same.
const aheadLimit = time.Minute

// Count is the result of counting a batch: so many units were there at the moment At, promised units
// included, shipped units not. A count is absolute: the quantity is what somebody has counted, never the
// units known before, more or less some units.
//
// The moment identifies the count (R8). A repeat changes nothing, a count of the same moment with
// another quantity is [ErrMismatch], and an older count is ignored. A new count from before units last
// left the batch, by a shipment or a split, is [ErrNotAllowed], since the count includes units that have
// left since.
//
// The clock of whoever counts may be up to a minute ahead. If units left the batch in the last minute, a
// count ahead of the present time is ErrNotAllowed, since the units may have been counted before; a count
// more than a minute ahead is [ErrInvalid]. An older count from within a minute before the last count is
// ErrNotAllowed, and not ignored, unless the count agrees with the batch: the clock of the last count may
// have been ahead, and the older count the true one. The same holds for every older count while the last
// count is ahead of the present time. After an ErrNotAllowed count again; the refused count must not be
// sent again.
type Count struct {
	Batch    BatchRef
	Quantity Quantity
	At       time.Time
}

// check refuses a count with bad data, whatever the time.
func (c Count) check(op string) error {
	if err := checkID(op, "batch", c.Batch); err != nil {
		return err
	}
	if err := checkQuantity(op, "quantity", c.Quantity, 0); err != nil {
		return err
	}
	return checkTime(op, "counted at", c.At)
}

// ReceiveBatch says that a batch has arrived, and how many units were counted then. If fewer units
// arrived than were promised, lines move as in [Product.ChangeBatchQuantity]. Late lines whose units
// have arrived by NeededBy are no longer late. If the batch already has a later count, the later count
// stays and only the arrival is recorded. A batch that has arrived before is [ErrNotAllowed], unless
// the count is a repeat. For refused counts see [Count].
func (p *Product) ReceiveBatch(counted Count, now time.Time, policy Policy) (released []OrderLine, err error) {
	const op = "ReceiveBatch"
	now = clean(now)
	b, latest, err := p.counted(op, counted, now)
	switch {
	case err != nil:
		return nil, err
	case !b.ETA.IsZero():
		count := counted
		count.At = clean(counted.At)
		if !latest {
			count.Quantity = b.Purchased
		}
		var lines []*line // that may be in time now
		if b.Dated {
			if lines, err = p.allOn(op, b, now); err != nil {
				return nil, err
			}
		}
		return p.setQuantity(op, b, count.Quantity, now, policy, func() {
			p.record(BatchReceived{SKU: p.sku, At: now, Batch: b.Ref, From: b.Purchased, To: count.Quantity})
			b.ETA, b.ArrivedAt, b.Dated = time.Time{}, count.At, false
			if latest {
				b.CountedAt, b.CountedQuantity = count.At, count.Quantity
			}
			for _, l := range lines {
				if l.partOf(b.Ref).open() > 0 {
					l.miss(earliest(b.ArrivedAt, now))
				}
				p.judge(l, b.ArrivedAt, now)
			}
		})
	case !latest:
		return nil, nil
	}
	return nil, notAllowed(op, "batch", b.Ref, "it is in the warehouse")
}

// ChangeBatchQuantity sets the purchased units of a batch to the counted quantity. If fewer units
// were counted than promised, lines move to other batches: holds before firm lines, lines of a lower
// Priority before others, and the newest first. The lines move under the policy and each line's own
// terms. Units that fit nowhere are released and returned, as lines with the quantity lost (R6). For
// refused counts see [Count].
func (p *Product) ChangeBatchQuantity(counted Count, now time.Time, policy Policy) (released []OrderLine, err error) {
	const op = "ChangeBatchQuantity"
	now = clean(now)
	b, latest, err := p.counted(op, counted, now)
	if err != nil || !latest {
		return nil, err
	}
	return p.setQuantity(op, b, counted.Quantity, now, policy, func() {
		p.record(BatchQuantityChanged{SKU: p.sku, At: now, Batch: b.Ref, From: b.Purchased, To: counted.Quantity})
		b.CountedAt, b.CountedQuantity = clean(counted.At), counted.Quantity
	})
}

// counted checks a count and returns the counted batch. Counted reports whether the count is the latest
// count of the batch; otherwise the count is a repeat, or an older count.
func (p *Product) counted(op string, c Count, now time.Time) (b *batch, latest bool, err error) {
	if err := c.check(op); err != nil {
		return nil, false, err
	}
	if b, err = p.batch(op, c.Batch); err != nil {
		return nil, false, err
	}
	at := clean(c.At)
	switch known := b.CountedQuantity; at.Compare(b.CountedAt) {
	case 0:
		if known >= 0 && known != c.Quantity {
			reason := fmt.Errorf("batch %q, counted at %v: %w: the count was %d", b.Ref, at, ErrMismatch, known)
			return nil, false, &Error{Op: op, Field: "quantity", Value: c.Quantity, Err: reason}
		}
		return b, false, nil
	case -1:
		switch {
		case b.CountedAt.After(now):
			return nil, false, notAllowed(op, "counted at", c.At, "a count ahead of the clock came before: count later")
		case b.mayBeTrue(c):
			return nil, false, notAllowed(op, "counted at", c.At, "within a minute before the last count: count again")
		}
		return b, false, nil
	}
	return b, true, b.checkClock(op, c.At, now)
}

// mayBeTrue reports whether an older count may have been taken after the last count, and must not be
// ignored. The batch keeps only the moment of the last count, by a clock that may have been up to
// aheadLimit ahead, so all counts within this time before the last count may be true. The count of the
// arrival, and a count that agrees with the batch, can be ignored in any case.
func (b *batch) mayBeTrue(older Count) bool {
	at := clean(older.At)
	arrival := b.ETA.IsZero() && !b.AnnouncedETA.IsZero() && at.Equal(b.ArrivedAt)
	agrees := older.Quantity == b.Purchased && !at.Before(b.ShippedAt)
	return !at.Before(b.CountedAt.Add(-aheadLimit)) && !arrival && !agrees
}

// checkClock refuses a new count that may include units that have left the batch.
func (b *batch) checkClock(op string, counted, now time.Time) error {
	switch at := clean(counted); {
	case at.After(now.Add(aheadLimit)):
		return invalid(op, "counted at", counted, "must not be more than a minute in the future")
	case at.After(now) && b.ShippedAt.After(now.Add(-aheadLimit)):
		return notAllowed(op, "counted at", counted, "ahead of the clock, and units left the batch within a minute")
	case at.Before(b.ShippedAt):
		return notAllowed(op, "counted at", counted, "units left the batch after that")
	}
	return nil
}
