package views

import (
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// Stock is what can be promised of a product.
type Stock struct {
	SKU         allocation.SKU
	Version     int64               // the product's, so that an older answer can be told from a newer one
	InWarehouse allocation.Quantity // units in batches that are there
	Arriving    []Arrival           // units in batches that are not, by ETA, each ETA once, passed ones included
}

// Arrival is what can be promised of the batches that arrive at one time.
type Arrival struct {
	ETA      time.Time
	Quantity allocation.Quantity
}

// AvailableBy counts the units that are in the warehouse or arrive by the given time, as
// [allocation.Product.AvailableBy] does.
func (s Stock) AvailableBy(by time.Time) allocation.Quantity {
	sum := s.InWarehouse
	for _, a := range s.Arriving {
		if !a.ETA.After(by) {
			sum = add(sum, a.Quantity)
		}
	}
	return sum
}

// Add counts the free units of one batch in, for those who write a store. The ETA is zero for a batch in the
// warehouse; a batch that has promised more than it has, with less than 0 free units, counts nothing.
func (s *Stock) Add(eta time.Time, free allocation.Quantity) {
	switch {
	case free <= 0:
		return
	case eta.IsZero():
		s.InWarehouse = add(s.InWarehouse, free)
		return
	}
	at, known := slices.BinarySearchFunc(s.Arriving, eta, func(a Arrival, eta time.Time) int { return a.ETA.Compare(eta) })
	if !known {
		s.Arriving = slices.Insert(s.Arriving, at, Arrival{ETA: eta})
	}
	s.Arriving[at].Quantity = add(s.Arriving[at].Quantity, free)
}

// add adds what is not negative, and stays at the largest number rather than overflow.
func add(a, b allocation.Quantity) allocation.Quantity {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
