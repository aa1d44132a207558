package allocation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// parted is a part of a batch as a split states the part.
func parted(ref allocation.BatchRef, units allocation.Quantity, location allocation.Location) allocation.Batch {
	return allocation.Batch{Ref: ref, Purchased: units, Location: location}
}

// splits splits units off a batch on the second day.
func (p *tested) splits(from allocation.BatchRef, part allocation.Batch) []allocation.OrderLine {
	p.t.Helper()
	released, err := p.SplitBatch(from, part, mondayPlus(1), nil)
	require.NoError(p.t, err)
	return released
}

// found returns a batch of the product.
func (p *tested) found(ref allocation.BatchRef) allocation.Batch {
	p.t.Helper()
	for b := range p.Batches() {
		if b.Ref == ref {
			return b
		}
	}
	require.Failf(p.t, "no such batch", "batch %q", ref)
	return allocation.Batch{}
}

func TestC1_FreeUnitsGoFirst(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("1", 5))
	before := len(p.Changes().Events)
	assert.Empty(t, p.splits("a", parted("b", 5, "MUNICH")), "released lines")
	assert.Equal(t, "a:5", p.line("1"), "the line")
	assert.Equal(t, []string{"BatchSplit a -5 +0", "BatchAdded b +5 +0"}, p.recorded(before), "events")
	assert.Equal(t, mondayPlus(1), p.found("a").ShippedAt, "when units last left the batch")
}

func TestC2_LinesThatLeaveFirstGoAlong(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("older", 5), whole("newer", 3))
	before := len(p.Changes().Events)
	assert.Empty(t, p.splits("a", parted("b", 5, "MUNICH")), "released lines")
	assert.Equal(t, []string{
		"LineDeallocated newer a +0 -3", "BatchSplit a -5 +0", "BatchAdded b +5 +0", "LineAllocated newer b +0 +3",
	}, p.recorded(before), "events")
	assert.Equal(t, []string{"5/5", "3/5"}, []string{p.batch("a"), p.batch("b")}, "allocated/purchased")
}

// Each row splits units off batch a, with 10 units.
func TestC2_WhoGoesAlong(t *testing.T) {
	free := allocation.Batch{Ref: "c", SKU: lamp, Purchased: 9, Location: "NORTH"}
	rows := []struct {
		name     string
		batches  []allocation.Batch
		requests []allocation.Request // all from batch a
		part     allocation.Batch
		lines    map[allocation.OrderID]string
		released []allocation.OrderLine
	}{
		{
			"a split line goes by parts", nil,
			[]allocation.Request{split("1", 8)}, parted("b", 5, "MUNICH"),
			map[allocation.OrderID]string{"1": "a:5 b:3"}, nil,
		},
		{
			"whole lines go whole", nil,
			[]allocation.Request{whole("1", 4), whole("2", 4)}, parted("b", 5, "MUNICH"),
			map[allocation.OrderID]string{"1": "a:4", "2": "b:4"}, nil,
		},
		{
			"a newer line that is too large for the part stays", nil,
			[]allocation.Request{whole("1", 2), whole("2", 2), whole("3", 6)}, parted("b", 4, "MUNICH"),
			map[allocation.OrderID]string{"1": "b:2", "2": "b:2", "3": "a:6"}, nil,
		},
		{
			"terms that the part doesn't fulfil stay", nil,
			[]allocation.Request{whole("1", 4), only("BERLIN", whole("2", 4))}, parted("b", 5, "MUNICH"),
			map[allocation.OrderID]string{"1": "b:4", "2": "a:4"}, nil,
		},
		{
			"the batch goes whole", nil,
			[]allocation.Request{whole("1", 4), whole("2", 6)}, parted("b", 10, "MUNICH"),
			map[allocation.OrderID]string{"1": "b:4", "2": "b:6"}, nil,
		},
		{
			"further lines leave for other batches", []allocation.Batch{free},
			[]allocation.Request{whole("1", 6), whole("2", 4)}, parted("b", 5, "MUNICH"),
			map[allocation.OrderID]string{"1": "c:6", "2": "b:4"}, nil,
		},
		{
			"further lines are released if they fit nowhere", nil,
			[]allocation.Request{only("BERLIN", whole("1", 6)), only("BERLIN", whole("2", 4))},
			parted("b", 5, "MUNICH"),
			map[allocation.OrderID]string{"1": "", "2": "a:4"}, []allocation.OrderLine{lineOf("1", 6)},
		},
		{
			"rather another line goes than that one is released", nil,
			[]allocation.Request{whole("1", 6), whole("2", 4)}, parted("b", 6, "MUNICH"),
			map[allocation.OrderID]string{"1": "b:6", "2": "a:4"}, nil,
		},
		{
			"of equal lines the line that leaves first goes", nil,
			[]allocation.Request{whole("1", 4), whole("2", 3), whole("3", 3)}, parted("b", 7, "MUNICH"),
			map[allocation.OrderID]string{"1": "b:4", "2": "a:3", "3": "b:3"}, nil,
		},
		{
			"a split line fills up both", nil,
			[]allocation.Request{only("BERLIN", whole("1", 2)), split("2", 2), whole("3", 6)}, parted("b", 7, "MUNICH"),
			map[allocation.OrderID]string{"1": "a:2", "2": "a:1 b:1", "3": "b:6"}, nil,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newTested(t, at("BERLIN", inWarehouse("a", 10)))
			p.allocates(row.requests...)
			for _, b := range row.batches {
				require.NoError(t, p.AddBatch(b, monday))
			}
			assert.Equal(t, row.released, p.splits("a", row.part), "released lines")
			for order, parts := range row.lines {
				assert.Equal(t, parts, p.line(order), "batches of the line of order %q", order)
			}
		})
	}
}

