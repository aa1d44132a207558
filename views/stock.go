package views

import (
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// Stock is the free units of a product: all units that can still be promised. Batches that are not saleable, see
// [allocation.Batch.Saleable], don't count, wherever the free units are.
type Stock struct {
	SKU         allocation.SKU
	Version     int64               // version of the product: tells an older result from a newer one
	InWarehouse allocation.Quantity // free units of batches without an ETA
	Arriving    []Arrival           // free units of batches with an ETA, past ETAs included; one entry per ETA, sorted
}

// Arrival is the free units of all batches with the same ETA.
type Arrival struct {
	ETA      time.Time
	Quantity allocation.Quantity
}

// AvailableBy returns the free units that are in the warehouse or arrive at or before the given time, like
// [allocation.Product.AvailableBy]. Whether a batch has expired was judged at the moment of the query, not at the given
// time. A sum beyond the largest Quantity is the largest Quantity.
func (s Stock) AvailableBy(by time.Time) allocation.Quantity {
	sum := s.InWarehouse
	for _, a := range s.Arriving {
		if !a.ETA.After(by) {
			sum = addSaturating(sum, a.Quantity)
		}
	}
	return sum
}

// Add adds the free units of a batch. Authors of stores call Add once for each saleable batch, in any order. The ETA is
// zero for a batch in the warehouse. A batch with less than 0 free units, which has promised more than is there, adds
// nothing. A sum beyond the largest Quantity is the largest Quantity. Add is not safe for concurrent use.
func (s *Stock) Add(eta time.Time, free allocation.Quantity) {
	switch {
	case free <= 0:
		return
	case eta.IsZero():
		s.InWarehouse = addSaturating(s.InWarehouse, free)
		return
	}
	byETA := func(a Arrival, eta time.Time) int { return a.ETA.Compare(eta) }
	at, known := slices.BinarySearchFunc(s.Arriving, eta, byETA)
	if !known {
		s.Arriving = slices.Insert(s.Arriving, at, Arrival{ETA: eta})
	}
	s.Arriving[at].Quantity = addSaturating(s.Arriving[at].Quantity, free)
}

// addSaturating returns a + b, or the largest Quantity if the sum would overflow. Neither a nor b may be negative.
func addSaturating(a, b allocation.Quantity) allocation.Quantity {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
