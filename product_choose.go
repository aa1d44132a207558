package allocation

import (
	"cmp"
	"slices"
	"time"
)

// choose finds the batches for a need: one batch for all units, or with split as many batches as
// needed, each asked only for the remainder (R2). The policy only orders batches that serve the need.
// If there is too little, choose returns nil and the most units that the line could have been given.
func (p *Product) choose(free []Quantity, policy Policy, n need, now time.Time) (parts []Part, most Quantity) {
	if n.split {
		return p.spread(free, policy, n, now)
	}
	if policy == nil {
		policy = EarliestFirst
	}
	first := -1
	for i, b := range p.batches {
		if free[i] <= most && free[i] < n.units || !b.serves(n.terms, now) {
			continue
		}
		most = max(most, free[i])
		if free[i] < n.units {
			continue
		}
		if first >= 0 {
			other, best := b.with(free[i]), p.batches[first].with(free[first])
			if cmp.Or(policy(other, best), EarliestFirst(other, best)) >= 0 {
				continue
			}
		}
		first = i
	}
	if first < 0 {
		return nil, most
	}
	return []Part{{Batch: p.batches[first].Ref, Quantity: n.units}}, n.units
}

// with returns the batch as a policy sees the batch: with so many units available.
func (b *batch) with(free Quantity) Batch {
	seen := b.Batch
	seen.Allocated = b.Purchased - free
	return seen
}

// spread takes units from several batches in the order of the policy.
func (p *Product) spread(free []Quantity, policy Policy, n need, now time.Time) (parts []Part, most Quantity) {
	var candidates []Batch
	for i, b := range p.batches {
		if free[i] > 0 && b.serves(n.terms, now) {
			candidates = append(candidates, b.with(free[i]))
			most = addSaturating(most, free[i])
		}
	}
	if most < n.units {
		return nil, most
	}
	units := n.units
	slices.SortFunc(candidates, policy.total())
	for _, b := range candidates {
		share := min(units, b.Available())
		parts = append(parts, Part{Batch: b.Ref, Quantity: share})
		if units -= share; units == 0 {
			break
		}
	}
	return parts, most
}

// reserve counts planned parts as taken from free.
func (p *Product) reserve(free []Quantity, parts []Part) {
	for _, part := range parts {
		free[p.index(part.Batch)] -= part.Quantity
	}
}

// placesFor finds other batches for units of a line, and counts the places as taken from free. With
// Split the line takes as many units as there is room for; otherwise all units or none.
func (p *Product) placesFor(l *line, units Quantity, free []Quantity, policy Policy, now time.Time) []Part {
	parts, most := p.choose(free, policy, l.need(units), now)
	if parts == nil && l.Split && most > 0 {
		parts, _ = p.choose(free, policy, l.need(most), now)
	}
	p.reserve(free, parts)
	return parts
}
