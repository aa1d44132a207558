package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func neededBy(days int, r allocation.Request) allocation.Request {
	r.NeededBy = mondayPlus(days)
	return r
}

func freshUntil(days int, r allocation.Request) allocation.Request {
	r.FreshUntil = mondayPlus(days)
	return r
}

func only(at allocation.Location, r allocation.Request) allocation.Request {
	r.Location = at
	return r
}

// available returns what the product can promise at a time: in the warehouse, and in all.
func (p *tested) available(now time.Time) [2]allocation.Quantity {
	p.t.Helper()
	here, err := p.Available(now)
	require.NoError(p.t, err)
	all, err := p.AvailableBy(mondayPlus(1000), now)
	require.NoError(p.t, err)
	return [2]allocation.Quantity{here, all}
}

// shortOf returns what was available to a request that can't be met.
func (p *tested) shortOf(now time.Time, policy allocation.Policy, r allocation.Request) allocation.Quantity {
	p.t.Helper()
	short := p.runsOut(func() error { _, err := p.Allocate(now, policy, r); return err })
	require.Len(p.t, short, 1)
	require.Equal(p.t, r.OrderLine, short[0].OrderLine)
	return short[0].Available
}

func TestA1_FreshBatchGoesBeforeAnExpiredOne(t *testing.T) {
	p := newTested(t, bestBefore(-1, inWarehouse("expired", 5)), bestBefore(30, inWarehouse("fresh", 4)))
	assert.Equal(t, [2]allocation.Quantity{4, 4}, p.available(monday))
	for _, request := range []allocation.Request{whole("whole", 1), split("split", 2)} {
		given, err := p.Allocate(monday, allocation.FirstExpiredFirst, request)
		require.NoError(t, err)
		assert.Equal(t, []allocation.Part{{Batch: "fresh", Quantity: request.Quantity}}, given[0].Parts)
	}
	assert.Equal(t, allocation.Quantity(1), p.shortOf(monday, nil, split("more", 2)))
	p.allocates(whole("last", 1))
	assert.Zero(t, p.shortOf(monday, allocation.FirstExpiredFirst, whole("none", 1)))
	assert.Zero(t, p.available(monday))
}

func TestA2_BatchIsSoldUntilItsBestBeforeAndNotAtThatMoment(t *testing.T) {
	p := newTested(t, bestBefore(1, inWarehouse("a", 5)))
	before := mondayPlus(1).Add(-time.Microsecond)
	assert.Equal(t, [2]allocation.Quantity{5, 5}, p.available(before))
	given, err := p.Allocate(before, nil, whole("in time", 2))
	require.NoError(t, err)
	assert.Equal(t, "a:2", from(given[0]))
	assert.Zero(t, p.available(mondayPlus(1)))
	assert.Zero(t, p.shortOf(mondayPlus(1), nil, whole("too late", 1)))
	given, err = p.Allocate(mondayPlus(1).Add(-1), nil, whole("cut to microseconds", 1))
	require.NoError(t, err)
	assert.Equal(t, "a:1", from(given[0]))
}

func TestR13_UnsaleableBatchIsNeitherSoldNorCounted(t *testing.T) {
	blocked := inWarehouse("blocked", 5)
	blocked.Blocked = "damaged"
	closed := bestBefore(9, inWarehouse("closed", 5)) // another clock was ahead and recorded the expiry
	closed.Expired = true
	spoils := bestBefore(3, arriving("spoils", 5, 2)) // and then comes a day later
	spoils.ETA = spoils.BestBefore
	rows := map[string]allocation.Batch{
		"blocked": blocked, "expired by the clock": bestBefore(0, inWarehouse("old", 5)),
		"recorded as expired": closed, "expires on arrival": spoils,
	}
	greedy := func(a, b allocation.Batch) int { return int(a.Purchased - b.Purchased) }
	for name, b := range rows {
		t.Run(name, func(t *testing.T) {
			assert.False(t, b.Saleable(monday))
			state := allocation.State{SKU: lamp, Version: 1, Batches: []allocation.Batch{b, inWarehouse("good", 7)}}
			p := loadTested(t, state, allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"o"}})
			assert.Equal(t, [2]allocation.Quantity{7, 7}, p.available(monday))
			assert.Equal(t, allocation.Quantity(7), p.shortOf(monday, greedy, split("o", 8)))
			given, err := p.Allocate(monday, greedy, split("o", 7))
			require.NoError(t, err)
			assert.Equal(t, "good:7", from(given[0]))
		})
	}
}