func TestC2_LapsedHoldsAreFreeAndCleared(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("1", 6), hold("cart", 4, monday.Add(time.Hour)))
	before := len(p.Changes().Events)
	assert.Empty(t, p.splits("a", parted("b", 4, "")), "released lines")
	assert.Equal(t, []string{"HoldLapsed cart a +0 -4", "BatchSplit a -4 +0", "BatchAdded b +4 +0"},
		p.recorded(before), "events")
}

func TestC3_InTransitADatedLineStaysWithTheUnitsThatStay(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("undated", 4), neededBy(2, whole("dated", 4)))
	part := parted("b", 5, "MUNICH")
	part.ETA = mondayPlus(3)
	assert.Empty(t, p.splits("a", part), "released lines")
	assert.Equal(t, []string{"b:4", "a:4"}, []string{p.line("undated"), p.line("dated")}, "lines")
	assert.Zero(t, p.found("b").ArrivedAt, "when the part arrived")
}

func TestC4_ASplitIsRepeatedWithoutHarm(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("1", 10))
	part := parted("b", 10, "MUNICH")
	part.SKU, part.Lot = lamp, "a" // stated, or left to the batch
	again := func() error {
		released, err := p.SplitBatch("a", part, mondayPlus(2), nil)
		assert.Empty(t, released, "released lines")
		return err
	}
	require.NoError(t, again())
	p.stays(again)
	_, err := p.Ship("1", mondayPlus(3))
	require.NoError(t, err)
	p.stays(again)
	assert.Equal(t, []string{"0/0", "0/0"}, []string{p.batch("a"), p.batch("b")}, "allocated/purchased")
}

func TestC4_AnotherSplitUnderTheRefIsAMismatch(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), inWarehouse("other", 10))
	first := allocation.Batch{Ref: "b", Purchased: 2, Location: "S2", ETA: mondayPlus(2), Blocked: "dented"}
	p.splits("a", first)
	changed := map[string]func(b *allocation.Batch){
		"quantity": func(b *allocation.Batch) { b.Purchased = 3 },
		"eta":      func(b *allocation.Batch) { b.ETA = mondayPlus(3) },
		"arrived":  func(b *allocation.Batch) { b.ETA = time.Time{} },
		"location": func(b *allocation.Batch) { b.Location = "S3" },
		"blocked":  func(b *allocation.Batch) { b.Blocked = "" },
	}
	for name, change := range changed {
		t.Run(name, func(t *testing.T) {
			part := first
			change(&part)
			p.refuses(allocation.ErrMismatch, func() error {
				_, err := p.SplitBatch("a", part, mondayPlus(1), nil)
				return err
			})
		})
	}
	p.refuses(allocation.ErrMismatch, func() error {
		_, err := p.SplitBatch("other", first, mondayPlus(1), nil)
		return err
	})
}

func TestC9_AnnouncementAndSplitUnderOneRef(t *testing.T) {
	p := newTested(t, inWarehouse("B-1", 10), inWarehouse("T-7", 5))
	p.refuses(allocation.ErrMismatch, func() error {
		_, err := p.SplitBatch("B-1", parted("T-7", 5, ""), monday, nil)
		return err
	})
	p.splits("B-1", parted("T-8", 5, ""))
	p.refuses(allocation.ErrMismatch, func() error {
		announced := inWarehouse("T-8", 5)
		announced.Lot = "B-1"
		return p.AddBatch(announced, monday)
	})
	assert.Equal(t, "0/5", p.batch("B-1"), "allocated/purchased of B-1")
}

