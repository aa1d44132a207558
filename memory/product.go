package memory

import (
	"cmp"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// product is the stored state of one SKU. Its slices and maps correspond to the indexes of a database, so that a load
// takes as long beside ten lines as beside a million. All access is under the store's lock.
type product struct {
	sku      allocation.SKU
	version  int64
	refused  int64
	lowStock allocation.Quantity
	low      bool
	batches  map[allocation.BatchRef]*batch
	forSale  []*batch                     // the batches that every load brings, in no order
	lines    map[allocation.OrderID]*line // the first line of each order, by LineID; line.next leads on
	holds    ordered[hold]                // by time, order and line
	lapsed   lapsed
	due      ordered[dueBatch] // batches with Due, by time
	arriving ordered[dueBatch] // batches on the way with expected units, by ETA
	expiring ordered[dueBatch] // batches whose expiry has to be told, or was told and has promises, by BestBefore
	waiting  map[allocation.LineKey]allocation.Allocation
	queue    ordered[place]                             // the lines that wait, in the order of serving
	byOrder  map[allocation.OrderID][]allocation.LineID // the lines of each order that wait, sorted
	serving  allocation.Rank
	needed   ordered[neededLine] // the lines that wait and have NeededBy, by NeededBy

	events  []outbox.Record                  // sorted by sequence, without purged events
	purged  int64                            // sequence of the last purged event
	moved   map[allocation.BatchRef]movement // sums over the purged events
	sent    int64                            // sequence of the last sent event
	lease   *lease                           // nil if no relay has claimed the product
	failure outbox.Failure                   // of the last settlement with a failure; valid only if hasFailed
}

// batch is a batch with the lines that have unshipped units of the batch.
type batch struct {
	allocation.Batch
	leaving ordered[leavingLine] // the lines, in the order in which lines leave at a cut
	dated   ordered[neededLine]  // the lines with NeededBy whose hold, if any, ends later, by NeededBy
}

// line is a stored line, which is replaced and never changed. The line and its only part, as most lines have, are one
// allocation of memory.
type line struct {
	allocation.Allocation
	next *line // the next line of the order, by LineID
	room [1]allocation.Part
}

// hold is an entry of the index of held lines, lapsed holds included.
type hold struct {
	until time.Time
	line  allocation.LineKey
}

// lapsed has the sums of the holds that have lapsed by a time, so that Stock looks at each lapsed hold once, and not in
// every call.
type lapsed struct {
	by    time.Time
	units map[allocation.BatchRef]allocation.Quantity // unshipped units by batch; no entry is 0
}

// dueBatch is an entry of an index of batches by time.
type dueBatch struct {
	at  time.Time
	ref allocation.BatchRef
}

func (d dueBatch) compare(other dueBatch) int {
	return cmp.Or(d.at.Compare(other.at), cmp.Compare(d.ref, other.ref))
}

// leavingLine is an entry of the index of lines with unshipped units, in the order of leaving.
type leavingLine struct {
	rank allocation.Rank
	line allocation.LineKey
}

func (l leavingLine) compare(other leavingLine) int { return l.rank.Compare(other.rank) }

func (h hold) compare(other hold) int {
	return cmp.Or(h.until.Compare(other.until), cmp.Compare(h.line.OrderID, other.line.OrderID),
		cmp.Compare(h.line.Line, other.line.Line))
}

// line returns a stored line, nil if the line doesn't exist.
func (p *product) line(key allocation.LineKey) *line {
	for l := p.lines[key.OrderID]; l != nil; l = l.next {
		if l.Line == key.Line {
			return l
		}
	}
	return nil
}

// link makes a line the next line of another, or the first line of the order if the other is nil.
func (p *product) link(before *line, order allocation.OrderID, l *line) {
	switch {
	case before != nil:
		before.next = l
	case l == nil:
		delete(p.lines, order)
	default:
		p.lines[order] = l
	}
}

// before returns the last line of the order with a lower LineID, nil for none, and the line behind.
func (p *product) before(key allocation.LineKey) (before, behind *line) {
	behind = p.lines[key.OrderID]
	for behind != nil && behind.Line < key.Line {
		before, behind = behind, behind.next
	}
	return before, behind
}

func newProduct(sku allocation.SKU) *product {
	return &product{
		sku:     sku,
		batches: map[allocation.BatchRef]*batch{},
		lines:   map[allocation.OrderID]*line{},
		waiting: map[allocation.LineKey]allocation.Allocation{},
		byOrder: map[allocation.OrderID][]allocation.LineID{},
		moved:   map[allocation.BatchRef]movement{},
		lapsed:  lapsed{units: map[allocation.BatchRef]allocation.Quantity{}},
	}
}

// addEvents appends the events of a commit, each with the trace parent of its command.
func (p *product) addEvents(c allocation.Changes) {
	for i, e := range c.Events {
		r := outbox.Record{Sequence: firstNumber(c) + int64(i), Event: e}
		if len(c.TraceParents) > 0 {
			r.TraceParent = c.TraceParents[i]
		}
		p.events = append(p.events, r)
	}
}

// firstNumber returns the number of the first event of a commit.
func firstNumber(c allocation.Changes) int64 { return c.Version - int64(len(c.Events)) + 1 }

// lastSequence is the sequence of the product's last event, stored or purged.
func (p *product) lastSequence() int64 {
	if n := len(p.events); n > 0 {
		return p.events[n-1].Sequence
	}
	return p.purged
}

// eventsAfter returns the stored events with a greater sequence. Numbers may have gaps, see [allocation.Changes].
func (p *product) eventsAfter(sequence int64) []outbox.Record {
	first, _ := slices.BinarySearchFunc(p.events, sequence+1, func(r outbox.Record, sequence int64) int {
		return cmp.Compare(r.Sequence, sequence)
	})
	return p.events[first:]
}

func (p *product) addBatch(b allocation.Batch) {
	added := &batch{Batch: b}
	p.batches[b.Ref] = added
	p.indexForSale(added, false)
	p.indexTimes(added, batchTimes{})
}

func (p *product) changeBatch(c allocation.BatchChange) {
	b := p.batches[c.Ref]
	was, wasTimes := b.isForSale(), b.times()
	b.Purchased += c.Purchased
	b.Allocated += c.Allocated
	b.ETA, b.ArrivedAt, b.Blocked, b.Expired = c.ETA, c.ArrivedAt, c.Blocked, c.Expired
	b.Due, b.Dated = c.Due, c.Dated
	b.CountedAt, b.CountedQuantity, b.ShippedAt = c.CountedAt, c.CountedQuantity, c.ShippedAt
	p.indexForSale(b, was)
	p.indexTimes(b, wasTimes)
}

// batchTimes are the times by which indexes find a batch. Indexes leave out a batch with the zero time.
type batchTimes struct{ due, arrival, expiry time.Time }

func (b *batch) times() batchTimes {
	t := batchTimes{due: b.Due}
	if b.Purchased > 0 {
		t.arrival = b.ETA
	}
	if b.Allocated > 0 || b.Purchased > 0 && !b.Expired {
		t.expiry = b.BestBefore
	}
	return t
}

// indexTimes updates the indexes of batches by time after a batch changed; was has the times before.
func (p *product) indexTimes(b *batch, was batchTimes) {
	is := b.times()
	moveBatch(&p.due, b.Ref, was.due, is.due)
	moveBatch(&p.arriving, b.Ref, was.arrival, is.arrival)
	moveBatch(&p.expiring, b.Ref, was.expiry, is.expiry)
}

// moveBatch gives a batch another time in an index.
func moveBatch(index *ordered[dueBatch], ref allocation.BatchRef, was, is time.Time) {
	if is.Equal(was) {
		return
	}
	index.remove(dueBatch{was, ref})
	if !is.IsZero() {
		index.insert(dueBatch{is, ref})
	}
}

// isForSale reports whether every load brings the batch: units are available, and the batch is neither blocked nor
// recorded as expired. The clock has no part in this, so an index can hold the answer.
func (b *batch) isForSale() bool { return b.Available() > 0 && b.Blocked == "" && !b.Expired }

// indexForSale updates the index of batches for sale after a batch changed; was says whether the index has the batch.
func (p *product) indexForSale(b *batch, was bool) {
	switch is := b.isForSale(); {
	case is && !was:
		p.forSale = append(p.forSale, b)
	case was && !is:
		at := slices.Index(p.forSale, b)
		p.forSale = slices.Delete(p.forSale, at, at+1)
	}
}

// addLine stores a line that doesn't exist yet, and indexes the line's hold and unshipped parts.
func (p *product) addLine(a allocation.Allocation) {
	l := &line{Allocation: a}
	l.Parts = append(l.room[:0], a.Parts...)
	before, behind := p.before(a.Key())
	l.next = behind
	p.link(before, a.OrderID, l)
	if !a.HeldUntil.IsZero() {
		p.holds.insert(hold{a.HeldUntil, a.Key()})
		p.lapsed.note(a, 1)
	}
	for _, part := range a.Parts {
		if part.Quantity > part.Shipped {
			b := p.batches[part.Batch]
			b.leaving.insert(leavingLine{a.Rank(), a.Key()})
			if isDated(&a) {
				b.dated.insert(neededLine{a.NeededBy, a.Key()})
			}
		}
	}
}

// isDated reports whether the line has NeededBy, and no hold that ends by the first moment after NeededBy.
func isDated(a *allocation.Allocation) bool {
	return !a.NeededBy.IsZero() && !a.Lapsed(overdue(a.NeededBy))
}

// removeLine deletes a line and its index entries. A line that doesn't exist is left out without an error.
func (p *product) removeLine(key allocation.LineKey) {
	before, a := p.before(key)
	if a == nil || a.Line != key.Line {
		return
	}
	p.link(before, key.OrderID, a.next)
	if !a.HeldUntil.IsZero() {
		p.holds.remove(hold{a.HeldUntil, key})
		p.lapsed.note(a.Allocation, -1)
	}
	for _, part := range a.Parts {
		if part.Quantity > part.Shipped {
			b := p.batches[part.Batch]
			b.leaving.remove(leavingLine{a.Rank(), key})
			b.dated.remove(neededLine{a.NeededBy, key})
		}
	}
}

// note adds a hold to the sums, or takes the hold out if sign is -1. A hold that lapses after the time of the sums is
// no part of the sums.
func (l *lapsed) note(a allocation.Allocation, sign allocation.Quantity) {
	if a.HeldUntil.After(l.by) {
		return
	}
	for _, part := range a.Parts {
		if l.units[part.Batch] += sign * (part.Quantity - part.Shipped); l.units[part.Batch] == 0 {
			delete(l.units, part.Batch)
		}
	}
}

// sumLapsed brings the sums of lapsed holds to the time now, which may be earlier than the time of the last call.
func (p *product) sumLapsed(now time.Time) {
	from, to, sign := p.lapsed.by, now, allocation.Quantity(1)
	if now.Before(from) {
		from, to, sign = now, from, -1
	}
	p.lapsed.by = to // so that note takes every hold that the loop finds
	for h := range p.holds.from(func(h hold) bool { return h.until.After(from) }) {
		if h.until.After(to) {
			break
		}
		p.lapsed.note(p.line(h.line).Allocation, sign)
	}
	p.lapsed.by = now
}

// copyLine returns a line that shares no memory with a.
func copyLine(a allocation.Allocation) allocation.Allocation {
	a.Parts = slices.Clone(a.Parts)
	return a
}
