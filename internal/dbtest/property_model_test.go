package dbtest

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// naive is the model of the property tests: plain maps, written from the rules R1 to R8. The model has no counters;
// promised and free units are added up from the lines at each question.
type naive struct {
	batches map[allocation.BatchRef]allocation.Batch     // Allocated stays 0
	lines   map[allocation.LineKey]allocation.Allocation // lapsed holds included, which bind no stock
	low     map[allocation.SKU]allocation.Quantity
}

func newNaive() *naive {
	return &naive{
		batches: map[allocation.BatchRef]allocation.Batch{},
		lines:   map[allocation.LineKey]allocation.Allocation{},
		low:     map[allocation.SKU]allocation.Quantity{},
	}
}

func (n *naive) clone() *naive {
	c := newNaive()
	c.batches, c.low = maps.Clone(n.batches), maps.Clone(n.low)
	for key, l := range n.lines {
		l.Parts = slices.Clone(l.Parts)
		c.lines[key] = l
	}
	return c
}

func (n *naive) known(sku allocation.SKU) bool {
	for _, b := range n.batches {
		if b.SKU == sku {
			return true
		}
	}
	return false
}

// live finds a line that binds stock at now.
func (n *naive) live(key allocation.LineKey, now time.Time) (allocation.Allocation, bool) {
	l, there := n.lines[key]
	return l, there && !l.Lapsed(now)
}

// free counts the units of a batch, saleable or not, that no live line has at now.
func (n *naive) free(ref allocation.BatchRef, now time.Time) allocation.Quantity {
	free := n.batches[ref].Purchased
	for _, l := range n.lines {
		for _, part := range l.Parts {
			if part.Batch == ref && !l.Lapsed(now) {
				free -= part.Quantity - part.Shipped
			}
		}
	}
	return free
}

// fits says whether a line may be given units of a batch at now: the batch is saleable (R13), and the line's terms
// accept the batch (R14).
func fits(b allocation.Batch, l allocation.Allocation, now time.Time) bool {
	keeps, inWarehouse := b.BestBefore.IsZero(), b.ETA.IsZero()
	saleable := b.Blocked == "" && !b.Expired && (keeps || b.BestBefore.After(now) && b.BestBefore.After(b.ETA))
	fresh := keeps || l.FreshUntil.IsZero() || b.BestBefore.After(l.FreshUntil)
	inTime := inWarehouse || l.NeededBy.IsZero() || !b.ETA.After(l.NeededBy) && !b.ETA.Before(now)
	return saleable && fresh && inTime && (l.Location == "" || l.Location == b.Location)
}

// forSale counts the units of a batch that could be promised at now.
func (n *naive) forSale(ref allocation.BatchRef, now time.Time) allocation.Quantity {
	if !fits(n.batches[ref], allocation.Allocation{}, now) {
		return 0
	}
	return n.free(ref, now)
}

// available counts the free units of the batches that arrive by a time.
func (n *naive) available(sku allocation.SKU, by, now time.Time) (sum allocation.Quantity) {
	for ref, b := range n.batches {
		if b.SKU == sku && !b.ETA.After(by) {
			sum += n.forSale(ref, now)
		}
	}
	return sum
}

// ranked lists a product's batches in the order of R1.
func (n *naive) ranked(sku allocation.SKU) []allocation.BatchRef {
	var refs []allocation.BatchRef
	for ref, b := range n.batches {
		if b.SKU == sku {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b allocation.BatchRef) int {
		x, y := n.batches[a], n.batches[b]
		return cmp.Or(x.ETA.Compare(y.ETA), x.ArrivedAt.Compare(y.ArrivedAt), cmp.Compare(a, b))
	})
	return refs
}

// pick finds batches for a number of units of a line (R2), and the most units that could be given.
func (n *naive) pick(
	l allocation.Allocation, units allocation.Quantity, now time.Time,
) (parts []allocation.Part, most allocation.Quantity) {
	left := units
	for _, ref := range n.ranked(l.SKU) {
		free := n.free(ref, now)
		switch {
		case !fits(n.batches[ref], l, now):
			continue
		case l.Split:
			most += free
		case free > most:
			most = free
		}
		if share := min(left, free); share > 0 && (l.Split || free >= units) {
			parts = append(parts, allocation.Part{Batch: ref, Quantity: share})
			left -= share
		}
	}
	if left > 0 {
		return nil, most
	}
	return parts, most
}

// outcome is the answer that the naive model expects: an error for any of the reasons, or shortages, or success.
type outcome struct {
	reasons []error
	short   []allocation.Shortage
}

