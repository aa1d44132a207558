package allocation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// as gives a request a LineID.
func as(line allocation.LineID, r allocation.Request) allocation.Request {
	r.Line = line
	return r
}

// fromEach names the LineIDs and batches of lines, such as ":b:2" and "a:b:2".
func fromEach(lines []allocation.Allocation) []string {
	var texts []string
	for _, l := range lines {
		texts = append(texts, fmt.Sprintf("%s:%s", l.Line, from(l)))
	}
	return texts
}

// bundle is a product where order o has a line "" of 2, a hold "kit" of 2 until Tuesday and a firm
// line "spare" of 1; later shipments bring the units of spare.
func bundle(t *testing.T) *tested {
	t.Helper()
	p := newTested(t, inWarehouse("a", 4), arriving("b", 5, 1))
	p.allocates(as("kit", hold("o", 2, mondayPlus(1))), whole("o", 2), as("spare", whole("o", 1)))
	return p
}

func TestR3_LinesWithDifferentIDsAreDifferentLines(t *testing.T) {
	p := newTested(t, inWarehouse("b", 9))
	given := p.allocates(as("a", whole("o", 2)), whole("o", 2), as("a", whole("o", 1)))
	assert.Equal(t, []string{"a:b:3", ":b:2"}, fromEach(given), "requests for the same line are added up (R4)")
	p.stays(func() error {
		again, err := p.Allocate(monday, nil, whole("o", 2), as("a", whole("o", 3)))
		assert.Equal(t, []string{":b:2", "a:b:3"}, fromEach(again), "each repeat finds its own line")
		return err
	})
	err := p.refuses(allocation.ErrMismatch, func() error {
		_, err := p.Allocate(monday, nil, as("a", whole("o", 2)))
		return err
	})
	assert.ErrorContains(t, err, `line "a" of sku "RED-LAMP"`)
	err = p.refuses(allocation.ErrInvalid, func() error {
		_, err := p.Allocate(monday, nil, as("c", whole("o", 1)), as("c", split("o", 1)))
		return err
	})
	assert.ErrorContains(t, err, `line "c" of sku "RED-LAMP"`)
	lines, err := p.Lines("o", monday)
	require.NoError(t, err)
	assert.Equal(t, []string{":b:2", "a:b:3"}, fromEach(lines), "Lines() is sorted by LineID")
}

func TestShortageNamesTheLine(t *testing.T) {
	p := newTested(t, inWarehouse("b", 3))
	short := p.runsOut(func() error {
		_, err := p.Allocate(monday, nil, whole("o", 2), as("kit", whole("o", 2)))
		assert.ErrorContains(t, err, `order "o": line "kit": sku "RED-LAMP": wanted 2, available 1`)
		return err
	})
	assert.Equal(t, []allocation.Shortage{{OrderLine: as("kit", whole("o", 2)).OrderLine, Available: 1}}, short)
}

func TestChangeLineAndShipPartMeanExactlyOneLine(t *testing.T) {
	p := bundle(t)
	before := len(p.Changes().Events)
	grown, err := p.ChangeLine(as("spare", whole("o", 2)).OrderLine, monday, nil)
	require.NoError(t, err)
	assert.Equal(t, "spare", string(grown.Line))
	_, err = p.ShipPart(whole("o", 1).OrderLine, monday)
	require.NoError(t, err)
	assert.Equal(t, []string{"LineAllocated o/spare b +0 +1", "LineShipped o a -1 -1"}, p.recorded(before), "events")
	lines, err := p.Lines("o", monday)
	require.NoError(t, err)
	assert.Equal(t, []string{":a:2/1", "kit:a:2", "spare:b:2"}, fromEach(lines))
	for name, verb := range map[string]func(l allocation.OrderLine) error{
		"ChangeLine": func(l allocation.OrderLine) error { _, err := p.ChangeLine(l, monday, nil); return err },
		"ShipPart":   func(l allocation.OrderLine) error { _, err := p.ShipPart(l, monday); return err },
	} {
		err := p.refuses(allocation.ErrNotFound, func() error { return verb(as("other", whole("o", 1)).OrderLine) })
		assert.ErrorContains(t, err, `line "other" of sku "RED-LAMP"`, name)
	}
	short := p.runsOut(func() error {
		_, err := p.ChangeLine(as("spare", whole("o", 99)).OrderLine, monday, nil)
		return err
	})
	assert.Equal(t, allocation.LineID("spare"), short[0].Line, "the line that is short")
}

