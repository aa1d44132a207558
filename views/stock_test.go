package views_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// batch has the arguments of Add.
type batch struct {
	eta  time.Time
	free allocation.Quantity
}

func stockOf(batches ...batch) views.Stock {
	var s views.Stock
	for _, b := range batches {
		s.Add(b.eta, b.free)
	}
	return s
}

func TestAddSumsFreeUnitsByETA(t *testing.T) {
	later, latest := noon.Add(time.Hour), noon.Add(2*time.Hour)
	here := time.Time{}
	for name, c := range map[string]struct {
		batches []batch
		want    views.Stock
	}{
		"in the warehouse": {[]batch{{here, 2}, {here, 3}}, views.Stock{InWarehouse: 5}},
		"arriving by ETA": {
			[]batch{{latest, 1}, {noon, 2}, {later, 3}},
			views.Stock{Arriving: []views.Arrival{
				{ETA: noon, Quantity: 2}, {ETA: later, Quantity: 3}, {ETA: latest, Quantity: 1},
			}},
		},
		"each ETA once": {
			[]batch{{later, 1}, {noon, 2}, {later, 3}},
			views.Stock{Arriving: []views.Arrival{{ETA: noon, Quantity: 2}, {ETA: later, Quantity: 4}}},
		},
		"one ETA in two time zones": {
			[]batch{{noon, 1}, {noon.In(time.FixedZone("east", 3600)), 2}},
			views.Stock{Arriving: []views.Arrival{{ETA: noon, Quantity: 3}}},
		},
		"two ETAs a microsecond apart": {
			[]batch{{noon.Add(time.Microsecond), 1}, {noon, 2}},
			views.Stock{Arriving: []views.Arrival{
				{ETA: noon, Quantity: 2}, {ETA: noon.Add(time.Microsecond), Quantity: 1},
			}},
		},
		"nothing free":        {[]batch{{here, 0}, {noon, 0}}, views.Stock{}},
		"negative free units": {[]batch{{here, -3}, {noon, -1}, {here, 2}}, views.Stock{InWarehouse: 2}},
		"overflow": {
			[]batch{{here, math.MaxInt64}, {here, 1}, {noon, math.MaxInt64 - 1}, {noon, 2}},
			views.Stock{InWarehouse: math.MaxInt64, Arriving: []views.Arrival{{ETA: noon, Quantity: math.MaxInt64}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, stockOf(c.batches...))
		})
	}
}

func TestAddGivesTheSameStockInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	batches := []batch{{free: 4}}
	for i := range 30 {
		eta := noon.Add(time.Duration(i%7) * time.Hour)
		batches = append(batches, batch{eta: eta, free: allocation.Quantity(i - 2)})
	}
	want := stockOf(batches...)
	for range 20 {
		random.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
		assert.Equal(t, want, stockOf(batches...))
	}
	byETA := func(a, b views.Arrival) int { return a.ETA.Compare(b.ETA) }
	assert.True(t, slices.IsSortedFunc(want.Arriving, byETA), "arrivals are sorted by ETA")
	assert.Len(t, want.Arriving, 7)
}

func TestAvailableByCountsUnitsThatArriveInTime(t *testing.T) {
	later := noon.Add(time.Hour)
	s := stockOf(batch{free: 1}, batch{noon, 10}, batch{later, 100})
	for name, c := range map[string]struct {
		by   time.Time
		want allocation.Quantity
	}{
		"zero time":               {time.Time{}, 1},
		"before the first":        {noon.Add(-time.Microsecond), 1},
		"at an ETA":               {noon, 11},
		"at an ETA, further east": {noon.In(time.FixedZone("east", 3600)), 11},
		"between":                 {later.Add(-time.Microsecond), 11},
		"at the last":             {later, 111},
		"after all":               {later.AddDate(50, 0, 0), 111},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, s.AvailableBy(c.by), "AvailableBy(%v)", c.by)
		})
	}
}

func TestAvailableByDoesNotOverflow(t *testing.T) {
	s := stockOf(batch{free: math.MaxInt64 - 5}, batch{noon, 5}, batch{noon.Add(time.Hour), 5})
	assert.EqualValues(t, math.MaxInt64, s.AvailableBy(noon), "a sum of exactly the largest number")
	assert.EqualValues(t, math.MaxInt64, s.AvailableBy(noon.Add(time.Hour)), "a sum beyond the largest number")
}
