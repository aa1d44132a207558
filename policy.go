package allocation

import (
	"cmp"
	"slices"
)

// Policy decides which of two batches a line should be given first: the result is negative for a,
// positive for b, and 0 if the policy has no preference, as in [cmp.Compare]. A policy must be a pure
// function of the two batches and give a consistent order. Where a policy has no preference,
// [EarliestFirst] decides, so that the same input always gives the same answer. A nil Policy is
// [EarliestFirst]. A policy sees only saleable batches that fit the line's terms, and has no way to
// sell anything else (R13, R14).
type Policy func(a, b Batch) int

// EarliestFirst prefers the warehouse to shipments, in the warehouse the batch that arrived first, and
// earlier shipments to later shipments; ties go to the lower Ref (R1).
func EarliestFirst(a, b Batch) int {
	// The zero time, which stands for the warehouse, is before every other time.
	if byETA := a.ETA.Compare(b.ETA); byETA != 0 {
		return byETA
	}
	if byArrival := a.ArrivedAt.Compare(b.ArrivedAt); byArrival != 0 {
		return byArrival
	}
	return cmp.Compare(a.Ref, b.Ref)
}

// FirstExpiredFirst prefers the batch with the earlier BestBefore, for perishable goods; batches
// without a BestBefore come last. A batch that has expired already is never sold (R13).
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

// PreferLocations prefers batches at the given locations, in the given order, to all other batches.
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

// Then returns a policy that asks next where p has no preference. [EarliestFirst] always has a
// preference and is of use only as the last policy. A function becomes a Policy by conversion:
// Policy(FirstExpiredFirst).Then(other).
func (p Policy) Then(next Policy) Policy {
	return func(a, b Batch) int {
		if order := p.compare(a, b); order != 0 {
			return order
		}
		return next.compare(a, b)
	}
}

// compare asks the policy; a nil policy is EarliestFirst.
func (p Policy) compare(a, b Batch) int {
	if p == nil {
		return EarliestFirst(a, b)
	}
	return p(a, b)
}

// total returns a policy without ties: EarliestFirst breaks each tie of p.
func (p Policy) total() Policy { return p.Then(EarliestFirst) }