func TestVerbsByOrderMeanAllLinesOrNone(t *testing.T) {
	t.Run("Confirm", func(t *testing.T) {
		p := bundle(t)
		err := p.refuses(allocation.ErrLapsed, func() error { _, err := p.Confirm("o", mondayPlus(1)); return err })
		assert.ErrorContains(t, err, `line "kit" of sku "RED-LAMP"`)
		before := len(p.Changes().Events)
		firm, err := p.Confirm("o", monday)
		require.NoError(t, err)
		assert.Equal(t, []string{":a:2", "kit:a:2", "spare:b:1"}, fromEach(firm), "firm lines are returned, too")
		assert.Equal(t, []string{"HoldConfirmed o/kit"}, p.recorded(before), "events")
	})
	t.Run("Extend", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 9))
		p.allocates(as("1", hold("o", 1, mondayPlus(1))), as("2", hold("o", 1, mondayPlus(3))))
		before := len(p.Changes().Events)
		later, err := p.Extend("o", mondayPlus(2), monday)
		require.NoError(t, err)
		assert.Equal(t, []time.Time{mondayPlus(2), mondayPlus(3)}, []time.Time{later[0].HeldUntil, later[1].HeldUntil})
		assert.Equal(t, []string{"HoldExtended o/1"}, p.recorded(before), "events")
		p.allocates(as("3", whole("o", 1)))
		err = p.refuses(allocation.ErrNotAllowed, func() error {
			_, err := p.Extend("o", mondayPlus(9), monday)
			return err
		})
		assert.ErrorContains(t, err, `line "3" of sku "RED-LAMP" is firm`)
	})
	t.Run("Ship", func(t *testing.T) {
		p := bundle(t)
		err := p.refuses(allocation.ErrNotAllowed, func() error { _, err := p.Ship("o", monday); return err })
		assert.ErrorContains(t, err, `line "kit" of sku "RED-LAMP" is held`)
		_, err = p.Confirm("o", monday)
		require.NoError(t, err)
		err = p.refuses(allocation.ErrNotAllowed, func() error { _, err := p.Ship("o", monday); return err })
		assert.ErrorContains(t, err, `line "spare" of sku "RED-LAMP"`, "the spare has not arrived")
		_, err = p.ReceiveBatch(counted("b", 5, monday), monday, nil)
		require.NoError(t, err)
		shipped, err := p.Ship("o", monday)
		require.NoError(t, err)
		assert.Equal(t, []string{":a:2/2", "kit:a:2/2", "spare:b:1/1"}, fromEach(shipped))
		p.stays(func() error { _, err := p.Ship("o", monday); return err })
	})
	t.Run("Cancel", func(t *testing.T) {
		p := bundle(t)
		_, err := p.ShipPart(whole("o", 1).OrderLine, monday)
		require.NoError(t, err)
		before := len(p.Changes().Events)
		left, err := p.Cancel("o", mondayPlus(1))
		require.NoError(t, err)
		assert.Equal(t, []string{":a:1/1", "kit:", "spare:"}, fromEach(left), "what stays")
		assert.Equal(t, []string{
			"LineDeallocated o a +0 -1", "HoldLapsed o/kit a +0 -2", "LineDeallocated o/spare b +0 -1",
		}, p.recorded(before), "events")
		p.stays(func() error { _, err := p.Cancel("o", monday); return err })
	})
}

func TestR6_AReleasedLineIsNamedByItsID(t *testing.T) {
	p := newTested(t, inWarehouse("a", 4))
	p.allocates(whole("o", 2), as("kit", whole("o", 2)))
	before := len(p.Changes().Events)
	released, err := p.ChangeBatchQuantity(counted("a", 3, monday), monday, nil)
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{as("kit", whole("o", 2)).OrderLine}, released)
	assert.Equal(t, []string{"LineReleased o/kit a +0 -2", "BatchQuantityChanged a -1 +0"}, p.recorded(before))
}

