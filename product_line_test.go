package allocation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestR2_ChangedLineStaysWholeOrSplit(t *testing.T) {
	batches := []allocation.Batch{inWarehouse("a", 5), inWarehouse("b", 8), arriving("c", 20, 1)}
	rows := []struct {
		name    string
		others  []allocation.Request
		request allocation.Request
		to      allocation.Quantity
		want    string
		events  []string
	}{
		{
			"more from the batch that it is in", nil, whole("o", 2), 5, "a:5",
			[]string{"LineAllocated o a +0 +3"},
		},
		{
			"more than its batch has: it moves whole", nil, whole("o", 2), 6, "b:6",
			[]string{"LineDeallocated o a +0 -2", "LineAllocated o b +0 +6"},
		},
		{
			"its own units count as room only in its batch", []allocation.Request{whole("x", 8)}, whole("o", 2),
			6, "c:6",
			[]string{"LineDeallocated o a +0 -2", "LineAllocated o c +0 +6"},
		},
		{
			"a split line gets only what it lacks", nil, split("o", 4), 7, "a:5 b:2",
			[]string{"LineAllocated o a +0 +1", "LineAllocated o b +0 +2"},
		},
		{
			"a split line gets it where there is some", []allocation.Request{whole("x", 8)}, split("o", 4), 26, "",
			nil,
		},
		{
			"fewer: the last batch's units go first", nil, split("o", 15), 6, "a:5 b:1",
			[]string{"LineDeallocated o c +0 -2", "LineDeallocated o b +0 -7"},
		},
		{
			"fewer of a whole line", nil, whole("o", 5), 1, "a:1",
			[]string{"LineDeallocated o a +0 -4"},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newTested(t, batches...)
			p.allocates(append([]allocation.Request{row.request}, row.others...)...)
			before := len(p.Changes().Events)
			change := func() error { _, err := p.ChangeLine(lineOf("o", row.to), monday, nil); return err }
			if row.want == "" {
				p.runsOut(change)
				return
			}
			require.NoError(t, change())
			assert.Equal(t, row.want, p.line("o"), "batches of the line")
			assert.Equal(t, row.events, p.recorded(before), "events")
			p.stays(change)
		})
	}
}

func TestR5_RefusedIncreaseLeavesTheOldAllocation(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 8))
	p.allocates(whole("w", 3), split("s", 2), whole("x", 7))
	t.Run("whole: the most is the largest batch's, its own units included", func(t *testing.T) {
		short := p.runsOut(func() error { _, err := p.ChangeLine(lineOf("w", 9), monday, nil); return err })
		assert.Equal(t, []allocation.Shortage{{OrderLine: lineOf("w", 9), Available: 3}}, short, "shortages")
	})
	t.Run("split: the most is what it has and all that is left", func(t *testing.T) {
		short := p.runsOut(func() error { _, err := p.ChangeLine(lineOf("s", 9), monday, nil); return err })
		assert.Equal(t, []allocation.Shortage{{OrderLine: lineOf("s", 9), Available: 3}}, short, "shortages")
	})
	t.Run("the most can be had", func(t *testing.T) {
		_, err := p.ChangeLine(lineOf("s", 3), monday, nil)
		require.NoError(t, err)
	})
}

func TestR2_GrownLineGoesByTheGivenPolicy(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 9), at("hull", arriving("c", 9, 1)))
	p.allocates(whole("o", 5))
	grown, err := p.ChangeLine(lineOf("o", 6), monday, allocation.PreferLocations("hull"))
	require.NoError(t, err)
	assert.Equal(t, "c:6", from(grown), "batches of the line")
}

