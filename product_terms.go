package allocation

import (
	"cmp"
	"math"
	"time"
)

// Saleable reports whether units of the batch may be promised at now, whatever the policy and the
// terms of a line (R13): the batch is not blocked, has not expired, and will not have expired on
// arrival. A batch without BestBefore keeps for ever.
func (b Batch) Saleable(now time.Time) bool { return b.saleable(now) }

// saleable is Saleable without a copy of the batch.
func (b *Batch) saleable(now time.Time) bool { return b.Blocked == "" && b.good(now) }

// good reports whether the goods are fit for sale at now and on arrival, blocked or not.
func (b *Batch) good(now time.Time) bool {
	return !b.Expired && (b.BestBefore.IsZero() || b.BestBefore.After(now) && b.BestBefore.After(b.ETA))
}

// Serves reports whether units of the batch may be promised at now to a line with the request's NeededBy,
// FreshUntil and Location (R13, R14), however many units there are. Serves looks at no other field of the
// request.
func (b Batch) Serves(r Request, now time.Time) bool {
	return b.serves(r.need().terms, clean(now))
}

// forSale reports whether the batch belongs to every [State] of the product. By the clock alone a
// batch for sale may be unsaleable.
func (b *batch) forSale() bool { return b.Available() > 0 && b.Blocked == "" && !b.Expired }

// terms bind a line to the batches that fit (R14). Each zero field accepts every batch.
type terms struct {
	neededBy   time.Time
	freshUntil time.Time
	location   Location
}

// need is a number of units for a line, and the conditions under which the line takes units.
type need struct {
	terms
	units Quantity
	split bool
}

// serves reports whether a line with the terms may be given units of the batch at now. Allocation,
// growth, cuts, splits, blocks and slips all ask serves, so that no policy can sell anything else (R13,
// R14).
func (b *Batch) serves(t terms, now time.Time) bool {
	return b.saleable(now) && b.arrivesBy(t.neededBy, now) && b.keepsBeyond(t.freshUntil) &&
		(t.location == "" || t.location == b.Location)
}

// arrivesBy reports whether the batch is in the warehouse or arrives by the given time; the zero time
// accepts every arrival. An overdue shipment arrives by no given time, since nobody knows when the
// shipment will come, until the shipment is rescheduled or received.
func (b *Batch) arrivesBy(by, now time.Time) bool {
	return by.IsZero() || b.ETA.IsZero() || !b.ETA.After(by) && !b.ETA.Before(now)
}

// keepsBeyond reports whether the batch is still good after the given time; the zero time accepts
// every batch.
func (b *Batch) keepsBeyond(until time.Time) bool {
	return until.IsZero() || b.BestBefore.IsZero() || b.BestBefore.After(until)
}

// need returns the request's quantity and conditions.
func (r Request) need() need {
	return need{terms: terms{r.NeededBy, r.FreshUntil, r.Location}, units: r.Quantity, split: r.Split}
}

// need returns so many units under the line's conditions.
func (l *line) need(units Quantity) need {
	return need{terms: terms{l.NeededBy, l.FreshUntil, l.Location}, units: units, split: l.Split}
}

// plain reports whether the request has no field that must be cleaned or checked.
func (r Request) plain() bool {
	return r.HoldUntil.IsZero() && r.NeededBy.IsZero() && r.FreshUntil.IsZero() && r.Location == "" &&
		r.Priority == 0 && r.HoldFor == 0 && !r.Wait && !r.Partial
}

// clean returns the request with times in the form of every store (R11).
func (r Request) clean() Request {
	r.HoldUntil, r.NeededBy, r.FreshUntil = clean(r.HoldUntil), clean(r.NeededBy), clean(r.FreshUntil)
	r.HoldFor = r.HoldFor.Truncate(time.Microsecond)
	return r
}

// check refuses a request with bad data, whatever the time (R12).
func (r Request) check(op string) error {
	if err := r.OrderLine.check(op); err != nil || r.plain() {
		return err
	}
	if r.Location != "" {
		if err := checkID(op, "location", r.Location); err != nil {
			return err
		}
	}
	if r.Priority < math.MinInt16 || r.Priority > math.MaxInt16 {
		return invalid(op, "priority", r.Priority, "must be from -32,768 to 32,767")
	}
	return cmp.Or(
		r.checkWaiting(op),
		checkTimeIfAny(op, "hold until", r.HoldUntil),
		checkTimeIfAny(op, "needed by", r.NeededBy),
		checkTimeIfAny(op, "fresh until", r.FreshUntil),
	)
}

// checkWaiting refuses terms that contradict each other.
func (r Request) checkWaiting(op string) error {
	switch {
	case r.HoldFor < 0, r.HoldFor > 0 && r.HoldFor < time.Microsecond:
		return invalid(op, "hold for", r.HoldFor, "must be at least a microsecond, or 0")
	case r.HoldFor > 0 && !r.HoldUntil.IsZero():
		return invalid(op, "hold for", r.HoldFor, "can't be combined with HoldUntil")
	case r.Wait && !r.HoldUntil.IsZero():
		return invalid(op, "wait", r.Wait, "can't be combined with HoldUntil")
	case r.Partial && !r.Split:
		return invalid(op, "partial", r.Partial, "needs Split")
	case r.Partial && (!r.HoldUntil.IsZero() || r.HoldFor > 0):
		return invalid(op, "partial", r.Partial, "can't be combined with HoldUntil or HoldFor")
	}
	return nil
}