func TestC_SplitsThatAreRefused(t *testing.T) {
	perishable := inWarehouse("a", 10)
	perishable.BestBefore, perishable.Lot = mondayPlus(5), "L-9"
	p := newTested(t, perishable)
	p.allocates(whole("1", 4))
	rows := []struct {
		name   string
		change func(b *allocation.Batch)
		err    error
		field  string
	}{
		{"another SKU", func(b *allocation.Batch) { b.SKU = "SOFA" }, allocation.ErrInvalid, "sku"},
		{"another lot", func(b *allocation.Batch) { b.Lot = "L-8" }, allocation.ErrInvalid, "lot"},
		{
			"another best before", func(b *allocation.Batch) { b.BestBefore = mondayPlus(6) },
			allocation.ErrInvalid, "best before",
		},
		{"expired on arrival", func(b *allocation.Batch) { b.ETA = mondayPlus(5) }, allocation.ErrInvalid, "eta"},
		{"more than there is", func(b *allocation.Batch) { b.Purchased = 11 }, allocation.ErrNotAllowed, "quantity"},
		{"nothing", func(b *allocation.Batch) { b.Purchased = 0 }, allocation.ErrInvalid, "quantity"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			part := parted("b", 8, "S2")
			row.change(&part)
			err := p.refuses(row.err, func() error {
				_, err := p.SplitBatch("a", part, monday, nil)
				return err
			})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, []string{"SplitBatch", row.field}, []string{detail.Op, detail.Field}, "op and field")
		})
	}
}

// Expired goods travel, too: to a depot for disposal, or back to the supplier.
func TestC_APartOfExpiredGoodsMayBeOnTheWay(t *testing.T) {
	perishable := inWarehouse("a", 10)
	perishable.BestBefore = mondayPlus(5)
	onTheWay := parted("b", 8, "DEPOT")
	onTheWay.ETA = mondayPlus(7)
	for name, c := range map[string]struct {
		from    allocation.BatchRef
		prepare func(p *tested) error
		blocked string
		now     time.Time
	}{
		"expired, and told": {"a", func(p *tested) error {
			assert.Equal(p.t, 1, p.Sweep(mondayPlus(5)), "Sweep()")
			return nil
		}, "", mondayPlus(6)},
		"expired, and not told":  {"a", func(*tested) error { return nil }, "", mondayPlus(5)},
		"still good, in custody": {"a", func(*tested) error { return nil }, "for disposal", monday},
		"will have expired on arrival": {"ship", func(p *tested) error {
			ship := arriving("ship", 9, 3)
			ship.BestBefore = mondayPlus(5)
			return errors.Join(p.AddBatch(ship, monday), slips(p, "ship", mondayPlus(6), monday))
		}, "", monday},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTested(t, perishable)
			p.allocates(whole("1", 1))
			require.NoError(t, c.prepare(p))
			part := onTheWay
			part.Blocked = c.blocked
			released, err := p.SplitBatch(c.from, part, c.now, nil)
			require.NoError(t, err)
			assert.Empty(t, released)
			assert.Equal(t, "0/8", p.batch("b"), "allocated/purchased of the part")
			p.stays(func() error { _, err := p.SplitBatch(c.from, part, monday, nil); return err })
			p.runsOut(func() error { _, err := p.Allocate(c.now, nil, split("2", 16)); return err })
			assert.False(t, p.found("b").Saleable(c.now), "the part is for sale")
		})
	}
}

func TestC_APartIsOfTheLotAndArrivesWithTheOrigin(t *testing.T) {
	origin := inWarehouse("a", 10)
	origin.BestBefore = mondayPlus(5)
	p := newTested(t, origin, arriving("ship", 10, 3))
	p.splits("a", parted("b", 4, "S2"))
	p.splits("b", parted("c", 1, "S3"))
	b, c := p.found("b"), p.found("c")
	assert.Equal(t, []allocation.BatchRef{"a", "a"}, []allocation.BatchRef{b.SplitFrom, b.Lot}, "origin and lot of b")
	assert.Equal(t, []allocation.BatchRef{"b", "a"}, []allocation.BatchRef{c.SplitFrom, c.Lot}, "origin and lot of c")
	assert.Equal(t, monday, c.ArrivedAt, "when c arrived")
	assert.Equal(t, mondayPlus(5), c.BestBefore, "best before of c")

	p.splits("ship", parted("arrived", 4, "S2"))
	assert.Equal(t, mondayPlus(1), p.found("arrived").ArrivedAt, "when the part arrived, before the rest")
}

