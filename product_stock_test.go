package allocation_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestR1_AvailableInTheWarehouseAndByDate(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), inWarehouse("b", 5), arriving("c", 7, 2), arriving("d", 9, 4))
	p.allocates(whole("1", 6), whole("2", 8), whole("3", 4), hold("4", 1, mondayPlus(1)))
	inWarehouse, err := p.Available(monday)
	require.NoError(t, err)
	assert.Equal(t, allocation.Quantity(4), inWarehouse, "Available()")
	rows := map[string]struct {
		by, now time.Time
		want    allocation.Quantity
	}{
		"today":                    {monday, monday, 4},
		"just before c arrives":    {mondayPlus(2).Add(-1), monday, 4},
		"when c arrives":           {mondayPlus(2), monday, 7 + 4},
		"when d arrives":           {mondayPlus(4), monday, 9 - 8 + 7 + 4},
		"once the hold has lapsed": {monday, mondayPlus(1), 5},
		"of the past":              {mondayPlus(-9), monday, 4},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			units, err := p.AvailableBy(row.by, row.now)
			require.NoError(t, err)
			assert.Equal(t, row.want, units, "AvailableBy()")
		})
	}
}

func TestR12_SumsOverManyBatchesDoNotOverflow(t *testing.T) {
	const most = 1<<53 - 1
	state := allocation.State{SKU: lamp, Version: 1}
	for i := range 1100 {
		state.Batches = append(state.Batches, inWarehouse(allocation.BatchRef(rune('a'+i)), most))
	}
	q := allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"o"}, Now: monday}
	p := loadTested(t, state, q)
	units, err := p.Available(monday)
	require.NoError(t, err)
	assert.Equal(t, allocation.Quantity(math.MaxInt64), units, "Available() says at least as much")
	require.NoError(t, p.SetLowStock(most, monday))
	assert.Equal(t, []string{"LowStockSet"}, p.recorded(0), "events: it isn't low")
	p.allocates(split("o", most))
}

func TestLowStockIsRecordedWhenCrossed(t *testing.T) {
	low := func(units allocation.Quantity) string {
		return eventText(allocation.LowStockCrossed{Available: units, Threshold: 5, Low: true})
	}
	enough := func(units allocation.Quantity) string {
		return eventText(allocation.LowStockCrossed{Available: units, Threshold: 5, Low: false})
	}
	p := newTested(t, inWarehouse("a", 8), arriving("b", 2, 1))
	steps := []struct {
		name string
		verb func() error
		want []string
	}{
		{"set while there is enough", func() error { return p.SetLowStock(5, monday) }, []string{"LowStockSet"}},
		{
			"the threshold itself is enough", func() error { p.allocates(whole("1", 5)); return nil },
			[]string{"LineAllocated 1 a +0 +5"},
		},
		{
			"fall below", func() error { p.allocates(whole("2", 1)); return nil },
			[]string{"LineAllocated 2 a +0 +1", low(4)},
		},
		{"fall further", func() error { p.allocates(whole("3", 1)); return nil }, []string{"LineAllocated 3 a +0 +1"}},
		{
			"shipping takes nothing that was available", func() error { _, err := p.Ship("1", monday); return err },
			[]string{"LineShipped 1 a -5 -5"},
		},
		{
			"a cancelled line gives back too little", func() error { _, err := p.Cancel("3", monday); return err },
			[]string{"LineDeallocated 3 a +0 -1"},
		},
		{"reach it again", func() error { _, err := p.ChangeLine(lineOf("2", 1), monday, nil); return err }, nil},
		{
			"a cancelled line gives back enough", func() error { _, err := p.Cancel("2", monday); return err },
			[]string{"LineDeallocated 2 a +0 -1", enough(5)},
		},
		{"a cut", func() error { p.cut("b", 1); return nil }, []string{"BatchQuantityChanged b -1 +0", low(4)}},
		{
			"an announced batch counts at once", func() error { return p.AddBatch(arriving("c", 1, 9), monday) },
			[]string{"BatchAdded c +1 +0", enough(5)},
		},
		{
			"fewer arrive", func() error { _, err := p.ReceiveBatch(counted("c", 0, monday), monday, nil); return err },
			[]string{"BatchReceived c -1 +0", low(4)},
		},
		{
			"a lower threshold", func() error { return p.SetLowStock(4, monday) },
			[]string{"LowStockSet", "LowStockCrossed available 4 of 4, low false"},
		},
		{
			"a higher threshold", func() error { return p.SetLowStock(9, monday) },
			[]string{"LowStockSet", "LowStockCrossed available 4 of 9, low true"},
		},
		{"the same one", func() error { return p.SetLowStock(9, monday) }, nil},
		{
			"no threshold", func() error { return p.SetLowStock(0, monday) },
			[]string{"LowStockSet", "LowStockCrossed available 4 of 0, low false"},
		},
		{
			"without a threshold nothing is recorded", func() error { p.allocates(split("4", 4)); return nil },
			[]string{"LineAllocated 4 a +0 +3", "LineAllocated 4 b +0 +1"},
		},
	}
	for _, step := range steps {
		before := len(p.Changes().Events)
		require.NoError(t, step.verb(), step.name)
		assert.Equal(t, step.want, p.recorded(before), "events of: %s", step.name)
	}
}

func TestLowStockCountsALapsedHoldOnceItIsReleased(t *testing.T) {
	p := newTested(t, inWarehouse("a", 8))
	require.NoError(t, p.SetLowStock(5, monday))
	p.allocates(hold("h", 4, mondayPlus(1)))
	before := len(p.Changes().Events)
	require.Equal(t, 1, p.Sweep(mondayPlus(1)), "Sweep()")
	assert.Equal(t, []string{"HoldLapsed h a +0 -4", "LowStockCrossed available 8 of 5, low false"}, p.recorded(before),
		"events")
	assert.Equal(t, allocation.Quantity(5), p.LowStock(), "LowStock()")
	assert.Equal(t, allocation.Quantity(5), p.Changes().LowStock, "the threshold that is written")
}