func (o *outcome) because(reason error) { o.reasons = append(o.reasons, reason) }
func (o *outcome) ok() bool             { return o.reasons == nil && o.short == nil }

var errGone = errors.Join(allocation.ErrNotFound, allocation.ErrLapsed) // either of the two

// allocate judges all lines, one after the other (R4), and allocates all or none (R5).
func (n *naive) allocate(requests []allocation.Request, now time.Time) (want outcome) {
	merged, consistent := merge(requests)
	if !consistent {
		return outcome{reasons: []error{allocation.ErrInvalid}}
	}
	after := n.clone()
	for _, r := range merged {
		if _, there := n.live(r.Key(), now); !there {
			after.serve(r.SKU, now) // before any newcomer
		}
	}
	for _, r := range merged {
		key := r.Key()
		old, there := after.live(key, now)
		switch {
		case !n.known(r.SKU):
			return outcome{reasons: []error{allocation.ErrNotFound}} // products are looked up before any line is judged
		case there && repeats(r, old):
			after.lines[key] = strengthened(old, r)
			continue
		case there:
			want.because(allocation.ErrMismatch)
			continue
		case !r.HoldUntil.IsZero() && !r.HoldUntil.After(now) || passed(r.NeededBy, now) || passed(r.FreshUntil, now):
			want.because(allocation.ErrInvalid)
			continue
		}
		if most, placed := after.place(r, now); !placed {
			want.short = append(want.short, allocation.Shortage{OrderLine: r.OrderLine, Available: most})
		}
	}
	if want.ok() {
		*n = *after
	}
	return want
}

// strengthened is the line after a repeat (R3).
func strengthened(l allocation.Allocation, r allocation.Request) allocation.Allocation {
	switch {
	case r.HoldFor > 0:
	case r.HoldUntil.IsZero():
		l.HeldUntil, l.HoldFor = time.Time{}, 0
	case !l.HeldUntil.IsZero() && r.HoldUntil.After(l.HeldUntil):
		l.HeldUntil = r.HoldUntil
	}
	return l
}

// passed says whether a time that was set has passed.
func passed(at, now time.Time) bool { return !at.IsZero() && at.Before(now) }

// repeats says whether a request has the terms that a repeat must have (R3).
func repeats(r allocation.Request, l allocation.Allocation) bool {
	return r.Quantity == wantedBy(l) && r.Split == l.Split && r.Partial == l.Partial && r.Location == l.Location &&
		r.NeededBy.Equal(l.NeededBy) && r.FreshUntil.Equal(l.FreshUntil)
}

// merge adds up the requests for one line and sorts the lines by SKU.
func merge(requests []allocation.Request) (merged []allocation.Request, consistent bool) {
	for _, r := range requests {
		i := slices.IndexFunc(merged, func(m allocation.Request) bool { return m.Key() == r.Key() })
		switch {
		case i < 0:
			merged = append(merged, r)
		case merged[i].Split != r.Split || merged[i].Location != r.Location || merged[i].Priority != r.Priority ||
			merged[i].Wait != r.Wait || merged[i].Partial != r.Partial || merged[i].HoldFor != r.HoldFor ||
			!merged[i].HoldUntil.Equal(r.HoldUntil) ||
			!merged[i].NeededBy.Equal(r.NeededBy) || !merged[i].FreshUntil.Equal(r.FreshUntil):
			return nil, false
		default:
			merged[i].Quantity += r.Quantity
		}
	}
	slices.SortStableFunc(merged, func(a, b allocation.Request) int { return cmp.Compare(a.SKU, b.SKU) })
	return merged, true
}

// change is a command's effect on one line. It adds to the outcome the reasons against the command.
type change = func(l allocation.Allocation, want *outcome) allocation.Allocation

// put stores a line without empty parts, and deletes a line without units that waits for no units.
func (n *naive) put(l allocation.Allocation) {
	l.Parts = slices.DeleteFunc(l.Parts, func(p allocation.Part) bool { return p.Quantity == 0 })
	l.Quantity = 0
	for _, part := range l.Parts {
		l.Quantity += part.Quantity
	}
	key := l.Key()
	if l.Wanted <= l.Quantity {
		l.Wanted = 0
	}
	if len(l.Parts) == 0 {
		l.Parts = nil
	}
	if n.lines[key] = l; l.Quantity == 0 && l.Waiting == 0 {
		delete(n.lines, key)
	}
}

// cancelled is the line without its unshipped units.
func cancelled(l allocation.Allocation, _ *outcome) allocation.Allocation {
	if l.Waiting == 0 && l.Quantity == l.Shipped() {
		return l // there is nothing to take back
	}
	l.Waiting, l.Wanted = 0, 0
	return shrunk(l, l.Shipped())
}

