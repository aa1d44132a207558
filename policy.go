package allocation

import (
	"cmp"
	"slices"
)

// Policy decides which of two batches a line should be given first: negative for a, positive for b,
// 0 if it doesn't care, as in [cmp.Compare]. It must be a pure function of its arguments and give a
// consistent order. Where it doesn't care [EarliestFirst] decides, so that the same input always
// gives the same answer. A nil Policy is [EarliestFirst].
type Policy func(a, b Batch) int

// EarliestFirst prefers the warehouse to shipments, and the shipment that arrives first; ties go to the
// lower Ref (R1).
func EarliestFirst(a, b Batch) int {
	// The zero time, which stands for the warehouse, is before every other.
	if byETA := a.ETA.Compare(b.ETA); byETA != 0 {
		return byETA
	}
	return cmp.Compare(a.Ref, b.Ref)
}

// FirstExpiredFirst prefers the batch whose BestBefore comes first, for goods that perish; batches
// that keep come last.
func FirstExpiredFirst(a, b Batch) int {
	switch keepsA, keepsB := a.BestBefore.IsZero(), b.BestBefore.IsZero(); {
	case keepsA && keepsB:
		return 0
	case keepsA:
		return 1
	case keepsB:
		return -1
	}
	return a.BestBefore.Compare(b.BestBefore)
}

// PreferLocations prefers batches at the given locations, in the given order, to all others.
func PreferLocations(locations ...Location) Policy {
	locations = slices.Clone(locations)
	rank := func(b Batch) int {
		if i := slices.Index(locations, b.Location); i >= 0 {
			return i
		}
		return len(locations)
	}
	return func(a, b Batch) int { return cmp.Compare(rank(a), rank(b)) }
}

// Then asks next where p doesn't care. [EarliestFirst] always cares, so it is of use only at the end. A
// function becomes a Policy by conversion: Policy(FirstExpiredFirst).Then(other).
func (p Policy) Then(next Policy) Policy {
	return func(a, b Batch) int {
		if order := p.compare(a, b); order != 0 {
			return order
		}
		return next.compare(a, b)
	}
}

func (p Policy) compare(a, b Batch) int {
	if p == nil {
		return EarliestFirst(a, b)
	}
	return p(a, b)
}

// total breaks every tie that p leaves.
func (p Policy) total() Policy { return p.Then(EarliestFirst) }
