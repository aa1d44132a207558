package allocation_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// shelf is a naive model: the free units of each batch and the allocation of each line, computed
// afresh at each question. The shelf follows the rules and shares no code with the product.
type shelf struct {
	batches []allocation.Batch // as announced
	lines   map[allocation.LineKey]promise
}

type promise struct {
	allocation.Request
	parts []allocation.Part
}

// free adds up the units promised to nobody at now; a lapsed hold promises nothing (R7).
func (s *shelf) free(now time.Time) map[allocation.BatchRef]allocation.Quantity {
	free := map[allocation.BatchRef]allocation.Quantity{}
	for _, b := range s.batches {
		free[b.Ref] = b.Purchased
	}
	for _, l := range s.lines {
		for _, part := range l.parts {
			if l.live(now) {
				free[part.Batch] -= part.Quantity
			}
		}
	}
	return free
}

func (l promise) live(now time.Time) bool { return l.HoldUntil.IsZero() || now.Before(l.HoldUntil) }

// ranked returns the batches in the order of R1.
func (s *shelf) ranked() []allocation.BatchRef {
	ranked := slices.Clone(s.batches)
	slices.SortFunc(ranked, func(a, b allocation.Batch) int {
		switch {
		case a.ETA.IsZero() && !b.ETA.IsZero(), a.ETA.IsZero() == b.ETA.IsZero() && a.ETA.Before(b.ETA):
			return -1
		case a.ETA.Equal(b.ETA) && a.Ref < b.Ref:
			return -1
		}
		return 1
	})
	refs := make([]allocation.BatchRef, len(ranked))
	for i, b := range ranked {
		refs[i] = b.Ref
	}
	return refs
}

// pick takes units from free (R2). If there are too few, pick takes none and returns the most that
// were available.
func (s *shelf) pick(
	free map[allocation.BatchRef]allocation.Quantity, r allocation.Request,
) (parts []allocation.Part, most allocation.Quantity) {
	var sum allocation.Quantity
	for _, units := range free {
		sum, most = sum+units, max(most, units)
	}
	if r.Split {
		most = sum
	}
	if most < r.Quantity {
		return nil, most
	}
	left := r.Quantity
	for _, ref := range s.ranked() {
		share := min(left, free[ref])
		if share == 0 || !r.Split && share < left {
			continue
		}
		parts = append(parts, allocation.Part{Batch: ref, Quantity: share})
		free[ref] -= share
		left -= share
		if left == 0 {
			break
		}
	}
	return parts, most
}

// allocate applies R3 to R5, one line after the other; a refusal leaves the shelf unchanged.
func (s *shelf) allocate(
	now time.Time, requests []allocation.Request,
) (given []string, short []allocation.Shortage, err error) {
	var merged []allocation.Request
	for _, r := range requests {
		i := slices.IndexFunc(merged, func(m allocation.Request) bool { return m.Key() == r.Key() })
		switch {
		case i < 0:
			merged = append(merged, r)
		case merged[i].Split != r.Split || !merged[i].HoldUntil.Equal(r.HoldUntil):
			return nil, nil, allocation.ErrInvalid
		default:
			merged[i].Quantity += r.Quantity
		}
	}
	free, lines := s.free(now), maps.Clone(s.lines)
	for _, r := range merged {
		old, known := lines[r.Key()]
		switch {
		case known && old.live(now) && (old.Quantity != r.Quantity || old.Split != r.Split):
			return nil, nil, allocation.ErrMismatch
		case known && old.live(now):
			if !old.HoldUntil.IsZero() && (r.HoldUntil.IsZero() || r.HoldUntil.After(old.HoldUntil)) {
				old.HoldUntil = r.HoldUntil
				lines[r.Key()] = old
			}
			given = append(given, from(allocation.Allocation{Parts: old.parts}))
			continue
		case !r.HoldUntil.IsZero() && !now.Before(r.HoldUntil):
			return nil, nil, allocation.ErrInvalid
		}
		parts, most := s.pick(free, r)
		if parts == nil {
			short = append(short, allocation.Shortage{OrderLine: r.OrderLine, Available: most})
			continue
		}
		lines[r.Key()] = promise{r, parts}
		given = append(given, from(allocation.Allocation{Parts: parts}))
	}
	if short != nil {
		return nil, short, nil
	}
	s.lines = lines
	return given, nil, nil
}

// batchesFrom reads up to five batches from two bytes each: units, and days until they arrive.
func batchesFrom(data []byte) []allocation.Batch {
	var batches []allocation.Batch
	for i := 0; i+1 < len(data) && i < 10; i += 2 {
		b := inWarehouse(allocation.BatchRef(fmt.Sprintf("b%d", (i/2*3)%5)), 1+allocation.Quantity(data[i]%12))
		if days := int(data[i+1] % 4); days > 0 {
			b.ETA = mondayPlus(days)
		}
		batches = append(batches, b)
	}
	return batches
}