func TestR13_UnsaleableUnitsAreNoStockToTheLowStockThreshold(t *testing.T) {
	p := newTested(t, bestBefore(0, inWarehouse("expired", 100)), inWarehouse("good", 6))
	require.NoError(t, p.SetLowStock(5, monday))
	before := len(p.Changes().Events)
	p.allocates(whole("o", 2))
	assert.Equal(t, []string{"LineAllocated o good +0 +2", "LowStockCrossed available 4 of 5, low true"},
		p.recorded(before))
}

func TestR13_NewBatchMustKeepBeyondItsArrival(t *testing.T) {
	for name, b := range map[string]allocation.Batch{
		"until it arrives": bestBefore(2, arriving("b", 5, 2)), "not even": bestBefore(1, arriving("b", 5, 2)),
	} {
		t.Run(name, func(t *testing.T) {
			p := newTested(t)
			err := p.refuses(allocation.ErrInvalid, func() error { return p.AddBatch(b, monday) })
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, "best before", detail.Field)
			assert.Equal(t, b.BestBefore, detail.Value)
		})
	}
	p := newTested(t, bestBefore(3, arriving("b", 5, 2)), bestBefore(-9, inWarehouse("old", 1)))
	assert.Equal(t, [2]allocation.Quantity{0, 5}, p.available(monday))
}

func TestA3_LineIsRefusedWithTheUnitsThatComeInTime(t *testing.T) {
	p := newTested(t, arriving("thursday", 4, 3), arriving("monday", 50, 7))
	assert.Equal(t, allocation.Quantity(4), p.shortOf(monday, nil, neededBy(4, whole("five", 5))))
	assert.Equal(t, allocation.Quantity(4), p.shortOf(monday, nil, neededBy(4, split("five", 5))))
	for i := range 4 {
		given := p.allocates(neededBy(4, whole(allocation.OrderID(rune('a'+i)), 1)))
		assert.Equal(t, "thursday:1", from(given[0]))
	}
	assert.Zero(t, p.shortOf(monday, nil, neededBy(4, whole("fifth", 1))))
	assert.Equal(t, "monday:1", from(p.allocates(neededBy(7, whole("can wait", 1)))[0]), "an ETA on the day is in time")
}

func TestR14_OverdueShipmentServesNoLineInAHurry(t *testing.T) {
	p := newTested(t, arriving("overdue", 9, -1), arriving("now", 1, 0))
	assert.Equal(t, allocation.Quantity(1), p.shortOf(monday, nil, neededBy(4, split("o", 2))))
	assert.Equal(t, "overdue:2", from(p.allocates(whole("patient", 2))[0]))
	require.NoError(t, slips(p, "overdue", mondayPlus(2), monday))
	assert.Equal(t, "overdue:2", from(p.allocates(neededBy(4, whole("rescheduled", 2)))[0]))
}

func TestR14_FreshUntilDemandsABatchThatKeepsBeyond(t *testing.T) {
	p := newTested(t, bestBefore(3, inWarehouse("three days", 9)), bestBefore(5, inWarehouse("five days", 2)),
		arriving("keeps", 1, 9))
	short := p.shortOf(monday, nil, freshUntil(3, split("o", 4)))
	assert.Equal(t, allocation.Quantity(3), short, "the day is not beyond")
	given, err := p.Allocate(monday, allocation.FirstExpiredFirst, freshUntil(3, split("o", 3)))
	require.NoError(t, err)
	assert.Equal(t, "five days:2 keeps:1", from(given[0]))
}

func TestA4_CutMovesDatedLinesToBatchesInTimeOnly(t *testing.T) {
	p := newTested(t, arriving("thursday", 9, 3), arriving("friday", 3, 4), arriving("monday", 50, 7))
	p.allocates(neededBy(4, whole("whole", 2)), neededBy(4, split("split", 3)), neededBy(4, whole("last", 1)),
		whole("undated", 3))
	released, err := p.ChangeBatchQuantity(counted("thursday", 0, monday), monday, allocation.PreferLocations("x"))
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{lineOf("split", 2), lineOf("last", 1)}, released)
	assert.Equal(t, []string{"friday:2", "friday:1", "", "monday:3"},
		[]string{p.line("whole"), p.line("split"), p.line("last"), p.line("undated")})
}

