package storetest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

var fieldRows = []row{
	{"a new batch keeps its lot, block, origin, arrival, expiry and count",
		"a blocked or expired batch would be sold, and a repeated split would take the units twice", fieldsNewBatch},
	{"a changed batch has the new arrival, block, expiry and count",
		"a block that is not stored lets the batch be sold, and a lost count makes a late count look new", fieldsBatch},
	{"a change of counters alone keeps all other fields, also beside the change of another batch",
		"a store that takes CountersOnly of one batch for another loses a block, and the batch is sold",
		fieldsCounters},
	{"batches that are blocked or expired are not loaded unless a query names the batch or a line of the batch",
		"otherwise every load grows with the product's history", fieldsForSale},
	{"a new line keeps its dates, place, priority, lateness, first order and terms of waiting",
		"the terms decide for as long as the line exists which batches the line may have (R14)", fieldsNewLine},
	{"a replaced line has the new dates, place, priority, lateness, first order and terms of waiting",
		"a line that loses its terms is given units from the wrong place, or too late (R14)", fieldsLine},
	{"a product keeps whether low stock was told last",
		"low stock would be told twice, or not at all", fieldsLow},
}

var (
	// lastTime is the latest time of the model.
	lastTime = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)

	// longest is the longest text of an identifier, with letters of several bytes.
	longest = strings.Repeat("日", 85)
)

// mostUnits is the largest quantity.
const mostUnits = 1<<53 - 1