// callsFrom reads calls of several lines each, two bytes a line: the order, the quantity and the
// terms. The moment of a call is its place in hours.
func callsFrom(data []byte) [][]allocation.Request {
	calls := [][]allocation.Request{nil}
	for i := 0; i+1 < len(data) && i < 64; i += 2 {
		who, terms := data[i], data[i+1]
		r := whole(allocation.OrderID(fmt.Sprintf("o%d", who%6)), 1+allocation.Quantity(who/6%14))
		r.Split = terms&1 != 0
		if terms&8 != 0 {
			r.Line = "second"
		}
		if terms&2 != 0 {
			r.HoldUntil = monday.Add(time.Duration(terms>>4) * time.Hour)
		}
		last := len(calls) - 1
		calls[last] = append(calls[last], r)
		if terms&4 != 0 {
			calls = append(calls, nil)
		}
	}
	return calls
}

func FuzzAllocate(f *testing.F) {
	f.Add([]byte{9, 0}, []byte{12, 4, 12, 4, 18, 4})                              // one batch, a repeat, a mismatch
	f.Add([]byte{2, 0, 4, 0, 11, 2}, []byte{6 * 9, 5, 6*4 + 1, 1, 6*8 + 2, 5})    // split and whole lines in one call
	f.Add([]byte{5, 1, 5, 1, 5, 0}, []byte{12, 0, 12, 4, 13, 0, 13, 1 | 4, 9, 4}) // sums, and different terms
	f.Add([]byte{5, 0}, []byte{24, 2 | 4 | 2<<4, 25, 4, 25, 4, 25, 4, 24, 4})     // a hold lapses, its units are sold
	f.Add([]byte{5, 0, 3, 3}, []byte{6 * 13, 4, 6*9 + 1, 1 | 4, 6*8 + 1, 1 | 4})  // shortages
	f.Add([]byte{9, 0}, []byte{12, 8, 12, 4, 12, 4 | 8, 12, 8, 12, 4})            // two lines of one order
	f.Add([]byte{}, []byte{1, 4})
	f.Fuzz(func(t *testing.T, batches, lines []byte) {
		naive := &shelf{batches: batchesFrom(batches), lines: map[allocation.LineKey]promise{}}
		p := newTested(t, naive.batches...)
		for hour, call := range callsFrom(lines) {
			now := monday.Add(time.Duration(hour) * time.Hour)
			given, short, reason := naive.allocate(now, call)
			p.allocatesLike(now, call, given, short, reason)
			p.hasFree(now, naive.free(now))
		}
	})
}

// allocatesLike compares one call with the naive model.
func (p *tested) allocatesLike(
	now time.Time, call []allocation.Request, given []string, short []allocation.Shortage, reason error,
) {
	p.t.Helper()
	before := p.snapshot()
	allocations, err := p.Allocate(now, nil, call...)
	var refused *allocation.OutOfStockError
	switch {
	case reason != nil:
		require.ErrorIs(p.t, err, reason)
	case short != nil:
		require.ErrorAs(p.t, err, &refused)
		require.Equal(p.t, short, refused.Shortages, "shortages of %v", call)
	default:
		require.NoError(p.t, err)
		var got []string
		for _, a := range allocations {
			got = append(got, from(a))
		}
		require.Equal(p.t, given, got, "batches of %v", call)
		return
	}
	require.Equal(p.t, before, p.snapshot(), "what the product is after a refusal")
}

// hasFree compares the available units with the naive model.
func (p *tested) hasFree(now time.Time, free map[allocation.BatchRef]allocation.Quantity) {
	p.t.Helper()
	var want allocation.Quantity
	for _, units := range free {
		want += units
	}
	got, err := p.AvailableBy(mondayPlus(9), now)
	require.NoError(p.t, err)
	require.Equal(p.t, want, got, "AvailableBy() of everything")
}

func FuzzChangeBatchQuantity(f *testing.F) {
	f.Add([]byte{9, 0, 9, 0}, []byte{6*4 + 0, 0, 6*4 + 1, 4}, byte(4), byte(0))            // a whole line moves
	f.Add([]byte{9, 0, 2, 1, 3, 2}, []byte{6 * 7, 1 | 4}, byte(1), byte(0))                // a split line loses units
	f.Add([]byte{9, 0, 9, 0}, []byte{6 * 5, 4, 6*3 + 1, 4}, byte(0), byte(3))              // partly shipped lines
	f.Add([]byte{9, 0, 4, 0}, []byte{6 * 4, 2 | 4 | 1<<4, 6*4 + 1, 4}, byte(1), byte(0))   // a lapsed hold goes first
	f.Add([]byte{9, 0, 9, 1}, []byte{6 * 5, 0, 6*3 + 1, 4, 6*5 + 2, 4}, byte(2), byte(64)) // after a cancelled line
	f.Add([]byte{9, 0, 4, 1}, []byte{6 * 4, 0, 6 * 4, 8, 6*2 + 1, 4}, byte(3), byte(0))    // two lines of one order
	f.Fuzz(func(t *testing.T, batches, lines []byte, to, shipped byte) {
		p := newTested(t, batchesFrom(batches)...)
		now := monday
		for hour, call := range callsFrom(lines) {
			now = monday.Add(time.Duration(hour) * time.Hour)
			if _, err := p.Allocate(now, nil, call...); err == nil && len(call) > 0 && shipped%16 != 0 {
				_, err := p.ShipPart(lineOf(call[0].OrderID, allocation.Quantity(shipped%16)), now)
				require.True(t, err == nil || errors.Is(err, allocation.ErrNotAllowed), "ShipPart: %v", err)
			}
		}
		if shipped >= 64 {
			_, err := p.Cancel("o0", now)
			require.True(t, err == nil || errors.Is(err, allocation.ErrNotFound), "Cancel: %v", err)
		}
		before := liveLines(p, now)
		released, err := p.ChangeBatchQuantity(counted("b0", allocation.Quantity(to%16), now), now, nil)
		if len(batches) < 2 {
			require.ErrorIs(t, err, allocation.ErrNotFound)
			return
		}
		require.NoError(t, err)
		p.checkCut(now, "b0", allocation.Quantity(to%16), before, released)
	})
}