func TestR8_PartlyShippedLineGrowsAndShrinks(t *testing.T) {
	setUp := func(t *testing.T) *tested {
		t.Helper()
		p := newTested(t, inWarehouse("a", 6), inWarehouse("b", 9))
		p.allocates(whole("o", 6))
		_, err := p.ShipPart(lineOf("o", 2), monday)
		require.NoError(t, err)
		return p
	}
	t.Run("only open units move when it grows", func(t *testing.T) {
		p := setUp(t)
		grown, err := p.ChangeLine(lineOf("o", 10), monday, nil)
		require.NoError(t, err)
		assert.Equal(t, "a:2/2 b:8", from(grown), "batches of the line")
	})
	t.Run("a refused increase counts what was shipped", func(t *testing.T) {
		p := setUp(t)
		short := p.runsOut(func() error { _, err := p.ChangeLine(lineOf("o", 12), monday, nil); return err })
		assert.Equal(t, allocation.Quantity(11), short[0].Available, "available to the line: 2 shipped and all of b")
	})
	t.Run("down to what was shipped", func(t *testing.T) {
		p := setUp(t)
		shrunk, err := p.ChangeLine(lineOf("o", 2), monday, nil)
		require.NoError(t, err)
		assert.Equal(t, "a:2/2", from(shrunk), "batches of the line")
		assert.Equal(t, allocation.Quantity(2), shrunk.Shipped(), "Shipped()")
	})
	t.Run("never below", func(t *testing.T) {
		p := setUp(t)
		p.refuses(allocation.ErrNotAllowed,
			func() error { _, err := p.ChangeLine(lineOf("o", 1), monday, nil); return err })
	})
	t.Run("a line that has shipped whole gets new units", func(t *testing.T) {
		p := setUp(t)
		_, err := p.Ship("o", monday)
		require.NoError(t, err)
		grown, err := p.ChangeLine(lineOf("o", 9), monday, nil)
		require.NoError(t, err)
		assert.Equal(t, "a:6/6 b:3", from(grown), "batches of the line")
	})
	t.Run("cancel leaves what was shipped", func(t *testing.T) {
		p := setUp(t)
		left, err := lone(p.Cancel("o", monday))
		require.NoError(t, err)
		assert.Equal(t, "a:2/2", from(left), "batches of the line")
		assert.Equal(t, allocation.Quantity(2), left.Quantity, "the line's quantity")
		p.stays(func() error { _, err := p.Cancel("o", monday); return err })
	})
}

func TestR9_CancelGivesUnitsBack(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5))
	p.allocates(split("o", 7))
	before := len(p.Changes().Events)
	left, err := lone(p.Cancel("o", monday))
	require.NoError(t, err)
	assert.Zero(t, left.Quantity, "what stays")
	assert.Empty(t, left.Parts, "what stays")
	assert.Equal(t, []string{"LineDeallocated o b +0 -2", "LineDeallocated o a +0 -5"}, p.recorded(before), "events")
	p.refuses(allocation.ErrNotFound, func() error { _, err := p.Cancel("o", monday); return err })
}