// A count from before a split includes the units that have left.
func TestC_ACountFromBeforeASplitIsRefused(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), arriving("ship", 60, 1))
	p.splits("a", parted("b", 4, ""))
	p.splits("ship", parted("arrived", 40, ""))
	p.refuses(allocation.ErrNotAllowed, func() error {
		_, err := p.ChangeBatchQuantity(counted("a", 10, monday), mondayPlus(2), nil)
		return err
	})
	p.refuses(allocation.ErrNotAllowed, func() error {
		_, err := p.ReceiveBatch(counted("ship", 60, monday), mondayPlus(2), nil)
		return err
	})
	_, err := p.ReceiveBatch(counted("ship", 20, mondayPlus(2)), mondayPlus(2), nil)
	require.NoError(t, err)
	assert.Equal(t, "0/20", p.batch("ship"), "allocated/purchased of the rest")
}

// A split that is refused after the part joined the batches must leave no trace of the part.
func TestC_ARefusedSplitLeavesNoPart(t *testing.T) {
	var batches []allocation.Batch
	for _, ref := range "abcdefghijk" {
		batches = append(batches, inWarehouse(allocation.BatchRef(ref), 10))
	}
	p := newTested(t, batches...)
	p.allocates(whole("1", 10))
	for b := range p.Batches() {
		if b.Allocated == 0 {
			continue
		}
		loaded := loadTested(t, p.state(), allocation.Query{SKUs: []allocation.SKU{lamp}, Now: monday, Limit: 1})
		loaded.refuses(allocation.ErrNotLoaded, func() error {
			_, err := loaded.SplitBatch(b.Ref, parted("part", 5, ""), monday, nil)
			return err
		})
		require.NoError(t, loaded.AddBatch(inWarehouse("z", 1), monday))
		require.NoError(t, loaded.AddBatch(inWarehouse("part", 1), monday))
	}
}

// A part of an expired batch is closed as well, and told to nobody again.
func TestC_APartOfAnExpiredBatchIsClosed(t *testing.T) {
	origin := inWarehouse("a", 10)
	origin.BestBefore = mondayPlus(1)
	p := newTested(t, origin)
	p.splits("a", parted("b", 4, "BIN"))
	before := len(p.Changes().Events)
	p.splits("a", parted("c", 4, "BIN"))
	assert.True(t, p.found("c").Expired, "the part of the closed batch is closed")
	assert.Equal(t, []string{"BatchSplit a -4 +0", "BatchAdded c +4 +0"}, p.recorded(before), "events")
}

// With more lapsed holds than one page, or more lines, nobody goes along before all are known.
func TestC2_ASplitThatNeedsMoreSaysSo(t *testing.T) {
	lapses := monday.Add(time.Hour)
	rows := map[string][]allocation.Request{
		"lines": {whole("1", 3), whole("2", 2), neededBy(2, whole("3", 3)), neededBy(2, whole("4", 2))},
		"lapsed holds": {
			hold("2", 1, lapses), hold("3", 1, lapses), hold("4", 1, lapses), hold("5", 1, lapses),
			hold("6", 1, lapses),
			whole("1", 5),
		},
	}
	for name, requests := range rows {
		t.Run(name, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 10))
			p.allocates(requests...)
			q := allocation.Query{Batch: "a", Now: mondayPlus(1), Limit: 2}
			loaded := loadTested(t, page(p.state(), q), q)
			part := parted("b", 5, "")
			part.ETA = mondayPlus(3)
			loaded.refuses(allocation.ErrNotLoaded, func() error {
				_, err := loaded.SplitBatch("a", part, mondayPlus(1), nil)
				return err
			})
		})
	}
}

// A line whose terms the part doesn't fulfil never goes along, also if the part has room for exactly this line.
func TestC2_NoLineGoesAlongOutsideOfItsTerms(t *testing.T) {
	north := inWarehouse("a", 10)
	north.Location = "NORTH"
	p := newTested(t, north)
	bound := whole("o", 6)
	bound.Location = "NORTH"
	p.allocates(bound)
	released := p.splits("a", parted("part", 6, "SOUTH"))
	assert.Equal(t, []allocation.OrderLine{lineOf("o", 6)}, released)
	assert.Equal(t, "0/6", p.batch("part"))
}