// liveLines returns the lines that bind stock at now, holds first and the newest first.
func liveLines(p *tested, now time.Time) []allocation.Allocation {
	var live []allocation.Allocation
	for _, a := range p.Changes().NewLines {
		if !a.Lapsed(now) {
			live = append(live, a)
		}
	}
	slices.SortFunc(live, func(a, b allocation.Allocation) int {
		if a.HeldUntil.IsZero() != b.HeldUntil.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.HeldUntil.IsZero()]
		}
		return int(b.Sequence - a.Sequence)
	})
	return live
}

// openOn returns the unshipped units of a line from a batch.
func openOn(a allocation.Allocation, ref allocation.BatchRef) allocation.Quantity {
	for _, part := range a.Parts {
		if part.Batch == ref {
			return part.Quantity - part.Shipped
		}
	}
	return 0
}

// checkCut checks R6 by comparing the lines before and after.
func (p *tested) checkCut(
	now time.Time, ref allocation.BatchRef, to allocation.Quantity,
	before []allocation.Allocation, released []allocation.OrderLine,
) {
	p.t.Helper()
	tooMany := -to
	for _, a := range before {
		tooMany += openOn(a, ref)
	}
	lost := map[allocation.LineKey]allocation.Quantity{}
	for _, l := range released {
		require.NotContains(p.t, lost, l.Key(), "released lines are reported once")
		require.Positive(p.t, l.Quantity, "released units of order %q", l.OrderID)
		lost[l.Key()] = l.Quantity
	}
	for _, old := range before {
		lines, err := p.Lines(old.OrderID, now)
		if err != nil {
			require.ErrorIs(p.t, err, allocation.ErrNotFound)
		}
		var a allocation.Allocation // stays zero if the line lost all units
		for _, l := range lines {
			if l.Key() == old.Key() {
				a = l
			}
		}
		require.Equal(p.t, old.Quantity, a.Quantity+lost[old.Key()],
			"units of order %q, remaining and lost", old.OrderID)
		require.Equal(p.t, old.Shipped(), a.Shipped(), "shipped units of order %q", old.OrderID)
		leaves := openOn(old, ref)
		if tooMany <= 0 || leaves == 0 {
			require.Equal(p.t, old, a, "a line that had no need to move")
			continue
		}
		tooMany -= leaves
		p.checkMoved(old, a, ref, lost[old.Key()])
	}
	for b := range p.Batches() {
		require.GreaterOrEqual(p.t, b.Available(), allocation.Quantity(0), "Available() of batch %q", b.Ref)
		require.True(p.t, b.Ref != ref || b.Purchased == to,
			"Purchased = %d, want %d (batch %q)", b.Purchased, to, b.Ref)
	}
}

// checkMoved checks that a line which left a batch has the same terms, and lost only units that fit
// nowhere.
func (p *tested) checkMoved(old, a allocation.Allocation, ref allocation.BatchRef, lost allocation.Quantity) {
	p.t.Helper()
	units := openOn(old, ref)
	var free, largest allocation.Quantity
	whole := lost == units
	for b := range p.Batches() {
		free, largest = free+b.Available(), max(largest, b.Available())
		got := openOn(a, b.Ref)
		if b.Ref != ref {
			got -= openOn(old, b.Ref)
		}
		require.GreaterOrEqual(p.t, got, allocation.Quantity(0),
			"units of order %q in batch %q, which wasn't cut", a.OrderID, b.Ref)
		whole = whole || got == units
	}
	if old.Split {
		require.True(p.t, lost == 0 || free == 0, "order %q lost %d units, and %d are free", old.OrderID, lost, free)
		return
	}
	require.True(p.t, whole, "a whole line of %d units went to %q and lost %d", units, from(a), lost)
	require.True(p.t, lost == 0 || largest < lost,
		"order %q lost %d units, and one batch has %d", old.OrderID, lost, largest)
}
