package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// tuesday is when the holds of these tests lapse, just before the last moment that they bind.
var (
	tuesday    = mondayPlus(1)
	justBefore = tuesday.Add(-time.Microsecond)
)

func TestR7_HoldLapsesAtItsMoment(t *testing.T) {
	hold := allocation.Allocation{HeldUntil: tuesday}
	assert.False(t, hold.Lapsed(justBefore), "a microsecond before")
	assert.True(t, hold.Lapsed(tuesday), "at the moment")
	assert.True(t, hold.Lapsed(mondayPlus(9)), "long after")
	assert.False(t, allocation.Allocation{}.Lapsed(mondayPlus(9)), "a firm line never lapses")
}

// held returns a product with 10 units in a: order h holds 8 units until tuesday, order f has 2 units
// firmly.
func held(t *testing.T) *tested {
	t.Helper()
	p := newTested(t, inWarehouse("a", 10))
	given := p.allocates(hold("h", 8, tuesday), whole("f", 2))
	require.Equal(t, tuesday, given[0].HeldUntil)
	require.Zero(t, given[1].HeldUntil)
	return p
}

func TestR7_LapsedUnitsAreFreeWithoutASweep(t *testing.T) {
	t.Run("a hold binds until its moment", func(t *testing.T) {
		p := held(t)
		short := p.runsOut(func() error { _, err := p.Allocate(justBefore, nil, whole("o", 1)); return err })
		assert.Equal(t, allocation.Quantity(0), short[0].Available, "available to the line")
		units, err := p.Available(justBefore)
		require.NoError(t, err)
		assert.Equal(t, allocation.Quantity(0), units, "Available()")
	})
	t.Run("and not a moment longer", func(t *testing.T) {
		p := held(t)
		before := len(p.Changes().Events)
		units, err := p.Available(tuesday)
		require.NoError(t, err)
		assert.Equal(t, allocation.Quantity(8), units, "Available()")
		assert.Len(t, p.Changes().Events, before, "to ask is no change")
		given, err := p.Allocate(tuesday, nil, whole("o", 8))
		require.NoError(t, err)
		assert.Equal(t, "a:8", from(given[0]), "batches of the line")
		assert.Equal(t, []string{"HoldLapsed h a +0 -8", "LineAllocated o a +0 +8"}, p.recorded(before), "events")
	})
	t.Run("also for a line that grows", func(t *testing.T) {
		p := held(t)
		grown, err := p.ChangeLine(lineOf("f", 10), tuesday, nil)
		require.NoError(t, err)
		assert.Equal(t, "a:10", from(grown), "batches of the line")
	})
	t.Run("also for a cut: the lapsed goes before any promise", func(t *testing.T) {
		p := held(t)
		before := len(p.Changes().Events)
		released, err := p.ChangeBatchQuantity(counted("a", 2, tuesday), tuesday, nil)
		require.NoError(t, err)
		assert.Empty(t, released, "released lines")
		assert.Equal(t, []string{"HoldLapsed h a +0 -8", "BatchQuantityChanged a -8 +0"}, p.recorded(before), "events")
	})
	t.Run("also where a cut line moves to", func(t *testing.T) {
		p := held(t)
		require.NoError(t, p.AddBatch(arriving("b", 5, 1), monday))
		p.allocates(whole("o", 5))
		released, err := p.ChangeBatchQuantity(counted("b", 0, tuesday), tuesday, nil)
		require.NoError(t, err)
		assert.Empty(t, released, "released lines")
		assert.Equal(t, "a:5", p.line("o"), "batches of the line")
	})
}

func TestR7_LapsedHoldNeverComesBack(t *testing.T) {
	verbs := map[string]func(p *tested) error{
		"confirm":     func(p *tested) error { _, err := p.Confirm("h", tuesday); return err },
		"extend":      func(p *tested) error { _, err := p.Extend("h", mondayPlus(5), tuesday); return err },
		"change":      func(p *tested) error { _, err := p.ChangeLine(lineOf("h", 1), tuesday, nil); return err },
		"ship":        func(p *tested) error { _, err := p.Ship("h", tuesday); return err },
		"ship a part": func(p *tested) error { _, err := p.ShipPart(lineOf("h", 1), tuesday); return err },
		"look":        func(p *tested) error { _, err := p.Lines("h", tuesday); return err },
	}
	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			p := held(t)
			p.refuses(allocation.ErrLapsed, func() error { return verb(p) })
			require.Equal(t, 1, p.Sweep(tuesday), "Sweep()")
			p.refuses(allocation.ErrNotFound, func() error { return verb(p) })
		})
	}
}