func TestR8_ShipTotals(t *testing.T) {
	setUp := func(t *testing.T) *tested {
		t.Helper()
		p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5), arriving("c", 5, 1))
		p.allocates(split("o", 12))
		return p
	}
	ship := func(p *tested, total allocation.Quantity) func() error {
		return func() error { _, err := p.ShipPart(lineOf("o", total), monday); return err }
	}
	t.Run("units leave purchased and allocated alike", func(t *testing.T) {
		p := setUp(t)
		before := len(p.Changes().Events)
		require.NoError(t, ship(p, 3)())
		assert.Equal(t, "a:5/3 b:5 c:2", p.line("o"), "batches of the line")
		assert.Equal(t, "2/2", p.batch("a"), "allocated/purchased of batch a")
		assert.Equal(t, []allocation.Event{
			allocation.LineShipped{SKU: lamp, At: monday, OrderID: "o", Batch: "a", Quantity: 3},
		},
			p.Changes().Events[before:], "events")
	})
	t.Run("a part shipment states the total, so that a repeat changes nothing", func(t *testing.T) {
		p := setUp(t)
		require.NoError(t, ship(p, 3)())
		p.stays(ship(p, 3))
		before := len(p.Changes().Events)
		require.NoError(t, ship(p, 7)())
		assert.Equal(t, []string{"LineShipped o a -2 -2", "LineShipped o b -2 -2"}, p.recorded(before), "events")
	})
	t.Run("a belated repeat changes nothing", func(t *testing.T) {
		p := setUp(t)
		require.NoError(t, ship(p, 7)())
		p.stays(ship(p, 3))
	})
	t.Run("more than the line has", func(t *testing.T) {
		p := setUp(t)
		p.refuses(allocation.ErrNotAllowed, ship(p, 13))
	})
	t.Run("what has not arrived can't be shipped", func(t *testing.T) {
		p := setUp(t)
		p.refuses(allocation.ErrNotAllowed, ship(p, 11))
		p.refuses(allocation.ErrNotAllowed, func() error { _, err := p.Ship("o", monday); return err })
		require.NoError(t, ship(p, 10)())
		_, err := p.ReceiveBatch(counted("c", 5, monday), monday, nil)
		require.NoError(t, err)
		shipped, err := lone(p.Ship("o", monday))
		require.NoError(t, err)
		assert.Equal(t, "a:5/5 b:5/5 c:2/2", from(shipped), "batches of the line")
		p.stays(func() error { _, err := p.Ship("o", monday); return err })
		p.stays(ship(p, 12))
	})
	t.Run("an overdue shipment has not arrived", func(t *testing.T) {
		p := setUp(t)
		p.refuses(allocation.ErrNotAllowed, func() error { _, err := p.Ship("o", mondayPlus(99)); return err })
	})
	t.Run("what has arrived is shipped past what has not", func(t *testing.T) {
		p := newTested(t, arriving("c", 5, 1))
		p.allocates(split("o", 4))
		require.NoError(t, p.AddBatch(inWarehouse("a", 3), monday))
		_, err := p.ChangeLine(lineOf("o", 6), monday, nil)
		require.NoError(t, err)
		require.Equal(t, "c:4 a:2", p.line("o"), "batches of the line")
		require.NoError(t, ship(p, 2)())
		assert.Equal(t, "c:4 a:2/2", p.line("o"), "batches of the line")
	})
	t.Run("a hold can't be shipped before it is confirmed", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 5))
		p.allocates(hold("o", 2, mondayPlus(1)))
		p.refuses(allocation.ErrNotAllowed, func() error { _, err := p.Ship("o", monday); return err })
		p.refuses(allocation.ErrNotAllowed, ship(p, 1))
		_, err := p.Confirm("o", monday)
		require.NoError(t, err)
		assert.NoError(t, ship(p, 1)())
	})
	t.Run("another product's SKU", func(t *testing.T) {
		p := setUp(t)
		p.refuses(allocation.ErrInvalid, func() error {
			_, err := p.ShipPart(allocation.OrderLine{OrderID: "o", SKU: "BLUE-LAMP", Quantity: 1}, monday)
			return err
		})
	})
}

func TestR3_ChangeLineKnowsItsOwnProductOnly(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5))
	p.allocates(whole("o", 2))
	err := p.refuses(allocation.ErrInvalid, func() error {
		_, err := p.ChangeLine(allocation.OrderLine{OrderID: "o", SKU: "BLUE-LAMP", Quantity: 1}, monday, nil)
		return err
	})
	requireInvalid(t, err, "ChangeLine", "sku")
}

// A line that is not split grows in the batch of its open units, whichever batch its units were shipped from last (R2).
func TestR2_AWholeLineGrowsWhereItsOpenUnitsAre(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 4))
	p.allocates(whole("1", 5))
	ships := func(total allocation.Quantity) {
		_, err := p.ShipPart(lineOf("1", total), monday)
		require.NoError(t, err)
	}
	ships(2)
	p.blocks("a", "recall")
	ships(3)
	require.NoError(t, p.UnblockBatch("a", monday))
	p.blocks("b", "recall")
	require.Equal(t, "a:4/2 b:1/1", p.line("1"))
	require.NoError(t, p.AddBatch(inWarehouse("0", 9), monday))
	_, err := p.ChangeLine(lineOf("1", 6), monday, nil)
	require.NoError(t, err)
	assert.Equal(t, "a:5/2 b:1/1", p.line("1"))
}

func TestR15_ShipPartOfALineWithoutUnitsSaysThatTheLineWaits(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5))
	waits := whole("1", 9)
	waits.Wait = true
	p.allocates(waits)
	err := p.refuses(allocation.ErrNotAllowed, func() error {
		_, err := p.ShipPart(lineOf("1", 1), monday)
		return err
	})
	require.ErrorContains(t, err, "waits for units")
}