func TestR7_HoldsThatLapseTogetherAreRecordedByOrderAndLine(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9))
	for _, r := range []allocation.Request{
		as("b", hold("o", 1, mondayPlus(1))), as("a", hold("p", 1, mondayPlus(1))),
		as("a", hold("o", 1, mondayPlus(1))), hold("o", 1, mondayPlus(1)),
	} {
		p.allocates(r)
	}
	before := len(p.Changes().Events)
	assert.Equal(t, 4, p.Sweep(mondayPlus(1)))
	assert.Equal(t, []string{
		"HoldLapsed o a +0 -1", "HoldLapsed o/a a +0 -1", "HoldLapsed o/b a +0 -1", "HoldLapsed p/a a +0 -1",
	}, p.recorded(before), "events")
}

// A page of lapsed holds may bring a single line of an order. The order is known only after it was
// asked for.
func TestAnOrderIsKnownOnlyIfItWasAskedFor(t *testing.T) {
	kept := newTested(t, inWarehouse("a", 9))
	kept.allocates(as("kit", hold("o", 2, mondayPlus(1))), whole("o", 3))
	q := allocation.Query{SKUs: []allocation.SKU{lamp}, Now: mondayPlus(1), Limit: 9}
	state := page(kept.state(), q)
	require.Len(t, state.Lines, 1, "the lapsed hold")
	p := loadTested(t, state, q)
	for name, verb := range map[string]func() error{
		"Lines":  func() error { _, err := p.Lines("o", monday); return err },
		"Cancel": func() error { _, err := p.Cancel("o", monday); return err },
		"ChangeLine": func() error {
			_, err := p.ChangeLine(as("kit", whole("o", 1)).OrderLine, monday, nil)
			return err
		},
		"Allocate": func() error { _, err := p.Allocate(monday, nil, as("kit", whole("o", 2))); return err },
	} {
		t.Run(name, func(*testing.T) { p.refuses(allocation.ErrNotLoaded, verb) })
	}
	q.Orders = []allocation.OrderID{"o"}
	p = loadTested(t, page(kept.state(), q), q)
	lines, err := p.Lines("o", monday)
	require.NoError(t, err)
	assert.Equal(t, []string{":a:3", "kit:a:2"}, fromEach(lines))
}

func TestAnOrderHasAtMostAThousandLinesOfASKU(t *testing.T) {
	const most = 1000
	lines := func(from, to int) (requests []allocation.Request) {
		for i := from; i < to; i++ {
			requests = append(requests, as(allocation.LineID(fmt.Sprintf("%04d", i)), whole("o", 1)))
		}
		return requests
	}
	allocate := func(p *tested, requests []allocation.Request) func() error {
		return func() error { _, err := p.Allocate(monday, nil, requests...); return err }
	}
	p := newTested(t, inWarehouse("a", 5000))
	err := p.refuses(allocation.ErrNotAllowed, allocate(p, lines(0, most+1)))
	assert.ErrorContains(t, err, `line "1000" of sku "RED-LAMP"`)
	p.allocates(lines(0, most-1)...)
	p.refuses(allocation.ErrNotAllowed, allocate(p, lines(most-1, most+1)))
	p.allocates(as("last", hold("o", 1, mondayPlus(1))))
	p.stays(allocate(p, lines(0, most-1)))
	p.refuses(allocation.ErrNotAllowed, allocate(p, []allocation.Request{whole("o", 1)}))
	p.allocates(whole("other", 1))
	_, err = p.Allocate(mondayPlus(1), nil, whole("o", 1))
	require.NoError(t, err, "a lapsed hold makes room")

	s := newShop(t, stock("b", lamp, 5000))
	_, err = s.Allocate(t.Context(), lines(0, most)...)
	require.NoError(t, err)
	_, err = s.Allocate(t.Context(), lines(most, most+1)...)
	assert.ErrorIs(t, err, allocation.ErrNotAllowed, "a line with an id is not placed on a cached product")
}

