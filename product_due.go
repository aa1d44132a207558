package allocation

import (
	"cmp"
	"slices"
	"time"
)

// Sweep records everything that the passing of time has done to the loaded part of the product, and
// returns the number of holds, batches and lines concerned: holds that have lapsed ([HoldLapsed]),
// batches that have expired ([BatchExpired]), and lines that are late, or wait no longer, because NeededBy
// has passed ([LineLate], [LineWaiting]). For a sale the sweep makes no difference, since lapsed units are
// free and expired units are never sold, swept or not (R7, R13). Sweep also goes on serving those who wait
// (R15), which the number leaves out.
func (p *Product) Sweep(now time.Time) int {
	now = clean(now)
	swept := p.releaseLapsed(now) + p.dropOverdue(now) + p.expire(now)
	p.serveWaiting(now)
	swept += p.judgeLines(now, false)
	p.recordIfCrossed(now)
	if len(p.events) > 0 {
		p.schedule(now)
	}
	p.settled = len(p.events)
	return swept
}

// settle ends every method that may have recorded events: those who wait are served, and what the passing
// of time has done is recorded. Unless the method has recorded anything, settle does nothing, so that a
// repeat or a mismatch records nothing.
func (p *Product) settle(now time.Time) {
	if len(p.events) == p.settled {
		return
	}
	p.serveWaiting(now)
	p.expire(now)
	p.judgeLines(now, true)
	p.schedule(now)
	p.recordIfCrossed(now)
	p.settled = len(p.events)
}

// expire closes the loaded batches that have reached BestBefore, and returns the number of batches.
func (p *Product) expire(now time.Time) int {
	var expired []*batch
	for _, b := range p.unsettled(now) {
		if expiry := b.expiry(); !expiry.IsZero() && !expiry.After(now) {
			expired = append(expired, b)
		}
	}
	slices.SortFunc(expired, func(a, b *batch) int {
		return cmp.Or(a.BestBefore.Compare(b.BestBefore), cmp.Compare(a.Ref, b.Ref))
	})
	for _, b := range expired {
		b.Expired = true
		p.record(BatchExpired{SKU: p.sku, At: now, Batch: b.Ref, BestBefore: b.BestBefore})
	}
	return len(expired)
}

// expiry returns when the batch expires; zero for never, for an empty batch, and for a batch whose
// expiry was recorded.
func (b *batch) expiry() time.Time {
	if b.Expired || b.Purchased == 0 {
		return time.Time{}
	}
	return b.BestBefore
}

// schedule sets Due of every loaded batch that isn't settled. Unless all lines on a batch on the way are
// known, the former Due stays, which may be too early, but never too late. The sweep then loads the lines of
// the batch; with nothing to record, the sweep can't store a better Due, since every change needs an event
// (R9), and goes on behind the product.
func (p *Product) schedule(now time.Time) {
	unsettled, s := p.unsettled(now), &p.steady
	for _, b := range unsettled {
		due := b.expiry()
		s.expiry = earliest(s.expiry, due)
		if b.saleable(now) {
			s.units = addSaturating(s.units, b.Available())
		}
		switch {
		case !b.Dated || b.ETA.IsZero():
		case p.knowsPromises(b):
			due = earliest(due, p.nextNeed(b))
		default:
			due = earliest(due, b.Due)
		}
		b.Due = due
	}
	s.settled = len(p.batches)
}

// knowsPromises reports whether every promised unit of the batch belongs to a loaded line, so that the
// lines on the batch are known, however loaded.
func (p *Product) knowsPromises(b *batch) bool {
	if b.hasAllLines() {
		return true
	}
	unknown := b.Allocated
	for _, l := range p.lines {
		unknown -= l.partOf(b.Ref).open()
	}
	return unknown == 0
}

// nextNeed returns the first moment after the NeededBy of any line on the batch that is not yet late;
// zero for none.
func (p *Product) nextNeed(b *batch) (next time.Time) {
	for _, l := range p.lines {
		if !l.Late && !l.NeededBy.IsZero() && l.partOf(b.Ref).open() > 0 {
			next = earliest(next, overdue(l.NeededBy))
		}
	}
	return next
}

// isDue reports whether the sweep has to look at the batch at now.
func (b *batch) isDue(now time.Time) bool { return !b.Due.IsZero() && !b.Due.After(now) }

// turn returns the product's first turn behind another: the time of the first loaded thing that is due
// at now. If nothing behind the other turn is loaded, turn returns the other turn.
func (p *Product) turn(after Turn, now time.Time) Turn {
	first := after
	note := func(at time.Time) {
		turn := Turn{At: at, SKU: p.sku}
		if after.before(turn) && (first == after || turn.before(first)) {
			first = turn
		}
	}
	for _, l := range p.lines {
		if l.Lapsed(now) {
			note(l.HeldUntil)
		}
	}
	for _, b := range p.batches {
		if b.isDue(now) {
			note(b.Due)
		}
	}
	if p.queue.isOverdue(now) {
		note(overdue(p.queue.needed))
	}
	if p.queue.serving != (Rank{}) {
		note(time.Time{})
	}
	return first
}

// before reports whether the turn comes before another.
func (t Turn) before(other Turn) bool {
	return cmp.Or(t.At.Compare(other.At), cmp.Compare(t.SKU, other.SKU)) < 0
}
