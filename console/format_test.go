package console

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func TestNumbersHaveGroups(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", -1: "−1", -123456: "−123,456", 1234567: "1,234,567",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "−9,223,372,036,854,775,808",
	} {
		assert.Equal(t, want, grouped(n))
	}
	assert.Empty(t, signed(0))
	assert.Equal(t, "+1,000", signed(1000))
	assert.Equal(t, "−5", signed(-5))
}

func TestTimesAreUTC(t *testing.T) {
	east := time.FixedZone("east", 3600)
	assert.Equal(t, "2030-01-01 12:00", stamp(noon.In(east)))
	assert.Equal(t, "2030-01-01 12:00:07", stamp(noon.Add(7*time.Second).In(east)))
	assert.Equal(t, "2030-01-01T12:00:00Z", machine(noon.In(east)))
	assert.Equal(t, "31 Dec", day(time.Date(2030, 1, 1, 0, 30, 0, 0, east)))
}

func TestSpansNameOneUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", 999 * time.Millisecond: "just now",
		time.Second: "in 1 second", -5 * time.Second: "5 seconds ago",
		119 * time.Second: "in 119 seconds", 2 * time.Minute: "in 2 minutes", -90 * time.Minute: "90 minutes ago",
		47 * time.Hour: "in 47 hours", 48 * time.Hour: "in 2 days", 13 * 24 * time.Hour: "in 13 days",
		14 * 24 * time.Hour: "in 2 weeks", 70_000 * time.Hour: "in 416 weeks",
	} {
		assert.Equal(t, want, since(noon, noon.Add(d)), "%v", d)
	}
	assert.Empty(t, since(noon, time.Time{}))
}

func TestKindsAreWords(t *testing.T) {
	for kind, want := range map[string]string{
		"LineAllocated": "Line allocated", "BatchETAChanged": "Batch ETA changed", "LowStockSet": "Low stock set",
		"": "",
	} {
		assert.Equal(t, want, words(kind))
	}
}

func TestEventsShowAllTheirFields(t *testing.T) {
	row := rowOf(7, allocation.LineAllocated{
		SKU: "chair", At: noon, OrderID: "o", Line: "l", Batch: "b", Quantity: 3, HeldUntil: noon, Waited: true,
	})
	assert.Equal(t, ledgerRow{
		Number: 7, At: noon, Name: "Line allocated", Order: "o", Line: "l", Batch: "b", Allocated: 3,
		Details: []detail{{"held until", "2030-01-01 12:00 UTC"}, {"waited", "yes"}},
	}, row)
	row = rowOf(8, allocation.LineRefused{SKU: "chair", At: noon, OrderID: "o", Quantity: 3000, Available: 1})
	assert.Equal(t, []detail{{"quantity", "3,000"}, {"available", "1"}}, row.Details)
	row = rowOf(9, allocation.LowStockCrossed{SKU: "chair", At: noon, Available: 1, Threshold: 2})
	assert.Equal(t, []detail{{"available", "1"}, {"threshold", "2"}, {"low", "no"}}, row.Details)
}

func TestBarsShareALength(t *testing.T) {
	batch := func(purchased, allocated, free allocation.Quantity) views.Batch {
		return views.Batch{Batch: allocation.Batch{Purchased: purchased, Allocated: allocated}, Free: free}
	}
	assert.Equal(t, bar{Promised: 20, Free: 30}, barOf(batch(50, 20, 30), 100))
	assert.Equal(t, bar{Promised: 20, Closed: 30}, barOf(batch(50, 20, 0), 100), "a blocked batch")
	assert.Equal(t, bar{Promised: 10, Free: 40}, barOf(batch(50, 20, 40), 100), "units of lapsed holds are free")
	assert.Equal(t, bar{}, barOf(batch(0, 0, 0), 0))
	assert.Equal(t, bar{Promised: 100}, barOf(batch(math.MaxInt64, math.MaxInt64, 0), math.MaxInt64))
}

// stockOf has units in the warehouse, and units that arrive so many days after noon.
func stockOf(here allocation.Quantity, arriving map[int]allocation.Quantity) views.Stock {
	s := views.Stock{InWarehouse: here}
	for days, units := range arriving {
		s.Add(noon.AddDate(0, 0, days), units)
	}
	return s
}

func TestAPlotRisesWhereUnitsArrive(t *testing.T) {
	for name, c := range map[string]struct {
		stock views.Stock
		line  string
		top   string
	}{
		"nothing":          {stockOf(0, nil), "M0 200H1000", "4"},
		"warehouse":        {stockOf(4, nil), "M0 0H1000", "4"},
		"arrival":          {stockOf(10, map[int]allocation.Quantity{42: 10}), "M0 100H500V0H1000", "20"},
		"overdue":          {stockOf(10, map[int]allocation.Quantity{-3: 10}), "M0 0H1000", "20"},
		"beyond the weeks": {stockOf(20, map[int]allocation.Quantity{365: 10}), "M0 0H1000", "20"},
		"two on a day":     {stockOf(0, map[int]allocation.Quantity{21: 5, 42: 15}), "M0 200H250V150H500V0H1000", "20"},
		"very many":        {stockOf(math.MaxInt64, nil), "M0 16H1000", "10 E"},
	} {
		t.Run(name, func(t *testing.T) {
			p := plotOf(c.stock, noon, 50)
			assert.Equal(t, c.line, p.Line)
			assert.Equal(t, c.line+"V200H0Z", p.Area)
			assert.Equal(t, c.top, p.Levels[0])
			assert.Equal(t, "0", p.Levels[4])
			assert.Len(t, p.Weeks, 12)
		})
	}
}

func TestAPlotOfManyArrivalsIsShort(t *testing.T) {
	var s views.Stock
	for i := range 20_000 {
		s.Add(noon.Add(time.Duration(i)*time.Minute), 1)
	}
	p := plotOf(s, noon, 50)
	assert.Less(t, len(p.Line), 20_000)
	assert.Len(t, p.Steps, 50)
	assert.Equal(t, 20_001-50, p.Hidden)
	assert.EqualValues(t, 20_000, p.Last.Available)
}

func TestLevelsAreRound(t *testing.T) {
	for highest, want := range map[float64]float64{
		0: 1, 4: 1, 5: 2, 8: 2, 10: 5, 12: 5, 41: 20, 99: 25, 101: 50, 4001: 2000,
	} {
		assert.InDelta(t, want, levelOf(highest), 0, "%v", highest)
	}
}