func TestR7_ExtendAndConfirmInTime(t *testing.T) {
	t.Run("extend at the last moment", func(t *testing.T) {
		p := held(t)
		before := len(p.Changes().Events)
		extended, err := lone(p.Extend("h", mondayPlus(3), justBefore))
		require.NoError(t, err)
		assert.Equal(t, mondayPlus(3), extended.HeldUntil, "HeldUntil")
		assert.Equal(t, []allocation.Event{
			allocation.HoldExtended{SKU: lamp, At: justBefore, OrderID: "h", From: tuesday, To: mondayPlus(3)},
		}, p.Changes().Events[before:], "events")
		p.runsOut(func() error { _, err := p.Allocate(tuesday, nil, whole("o", 1)); return err })
		p.stays(func() error { _, err := p.Extend("h", mondayPlus(3), tuesday); return err })
		p.stays(func() error {
			same, err := lone(p.Extend("h", mondayPlus(2), tuesday))
			assert.Equal(t, mondayPlus(3), same.HeldUntil, "an earlier time doesn't shorten the hold")
			return err
		})
	})
	t.Run("confirm at the last moment", func(t *testing.T) {
		p := held(t)
		before := len(p.Changes().Events)
		firm, err := lone(p.Confirm("h", justBefore))
		require.NoError(t, err)
		assert.Zero(t, firm.HeldUntil, "HeldUntil")
		assert.Equal(t, []allocation.Event{allocation.HoldConfirmed{SKU: lamp, At: justBefore, OrderID: "h"}},
			p.Changes().Events[before:], "events")
		p.stays(func() error { _, err := p.Confirm("h", mondayPlus(9)); return err })
		assert.Zero(t, p.Sweep(mondayPlus(9)), "Sweep()")
	})
	t.Run("a firm line can't be extended", func(t *testing.T) {
		p := held(t)
		p.refuses(allocation.ErrNotAllowed, func() error { _, err := p.Extend("f", tuesday, monday); return err })
	})
	t.Run("a repeat is not refused because the time has passed", func(t *testing.T) {
		p := held(t)
		_, err := p.Extend("h", mondayPlus(3), monday)
		require.NoError(t, err)
		for _, until := range []time.Time{tuesday, mondayPlus(2).Add(-1), mondayPlus(2)} {
			p.stays(func() error { _, err := p.Extend("h", until, mondayPlus(2)); return err })
		}
		p.refuses(allocation.ErrLapsed, func() error { _, err := p.Extend("h", tuesday, mondayPlus(3)); return err })
		extend := func() error { _, err := p.Extend("f", tuesday, mondayPlus(2)); return err }
		p.refuses(allocation.ErrNotAllowed, extend)
	})
	t.Run("a hold can't be extended until never", func(t *testing.T) {
		p := held(t)
		p.refuses(allocation.ErrInvalid, func() error { _, err := p.Extend("h", time.Time{}, monday); return err })
	})
}

func TestR7_SweepOfAProduct(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5))
	p.allocates(
		allocation.Request{OrderLine: lineOf("first", 6), Split: true, HoldUntil: tuesday},
		hold("later", 2, mondayPlus(2)), whole("firm", 1),
	)
	p.stays(func() error { assert.Zero(t, p.Sweep(justBefore), "Sweep()"); return nil })
	before := len(p.Changes().Events)
	assert.Equal(t, 1, p.Sweep(tuesday), "Sweep(), in lines")
	assert.Equal(t, []allocation.Event{
		allocation.HoldLapsed{SKU: lamp, At: tuesday, OrderID: "first", Batch: "a", Quantity: 5, HeldUntil: tuesday},
		allocation.HoldLapsed{SKU: lamp, At: tuesday, OrderID: "first", Batch: "b", Quantity: 1, HeldUntil: tuesday},
	}, p.Changes().Events[before:], "events, one for each part")
	p.stays(func() error { assert.Zero(t, p.Sweep(tuesday), "Sweep()"); return nil })
	assert.Equal(t, []string{"", "b:2"}, []string{p.line("first"), p.line("later")}, "batches of the lines")
}