// shrunk takes unshipped units off the last parts until the line has the given quantity.
func shrunk(l allocation.Allocation, to allocation.Quantity) allocation.Allocation {
	for i := len(l.Parts) - 1; i >= 0; i-- {
		part := &l.Parts[i]
		share := min(part.Quantity-part.Shipped, l.Quantity-to)
		part.Quantity -= share
		l.Quantity -= share
	}
	return l
}

func confirmed(l allocation.Allocation, want *outcome) allocation.Allocation {
	if l.Quantity == 0 {
		want.because(allocation.ErrNotAllowed)
	}
	l.HeldUntil, l.HoldFor = time.Time{}, 0
	return l
}

func extended(until, now time.Time) change {
	return func(l allocation.Allocation, want *outcome) allocation.Allocation {
		if l.HeldUntil.IsZero() {
			want.because(allocation.ErrNotAllowed)
		}
		if !until.After(now) {
			want.because(allocation.ErrInvalid)
		}
		if until.After(l.HeldUntil) {
			l.HeldUntil = until
		}
		return l
	}
}

// shipped ships units up to a total, 0 for the whole line (R8).
func (n *naive) shipped(total allocation.Quantity) change {
	return func(l allocation.Allocation, want *outcome) allocation.Allocation {
		if total == 0 {
			total = l.Quantity
		}
		if total > l.Quantity || l.Quantity == 0 || !l.HeldUntil.IsZero() {
			want.because(allocation.ErrNotAllowed)
			return l
		}
		units := total - l.Shipped()
		for i := range l.Parts {
			part := &l.Parts[i]
			share := min(units, part.Quantity-part.Shipped)
			if b := n.batches[part.Batch]; b.ETA.IsZero() && share > 0 {
				part.Shipped += share
				units -= share
			}
		}
		if units > 0 {
			want.because(allocation.ErrNotAllowed)
		}
		return l
	}
}

// settle takes the units shipped since before out of the batches.
func (n *naive) settle(before *naive, now time.Time) {
	for key, l := range n.lines {
		old := map[allocation.BatchRef]allocation.Quantity{}
		for _, part := range before.lines[key].Parts {
			old[part.Batch] = part.Shipped
		}
		for _, part := range l.Parts {
			b := n.batches[part.Batch]
			if units := part.Shipped - old[part.Batch]; units > 0 {
				b.Purchased -= units
				b.ShippedAt = now
			}
			n.batches[part.Batch] = b
		}
	}
}

// changeLine gives a line another quantity (R2, R5).
func (n *naive) changeLine(wanted allocation.OrderLine, now time.Time) (want outcome) {
	l, there := n.clone().live(wanted.Key(), now)
	switch {
	case !there:
		want.because(errGone)
		return want
	case wanted.Quantity == wantedBy(l):
		return want
	case wanted.Quantity < l.Shipped():
		want.because(allocation.ErrNotAllowed)
		return want
	case wanted.Quantity <= l.Quantity:
		l.Waiting, l.Wanted = 0, 0
		n.put(shrunk(l, wanted.Quantity))
		return want
	case n.serve(wanted.SKU, now):
		return n.changeLine(wanted, now)
	case l.Waiting > 0 || l.Split && (l.Partial || l.MayWait):
		return n.grow(l, wanted, now)
	}
	had, more, base := l.Quantity, wanted.Quantity-l.Quantity, l.Quantity
	if home := slices.IndexFunc(l.Parts, func(p allocation.Part) bool { return p.Quantity > p.Shipped }); !l.Split {
		if home >= 0 && n.free(l.Parts[home].Batch, now) >= more &&
			fits(n.batches[l.Parts[home].Batch], l, now) {
			l.Parts[home].Quantity += more
			n.put(l)
			return want
		}
		l, base = shrunk(l, l.Shipped()), l.Shipped()
	}
	without := n.clone()
	without.put(l)
	parts, most := without.pick(l, wanted.Quantity-l.Quantity, now)
	if parts == nil {
		want.short = []allocation.Shortage{{OrderLine: wanted, Available: max(had, base+most)}}
		return want
	}
	for _, part := range parts {
		same := func(p allocation.Part) bool { return p.Batch == part.Batch && p.Quantity > 0 }
		if i := slices.IndexFunc(l.Parts, same); i >= 0 {
			l.Parts[i].Quantity += part.Quantity
			continue
		}
		l.Parts = append(l.Parts, part)
	}
	n.put(l)
	return want
}