func TestA6_GrowthKeepsTheTerms(t *testing.T) {
	batches := func() []allocation.Batch {
		return []allocation.Batch{
			at("SHOP-7", arriving("shop", 3, 2)), at("SHOP-7", arriving("late", 9, 9)),
			at("CENTRAL", inWarehouse("central", 50)), inWarehouse("nowhere", 50),
			at("SHOP-7", bestBefore(2, arriving("stale", 9, 1))),
		}
	}
	terms := func(r allocation.Request) allocation.Request { return only("SHOP-7", neededBy(4, freshUntil(3, r))) }
	for name, request := range map[string]allocation.Request{
		"whole": terms(whole("o", 2)), "split": terms(split("o", 2)),
	} {
		t.Run(name, func(t *testing.T) {
			p := newTested(t, batches()...)
			a := p.allocates(request)[0]
			assert.Equal(t, "shop:2", from(a))
			kept := allocation.Request{
				OrderLine: a.OrderLine, Split: a.Split,
				NeededBy: a.NeededBy, FreshUntil: a.FreshUntil, Location: a.Location,
			}
			assert.Equal(t, request, kept, "the line keeps the terms")
			short := p.runsOut(func() error { _, err := p.ChangeLine(lineOf("o", 4), monday, nil); return err })
			assert.Equal(t, allocation.Quantity(3), short[0].Available)
			a, err := p.ChangeLine(lineOf("o", 3), monday, nil)
			require.NoError(t, err)
			assert.Equal(t, "shop:3", from(a))
			released, err := p.ChangeBatchQuantity(counted("shop", 1, monday), monday, nil)
			require.NoError(t, err)
			require.Len(t, released, 1, "and no unit leaks to another place")
		})
	}
}

func TestA6_LineDoesNotGrowInABatchThatNoLongerServes(t *testing.T) {
	p := newTested(t, bestBefore(1, inWarehouse("a", 10)), inWarehouse("b", 4))
	p.allocates(whole("o", 3))
	assert.Equal(t, "a:3", p.line("o"))
	_, err := p.ChangeLine(lineOf("o", 2), mondayPlus(2), nil)
	require.NoError(t, err, "a promise on an expired batch can be made smaller")
	short := p.runsOut(func() error { _, err := p.ChangeLine(lineOf("o", 5), mondayPlus(2), nil); return err })
	assert.Equal(t, allocation.Quantity(4), short[0].Available)
	a, err := p.ChangeLine(lineOf("o", 4), mondayPlus(2), nil)
	require.NoError(t, err)
	assert.Equal(t, "b:4", from(a), "the whole line moves")
	_, err = p.Ship("o", mondayPlus(2))
	assert.NoError(t, err)
}

func TestA6_LineThatCannotGrowCouldHaveWhatItHas(t *testing.T) {
	p := newTested(t, bestBefore(1, inWarehouse("a", 10)), inWarehouse("b", 2))
	p.allocates(whole("o", 3))
	short := p.runsOut(func() error { _, err := p.ChangeLine(lineOf("o", 5), mondayPlus(2), nil); return err })
	assert.Equal(t, allocation.Quantity(3), short[0].Available)
}

func TestR13_PromiseOnAnExpiredBatchCanBeConfirmedShippedAndCancelled(t *testing.T) {
	p := newTested(t, bestBefore(1, inWarehouse("a", 10)))
	p.allocates(hold("held", 3, mondayPlus(5)), whole("goes", 2))
	_, err := p.Confirm("held", mondayPlus(2))
	require.NoError(t, err)
	_, err = p.Ship("held", mondayPlus(2))
	require.NoError(t, err)
	_, err = p.Cancel("goes", mondayPlus(2))
	require.NoError(t, err)
	assert.Zero(t, p.available(mondayPlus(2)), "what comes back is not for sale")
	released, err := p.ChangeBatchQuantity(counted("a", 1, mondayPlus(3)), mondayPlus(3), nil)
	require.NoError(t, err)
	assert.Empty(t, released)
}