// A cached product knows no lines, so that the line without LineID may be one line too many. Such an order can be
// handed over and cancelled like any other.
func TestOneLineTooManyOnACachedProductDoesNoHarm(t *testing.T) {
	s := newShop(t, stock("b", lamp, 5000))
	var requests []allocation.Request
	for i := range 1000 {
		requests = append(requests, as(allocation.LineID(fmt.Sprintf("%04d", i)), whole("o", 1)))
	}
	_, err := s.Allocate(t.Context(), requests...)
	require.NoError(t, err)
	_, err = s.Allocate(t.Context(), whole("o", 1))
	require.NoError(t, err)
	_, err = s.Allocate(t.Context(), as("more", whole("o", 1)))
	require.ErrorIs(t, err, allocation.ErrNotAllowed)
	lines, err := s.HandOver(t.Context(), "o", "o2")
	require.NoError(t, err)
	assert.Len(t, lines, 1001)
	_, err = s.Allocate(t.Context(), whole("cart", 1), as("a", whole("cart", 1)))
	require.NoError(t, err)
	_, err = s.HandOver(t.Context(), "cart", "o2")
	require.ErrorIs(t, err, allocation.ErrMismatch)
	_, err = s.Allocate(t.Context(), as("a", whole("second", 1)))
	require.NoError(t, err)
	_, err = s.HandOver(t.Context(), "second", "o2")
	require.ErrorIs(t, err, allocation.ErrNotAllowed)
	_, err = s.Cancel(t.Context(), "o2")
	require.NoError(t, err)
	_, err = s.Allocate(t.Context(), as("a", whole("o2", 1)))
	require.NoError(t, err)
}

// Two components of a bundle, beside the same item alone: until there were line ids the second call
// was taken for a repeat of the first, and a unit was sold that nobody had promised.
func TestA10_TwoLinesOfOneSKUAreBothPromised(t *testing.T) {
	s := newShop(t, stock("b", "MUG", 5))
	item, component := want("order-1", "MUG", 2), want("order-1", "MUG", 2)
	component.Line = "a"
	for range 2 { // the second time both are repeats
		for _, r := range []allocation.Request{component, item} {
			given, err := s.Allocate(t.Context(), r)
			require.NoError(t, err)
			assert.Equal(t, r.OrderLine, given[0].OrderLine)
		}
	}
	_, err := s.Allocate(t.Context(), want("order-2", "MUG", 2))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, allocation.Quantity(1), short.Shortages[0].Available, "units left of 5")
	view, err := s.store.Order(t.Context(), "order-1")
	require.NoError(t, err)
	require.Len(t, view, 2)
	assert.Equal(t, []allocation.LineID{"", "a"}, []allocation.LineID{view[0].OrderLine.Line, view[1].OrderLine.Line})

	component.Quantity = 1
	shipped, err := s.ShipPart(t.Context(), component.OrderLine)
	require.NoError(t, err)
	assert.Equal(t, allocation.LineID("a"), shipped.Line)
	left, err := s.Cancel(t.Context(), "order-1")
	require.NoError(t, err)
	require.Len(t, left, 1, "lines with shipped units")
	assert.Equal(t, allocation.LineID("a"), left[0].Line)
	state := s.product("MUG")
	assert.Len(t, state.Lines, 1)
	assert.Equal(t, allocation.Quantity(4), state.Batches[0].Available(), "all other units are free")
	drifted, err := s.Reconcile(t.Context(), "MUG")
	require.NoError(t, err)
	assert.False(t, drifted.Drifted(), "%+v", drifted)
}

// A bundle of two SKUs and single items of both, in one order and one call: all or nothing (R5).
func TestABundleBesideTheSingleItem(t *testing.T) {
	s := newShop(t, stock("m", "MUG", 3), stock("c", "COFFEE", 1))
	inBundle := func(sku allocation.SKU) allocation.Request {
		r := want("order-1", sku, 1)
		r.Line = "breakfast-set"
		return r
	}
	requests := []allocation.Request{inBundle("MUG"), inBundle("COFFEE"), want("order-1", "MUG", 2)}
	given, err := s.Allocate(t.Context(), requests...)
	require.NoError(t, err)
	for i, r := range requests {
		assert.Equal(t, r.OrderLine, given[i].OrderLine, "in the order of the call")
	}
	_, err = s.Allocate(t.Context(), want("order-1", "COFFEE", 1))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short, "the coffee of the bundle is not sold a second time")
	confirmed, err := s.Confirm(t.Context(), "order-1", "MUG")
	require.NoError(t, err)
	assert.Len(t, confirmed, 2, "both lines of the mug")
	shipped, err := s.Ship(t.Context(), "order-1")
	require.NoError(t, err)
	require.Len(t, shipped, 3, "by SKU and LineID")
	assert.Equal(t, []allocation.LineKey{
		{OrderID: "order-1", SKU: "COFFEE", Line: "breakfast-set"}, {OrderID: "order-1", SKU: "MUG"},
		{OrderID: "order-1", SKU: "MUG", Line: "breakfast-set"},
	}, []allocation.LineKey{shipped[0].Key(), shipped[1].Key(), shipped[2].Key()})
}