func TestR7_CancelOfALapsedHoldClearsIt(t *testing.T) {
	p := held(t)
	before := len(p.Changes().Events)
	left, err := lone(p.Cancel("h", tuesday))
	require.NoError(t, err)
	assert.Zero(t, left.Quantity, "what stays")
	assert.Equal(t, []string{"HoldLapsed h a +0 -8"}, p.recorded(before), "events")
}

// overrun returns a product whose 10 units are in three lapsed holds and one firm line of 1, in this
// order.
func overrun(t *testing.T, q allocation.Query) *tested {
	t.Helper()
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(hold("h1", 3, tuesday), hold("h2", 3, tuesday.Add(time.Hour)), hold("h3", 3, tuesday.Add(2*time.Hour)),
		whole("f", 1))
	q.Now = mondayPlus(2)
	return loadTested(t, page(p.state(), q), q)
}

func TestR7_ShortageAsksForTheNextPageOfLapsedHolds(t *testing.T) {
	wednesday := mondayPlus(2)
	load := func(t *testing.T, limit int) *tested {
		t.Helper()
		return overrun(t,
			allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"o", "f"}, Limit: limit})
	}
	allocate := func(p *tested, units allocation.Quantity) func() error {
		return func() error { _, err := p.Allocate(wednesday, nil, whole("o", units)); return err }
	}
	t.Run("the page is enough", func(t *testing.T) {
		p := load(t, 2)
		require.NoError(t, allocate(p, 6)())
		c := p.Changes()
		removed := []allocation.LineKey{{OrderID: "h1", SKU: lamp}, {OrderID: "h2", SKU: lamp}}
		assert.Equal(t, removed, c.Removed, "removed lines")
		assert.Equal(t, []string{"HoldLapsed h1 a +0 -3", "HoldLapsed h2 a +0 -3", "LineAllocated o a +0 +6"},
			p.recorded(0), "events")
	})
	t.Run("never a wrong refusal", func(t *testing.T) {
		p := load(t, 2)
		err := p.refuses(allocation.ErrNotLoaded, allocate(p, 7))
		var short *allocation.OutOfStockError
		assert.NotErrorAs(t, err, &short)
	})
	t.Run("never a wrong refusal of a line that grows", func(t *testing.T) {
		p := load(t, 2)
		p.refuses(allocation.ErrNotLoaded,
			func() error { _, err := p.ChangeLine(lineOf("f", 8), wednesday, nil); return err })
	})
	t.Run("never a wrong number", func(t *testing.T) {
		p := load(t, 2)
		p.refuses(allocation.ErrNotLoaded, func() error { _, err := p.Available(wednesday); return err })
		p.refuses(allocation.ErrNotLoaded, func() error { _, err := p.AvailableBy(wednesday, wednesday); return err })
	})
	t.Run("a true refusal once all are known", func(t *testing.T) {
		p := load(t, 3)
		short := p.runsOut(allocate(p, 10))
		assert.Equal(t, allocation.Quantity(9), short[0].Available, "available to the line")
		assert.NoError(t, allocate(p, 9)())
	})
}

func TestR7_CutAsksForTheNextPageBeforeItReleases(t *testing.T) {
	wednesday := mondayPlus(2)
	p := newTested(t, inWarehouse("a", 8), inWarehouse("b", 8))
	p.allocates(whole("o", 8), hold("h1", 4, tuesday), hold("h2", 4, tuesday.Add(time.Hour)))
	cut := func(p *tested) error {
		_, err := p.ChangeBatchQuantity(counted("a", 0, wednesday), wednesday, nil)
		return err
	}
	state := p.state()
	few := allocation.Query{Batch: "a", Now: wednesday, Limit: 1}
	short := loadTested(t, page(state, few), few)
	short.refuses(allocation.ErrNotLoaded, func() error { return cut(short) })

	all := allocation.Query{Batch: "a", Now: wednesday, Limit: 2}
	enough := loadTested(t, page(state, all), all)
	require.NoError(t, cut(enough))
	assert.Equal(t, []string{
		"HoldLapsed h1 b +0 -4", "HoldLapsed h2 b +0 -4", "LineDeallocated o a +0 -8",
		"BatchQuantityChanged a -8 +0", "LineAllocated o b +0 +8",
	}, enough.recorded(0), "events")
}