func TestR4_RequestsForOneLineMustHaveTheSameTerms(t *testing.T) {
	priority := whole("o", 1)
	priority.Priority = 1
	for field, second := range map[string]allocation.Request{
		"needed by": neededBy(3, whole("o", 1)), "fresh until": freshUntil(3, whole("o", 1)),
		"location": only("SHOP-7", whole("o", 1)), "split": split("o", 1),
		"hold until": hold("o", 1, mondayPlus(1)), "priority": priority,
	} {
		t.Run(field, func(t *testing.T) {
			p := newTested(t, at("SHOP-7", inWarehouse("a", 9)))
			for _, requests := range [][]allocation.Request{{whole("o", 1), second}, {second, whole("o", 1)}} {
				err := p.refuses(allocation.ErrInvalid, func() error {
					_, err := p.Allocate(monday, nil, requests...)
					return err
				})
				var detail *allocation.Error
				require.ErrorAs(t, err, &detail)
				assert.Equal(t, field, detail.Field)
			}
			given := p.allocates(second, second)
			assert.Equal(t, "a:2", from(given[0]))
		})
	}
}

func TestR14_BadTermsOfANewLineAreInvalid(t *testing.T) {
	lowest, highest := whole("o", 1), whole("o", 1)
	lowest.Priority, highest.Priority = -32_769, 32_768
	for name, row := range map[string]struct {
		request allocation.Request
		field   string
		value   any
	}{
		"needed by a time that has passed":   {neededBy(-1, whole("o", 1)), "needed by", mondayPlus(-1)},
		"fresh until a time that has passed": {freshUntil(-1, whole("o", 1)), "fresh until", mondayPlus(-1)},
		"a location that is no identifier":   {only(" S", whole("o", 1)), "location", allocation.Location(" S")},
		"a priority too low":                 {lowest, "priority", -32_769},
		"a priority too high":                {highest, "priority", 32_768},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 9))
			err := p.refuses(allocation.ErrInvalid, func() error {
				_, err := p.Allocate(monday, nil, row.request)
				return err
			})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, row.field, detail.Field)
			assert.Equal(t, row.value, detail.Value)
		})
	}
	p := newTested(t, inWarehouse("a", 9))
	assert.Equal(t, "a:1", from(p.allocates(neededBy(0, freshUntil(0, whole("o", 1))))[0]), "now has not passed")
}

func TestR11_TermsAreCutToMicrosecondsInUTC(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9))
	east := time.FixedZone("east", 3600)
	r := whole("o", 1)
	r.NeededBy, r.FreshUntil = mondayPlus(1).In(east).Add(999), mondayPlus(2).In(east).Add(1)
	a := p.allocates(r)[0]
	assert.Equal(t, []time.Time{mondayPlus(1), mondayPlus(2)}, []time.Time{a.NeededBy, a.FreshUntil})
	p.stays(func() error { _, err := p.Allocate(monday, nil, r); return err })
}

// Every field of a request is checked, also behind a good location.
func TestR12_TheFieldsBehindTheLocationAreChecked(t *testing.T) {
	p := newTested(t, at("NORTH", inWarehouse("a", 5)))
	r := whole("o", 1)
	r.Location, r.Priority = "NORTH", 40_000
	p.refuses(allocation.ErrInvalid, func() error { _, err := p.Allocate(monday, nil, r); return err })
}

func TestR14_ServesSaysWhichBatchesFitTheTerms(t *testing.T) {
	berlin := bestBefore(5, arriving("berlin", 5, 2))
	berlin.Location = "Berlin"
	for name, c := range map[string]struct {
		request allocation.Request
		now     int
		want    bool
	}{
		"no terms":                    {allocation.Request{}, 0, true},
		"arrives at the last moment":  {allocation.Request{NeededBy: mondayPlus(2)}, 0, true},
		"arrives too late":            {allocation.Request{NeededBy: mondayPlus(1)}, 0, false},
		"overdue":                     {allocation.Request{NeededBy: mondayPlus(4)}, 3, false},
		"keeps":                       {allocation.Request{FreshUntil: mondayPlus(4)}, 0, true},
		"doesn't keep":                {allocation.Request{FreshUntil: mondayPlus(5)}, 0, false},
		"there":                       {allocation.Request{Location: "Berlin"}, 0, true},
		"elsewhere":                   {allocation.Request{Location: "Munich"}, 0, false},
		"expired":                     {allocation.Request{}, 5, false},
		"other fields change nothing": {allocation.Request{HoldUntil: monday, Priority: -9}, 1, true},
	} {
		assert.Equal(t, c.want, berlin.Serves(c.request, mondayPlus(c.now)), name)
	}
}