// fullBatches are batches with values in all fields.
func fullBatches() []allocation.Batch {
	return []allocation.Batch{
		{
			Lot: allocation.BatchRef(longest), Blocked: longest, AnnouncedBlocked: "at first", SplitFrom: "a9",
			ArrivedAt: noon.Add(123_457 * time.Microsecond), CountedAt: noon, CountedQuantity: mostUnits,
			Due: noon.Add(123_456 * time.Microsecond), Dated: true,
		},
		{
			Lot: "lot", SplitFrom: allocation.BatchRef(longest), AnnouncedBlocked: longest, Expired: true,
			ArrivedAt: lastTime, CountedAt: lastTime, CountedQuantity: -1, ShippedAt: noon,
			Due: lastTime,
		},
		{Blocked: `it's "wet" \`, Expired: true, CountedAt: noon, ArrivedAt: noon.Add(time.Microsecond)},
		{Lot: "a1", CountedAt: noon, CountedQuantity: 7, Dated: true},
		{},
	}
}

// fields returns a batch with the fields of another one that no announcement has.
func fields(b, other allocation.Batch) allocation.Batch {
	b.Lot, b.SplitFrom = other.Lot, other.SplitFrom
	b.Blocked, b.AnnouncedBlocked = other.Blocked, other.AnnouncedBlocked
	b.ArrivedAt, b.Expired, b.ShippedAt = other.ArrivedAt, other.Expired, other.ShippedAt
	b.CountedAt, b.CountedQuantity = other.CountedAt, other.CountedQuantity
	b.Due, b.Dated = other.Due, other.Dated
	return b
}

// wantBatch loads a batch by name and compares all fields.
func (b *bench) wantBatch(want allocation.Batch, format string, args ...any) {
	b.Helper()
	got := b.batchOf(b.state(ofBatch(want.Ref)), want.Ref)
	if got, want := describeBatch(got), describeBatch(want); got != want {
		b.errorf(format+":\n  got:  %s\n  want: %s", append(args, got, want)...)
	}
}

func fieldsNewBatch(b *bench) {
	full := fullBatches()
	refs := named[allocation.BatchRef]("a", len(full))
	batches := make([]allocation.Batch, len(full))
	for i, ref := range refs {
		batches[i] = stock(ref, 5)
	}
	c := b.product("apple", batches...).Changes()
	for i := range c.NewBatches {
		c.NewBatches[i] = fields(c.NewBatches[i], full[i])
	}
	b.commit(c)
	for _, want := range c.NewBatches {
		b.wantBatch(want, "a new batch")
	}
	b.changeBatch("a5", func(change *allocation.BatchChange) { change.Blocked = "wet" })
	for _, want := range c.NewBatches[:4] {
		b.wantBatch(want, "a batch after the change of another batch")
	}
}

func fieldsBatch(b *bench) {
	b.announce("apple", stock("a1", 5), stock("other", 5))
	want := b.batchOf(b.state(ofBatch("a1")), "a1")
	next := append(fullBatches(), fullBatches()[0], allocation.Batch{CountedAt: noon, CountedQuantity: -1})
	for i, next := range next {
		b.changeBatch("a1", func(change *allocation.BatchChange) {
			change.ArrivedAt, change.Blocked, change.Expired = next.ArrivedAt, next.Blocked, next.Expired
			change.CountedAt, change.CountedQuantity = next.CountedAt, next.CountedQuantity
			change.Due, change.Dated = next.Due, next.Dated
		})
		want.ArrivedAt, want.Blocked, want.Expired = next.ArrivedAt, next.Blocked, next.Expired
		want.CountedAt, want.CountedQuantity = next.CountedAt, next.CountedQuantity
		want.Due, want.Dated = next.Due, next.Dated
		b.wantBatch(want, "a batch after change %d", i+1)
	}
}

// fieldsCounters changes the counters of batches with values in all fields: first alone, then beside a block of the
// batch a0, then beside a block of the batch z.
func fieldsCounters(b *bench) {
	full := fullBatches()
	refs := named[allocation.BatchRef]("a", len(full))
	batches := []allocation.Batch{stock("a0", 5), stock("z", 5)}
	for _, ref := range refs {
		batches = append(batches, stock(ref, 5))
	}
	c := b.product("apple", batches...).Changes()
	for i := range full {
		c.NewBatches[i+2] = fields(c.NewBatches[i+2], full[i])
	}
	b.commit(c)
	others, wanted := c.NewBatches[:2], c.NewBatches[2:]
	b.countAll(wanted, nil)
	for i := range others {
		others[i].Blocked = "wet"
		b.countAll(wanted, &others[i])
	}
}

// countAll changes the counters of batches, and everything of another batch, in one commit.
func (b *bench) countAll(batches []allocation.Batch, other *allocation.Batch) {
	b.Helper()
	c := b.nextVersion(b.state(of("apple")))
	for i := range batches {
		change := unchanged(batches[i])
		change.Purchased, change.Allocated, change.CountersOnly = 2, 1, true
		c.Batches = append(c.Batches, change)
		batches[i].Purchased, batches[i].Allocated = batches[i].Purchased+2, batches[i].Allocated+1
	}
	if other != nil {
		c.Batches = append(c.Batches, unchanged(*other))
		batches = append(batches, *other)
	}
	slices.SortFunc(c.Batches, func(x, y allocation.BatchChange) int { return cmp.Compare(x.Ref, y.Ref) })
	b.commit(c)
	for _, want := range batches {
		b.wantBatch(want, "a batch after a change of counters alone")
	}
}

// unchanged returns a change of a batch that changes nothing.
func unchanged(now allocation.Batch) allocation.BatchChange {
	return allocation.BatchChange{
		Ref: now.Ref, ETA: now.ETA, ArrivedAt: now.ArrivedAt, Blocked: now.Blocked, Expired: now.Expired,
		CountedAt: now.CountedAt, CountedQuantity: now.CountedQuantity, ShippedAt: now.ShippedAt,
		Due: now.Due, Dated: now.Dated,
	}
}

// changeBatch commits a change of a batch that differs from the present batch by the edit alone. No command makes so
// many different changes.
func (b *bench) changeBatch(ref allocation.BatchRef, edit func(change *allocation.BatchChange)) {
	b.Helper()
	s := b.state(ofBatch(ref))
	change := unchanged(b.batchOf(s, ref))
	edit(&change)
	c := b.nextVersion(s)
	c.Batches = []allocation.BatchChange{change}
	b.commit(c)
}

// nextVersion returns changes with a single event that says nothing.
func (b *bench) nextVersion(s allocation.State) allocation.Changes {
	b.Helper()
	c := checkOnly(s)
	c.Version++
	c.Events = []allocation.Event{allocation.LowStockSet{SKU: s.SKU, At: noon, From: s.LowStock, To: s.LowStock}}
	return c
}

func fieldsForSale(b *bench) {
	c := b.product("apple", stock("free", 5), stock("blocked", 5), stock("expired", 5), stock("both", 5)).Changes()
	c.NewBatches[1].Blocked, c.NewBatches[2].Expired = "wet", true
	c.NewBatches[3].Blocked, c.NewBatches[3].Expired = "wet", true
	b.commit(c)
	b.wantBatches(b.state(of("apple")), of("apple"), "free")
	for _, ref := range []allocation.BatchRef{"blocked", "expired", "both"} {
		b.wantBatches(b.state(ofBatch(ref)), ofBatch(ref), "free", ref)
	}
	b.allocate("apple", firm("o1", 3), firm("o2", 1))
	b.changeBatch("free", func(change *allocation.BatchChange) { change.Blocked = "wet" })
	b.wantBatches(b.state(of("apple")), of("apple"))
	b.wantBatches(b.state(of("apple", "o1")), of("apple", "o1"), "free")
	b.wantBatches(b.state(ofOrder("o2")), ofOrder("o2"), "free")
	b.changeBatch("free", func(change *allocation.BatchChange) { change.Blocked = "" })
	b.wantBatches(b.state(of("apple")), of("apple"), "free")
	b.changeBatch("free", func(change *allocation.BatchChange) { change.Expired = true })
	b.wantBatches(b.state(of("apple")), of("apple"))
}

// fullLines are lines with values in all fields.
func fullLines() []allocation.Allocation {
	return []allocation.Allocation{
		{
			NeededBy: noon.Add(123_457 * time.Microsecond), FreshUntil: lastTime,
			Location: allocation.Location(longest), Priority: -32_768, Late: true, HandedFrom: "cart-9",
			Wanted: mostUnits, Partial: true, HoldFor: time.Microsecond,
		},
		{
			NeededBy: lastTime, FreshUntil: noon.Add(time.Microsecond), Location: "north", Priority: 32_767,
			HandedFrom: allocation.OrderID(longest), MayWait: true,
			HoldFor: 100*365*24*time.Hour + 123_457*time.Microsecond,
		},
		{Priority: -1, Late: true, Wanted: 5},
		{},
	}
}

// terms returns a line with the terms of another line.
func terms(l, other allocation.Allocation) allocation.Allocation {
	l.NeededBy, l.FreshUntil, l.Location = other.NeededBy, other.FreshUntil, other.Location
	l.Priority, l.Late, l.HandedFrom = other.Priority, other.Late, other.HandedFrom
	l.Wanted, l.Partial, l.MayWait, l.HoldFor = other.Wanted, other.Partial, other.MayWait, other.HoldFor
	return l
}

// wantLine loads a line of "apple" and compares all fields.
func (b *bench) wantLine(want allocation.Allocation, format string, args ...any) {
	b.Helper()
	got := b.lineOf(b.state(of("apple", want.OrderID)), want.OrderID)
	if got, want := describeLine(got), describeLine(want); got != want {
		b.errorf(format+":\n  got:  %s\n  want: %s", append(args, got, want)...)
	}
}

func fieldsNewLine(b *bench) {
	b.announce("apple", stock("a1", 4), stock("a2", 500))
	full := fullLines()
	for i, order := range named[allocation.OrderID]("plain", len(full)) { // one line in each commit
		c := b.allocation("apple", firm(order, 1))
		l := b.lineIn(c.NewLines, 0)
		*l = terms(*l, full[i])
		b.commit(c)
		b.wantLine(*l, "a new line")
	}
	var requests []allocation.Request // several in one commit, held and split
	for _, order := range named[allocation.OrderID]("o", len(full)) {
		r := held(order, 4, minute(9))
		r.Split = true
		requests = append(requests, r)
	}
	c := b.allocation("apple", requests...)
	for i := range requests {
		l := b.lineIn(c.NewLines, i)
		*l = terms(*l, full[i])
	}
	b.commit(c)
	for _, want := range c.NewLines {
		b.wantLine(want, "a new line of several")
	}
}

func fieldsLine(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 500))
	b.allocate("apple", split("o1", 4))
	for i, next := range append(fullLines(), fullLines()[0]) {
		s := b.state(of("apple", "o1"))
		c := b.nextVersion(s)
		c.Lines = []allocation.Allocation{terms(b.lineOf(s, "o1"), next)}
		b.commit(c)
		b.wantLine(c.Lines[0], "a line after change %d", i+1)
	}
}

func fieldsLow(b *bench) {
	c := b.product("apple", stock("a1", 5)).Changes()
	c.Low = true
	b.commit(c)
	for i, low := range []bool{true, false, false, true} {
		if i > 0 {
			c := b.decide(of("apple"), func(p *allocation.Product) error {
				return p.SetLowStock(allocation.Quantity(i), noon)
			})
			c.Low = low
			b.commit(c)
		}
		for _, q := range []allocation.Query{of("apple"), ofBatch("a1")} {
			if got := b.state(q).Low; got != low {
				b.errorf("Low after commit %d, Load(%s) = %t, want %t", i+1, shown(q), got, low)
			}
		}
	}
}
