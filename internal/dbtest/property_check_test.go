package dbtest

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// check runs after every command.
func (m *machine) check(t *rapid.T) {
	m.serve(t)
	for sku, state := range m.states() {
		m.checkBatches(t, state)
		m.checkLines(t, state)
		m.checkLedger(t, sku, state)
		m.checkAvailable(t, sku)
	}
}

// unchanged checks that an error changed no batch and no live line. A refusal sweeps the product as far as loaded, and
// is recorded once (R10). Which expired batches and late lines are loaded is left open.
func (m *machine) unchanged(t *rapid.T, before map[allocation.SKU]allocation.State, short []allocation.Shortage) {
	for sku, now := range m.states() {
		old := before[sku]
		if len(old.Waiting) > 0 {
			continue // whoever came first may have been served before the error; serve decides
		}
		want := map[string]int{}
		for _, s := range short {
			if s.SKU == sku {
				want["LineRefused"]++
			}
		}
		events, err := m.store.Events(t.Context(), sku, old.Version, math.MaxInt32)
		require.NoError(t, err)
		if refused := want["LineRefused"]; refused > 0 {
			want["HoldLapsed"] = m.cleared(&old)
			if old.Refused == old.Version && len(events) == 0 {
				want["LineRefused"] = 0
			}
			require.False(t, old.Refused == old.Version && len(events) == refused, "a refusal that is recorded twice")
			m.sweptBy(&old, now)
		}
		for _, e := range events {
			switch want[e.Kind()]--; e.Kind() {
			case "LowStockCrossed", "BatchExpired", "LineLate": // of a refusal; checked elsewhere
				if want["HoldLapsed"] >= 0 && now.Refused > 0 {
					delete(want, e.Kind())
				}
			}
		}
		for kind, missing := range want {
			require.Zero(t, missing, "%s events of %q too few", kind, sku)
		}
		require.ElementsMatch(t, old.Batches, now.Batches, "batches of %q after an error", sku)
		require.ElementsMatch(t, old.Lines, now.Lines, "lines of %q after an error", sku)
	}
}

// sweptBy takes over from a later state which batches are closed and which lines are late.
func (m *machine) sweptBy(state *allocation.State, later allocation.State) {
	for i, b := range state.Batches {
		at := slices.IndexFunc(later.Batches, func(other allocation.Batch) bool { return other.Ref == b.Ref })
		state.Batches[i].Expired, state.Batches[i].Due = later.Batches[at].Expired, later.Batches[at].Due
		state.Batches[i].Dated = later.Batches[at].Dated
	}
	for i, a := range state.Lines {
		at := slices.IndexFunc(later.Lines, func(other allocation.Allocation) bool { return other.Key() == a.Key() })
		state.Lines[i].Late = later.Lines[at].Late
	}
}

// cleared removes the lapsed holds from a state, and returns the number of their parts.
func (m *machine) cleared(state *allocation.State) (parts int) {
	free := map[allocation.BatchRef]allocation.Quantity{}
	state.Lines = slices.DeleteFunc(state.Lines, func(a allocation.Allocation) bool {
		for _, part := range a.Parts {
			if a.Lapsed(m.now()) {
				free[part.Batch] += part.Quantity
				parts++
			}
		}
		return a.Lapsed(m.now())
	})
	for i := range state.Batches {
		state.Batches[i].Allocated -= free[state.Batches[i].Ref]
	}
	return parts
}

// checkBatches compares the counters with the lines, and the batches with the naive model.
func (m *machine) checkBatches(t *rapid.T, state allocation.State) {
	promised := map[allocation.BatchRef]allocation.Quantity{}
	for _, a := range state.Lines {
		for _, part := range a.Parts {
			require.GreaterOrEqual(t, part.Shipped, allocation.Quantity(0), "shipped of order %q", a.OrderID)
			require.GreaterOrEqual(t, part.Quantity, part.Shipped, "units of order %q", a.OrderID)
			promised[part.Batch] += part.Quantity - part.Shipped
		}
	}
	for _, b := range state.Batches {
		require.Equal(t, promised[b.Ref], b.Allocated, "units promised from batch %q, by lines and by counter", b.Ref)
		require.GreaterOrEqual(t, b.Available(), allocation.Quantity(0), "Available() of batch %q", b.Ref)
		want := m.naive.batches[b.Ref]
		want.Allocated = b.Allocated // compared with the lines above
		if b.Expired {
			require.False(t, b.BestBefore.After(m.now()), "batch %q is closed before BestBefore", b.Ref)
		}
		want.Expired, want.Due, want.Dated = b.Expired, b.Due, b.Dated // when the batch is closed is left open
		require.Equal(t, want, b, "batch %q", b.Ref)
	}
}

// checkLines compares the live lines.
func (m *machine) checkLines(t *rapid.T, state allocation.State) {
	lines := linesOf(state)
	require.Equal(t, m.live(m.naive.of(state.SKU)), m.live(lines), "live lines of %q", state.SKU)
	for _, a := range lines {
		require.True(t, a.Waiting == 0 || a.Quantity+a.Waiting == a.Wanted, "units of order %q: %+v", a.OrderID, a)
	}
	// Whoever can be served was served, since the lines are those of the naive model. The mark may stay: a sweep that
	// serves nobody records nothing, and so stores nothing.
	require.True(t, state.Serving == (allocation.Rank{}) || len(state.Waiting) > 0,
		"serving of %q goes on at %+v, and nobody waits", state.SKU, state.Serving)
}

// checkLedger checks that the events add up, that the version counts the events, and that the last event about the
// low-stock threshold is true.
func (m *machine) checkLedger(t *rapid.T, sku allocation.SKU, state allocation.State) {
	drift, err := m.service.Reconcile(t.Context(), sku)
	require.NoError(t, err)
	require.False(t, drift.Drifted(), "counters, lines and events disagree: %+v", drift)
	events, err := m.store.Events(t.Context(), sku, 0, math.MaxInt32)
	require.NoError(t, err)
	require.Len(t, events, int(state.Version), "events of %q, and its version", sku)
	m.checkMarks(t, events, state)
	require.Equal(t, m.naive.low[sku], state.LowStock, "low-stock threshold of %q", sku)
	if slices.ContainsFunc(state.Batches, func(b allocation.Batch) bool { return !b.BestBefore.IsZero() }) {
		return // low stock changes by the clock
	}
	low := false
	for _, e := range events {
		if crossed, is := e.(allocation.LowStockCrossed); is {
			require.NotEqual(t, low, crossed.Low, "a second crossing of %q in the same direction", sku)
			low = crossed.Low
		}
	}
	var units allocation.Quantity
	for _, b := range state.Batches {
		if b.Saleable(m.now()) {
			units += b.Available()
		}
	}
	require.Equal(t, units < state.LowStock, low, "low stock of %q by events: %d units, threshold %d",
		sku, units, state.LowStock)
}

// checkAvailable compares the product's own answers with the naive model.
func (m *machine) checkAvailable(t *rapid.T, sku allocation.SKU) {
	now := m.now()
	require.NoError(t, m.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, sku)
		require.NoError(t, err)
		here, err := p.Available(now)
		require.NoError(t, err)
		require.Equal(t, m.naive.available(sku, time.Time{}, now), here, "Available() of %q", sku)
		for _, days := range []int{0, 1, 2, 9} {
			by := now.AddDate(0, 0, days)
			units, err := p.AvailableBy(by, now)
			require.NoError(t, err)
			require.Equal(t, m.naive.available(sku, by, now), units, "AvailableBy() of %q in %d days", sku, days)
		}
		return nil
	}))
}

func (m *machine) receive(t *rapid.T) {
	c := m.result(t)
	b := m.naive.batches[c.Batch]
	latest, want := judgedCount(c, b, m.now())
	if !b.ETA.IsZero() && want.ok() {
		b.ETA, b.ArrivedAt = time.Time{}, c.At
		m.cut(t, c, b, latest, (*allocation.Service).ReceiveBatch)
		return
	}
	if latest {
		want.because(allocation.ErrNotAllowed)
	}
	m.run(t, want, func(s *allocation.Service) (any, error) { return s.ReceiveBatch(t.Context(), c) })
}

func (m *machine) count(t *rapid.T) {
	c := m.result(t)
	b := m.naive.batches[c.Batch]
	if latest, want := judgedCount(c, b, m.now()); !latest {
		m.run(t, want, func(s *allocation.Service) (any, error) { return s.ChangeBatchQuantity(t.Context(), c) })
		return
	}
	m.cut(t, c, b, true, (*allocation.Service).ChangeBatchQuantity)
}

// result draws the result of a count, by a clock that may be ahead.
func (m *machine) result(t *rapid.T) allocation.Count {
	c := allocation.Count{Batch: m.ref(t), Quantity: m.some(t, 0, 15), At: m.now()}
	b := m.naive.batches[c.Batch]
	switch clock := rapid.IntRange(0, 8).Draw(t, "clock"); {
	case clock == 0 && !b.CountedAt.IsZero():
		c.At = b.CountedAt
	case clock == 1 && !b.CountedAt.IsZero():
		c.At, c.Quantity = b.CountedAt, b.CountedQuantity
	case clock == 2 && !b.ShippedAt.IsZero():
		c.At = b.ShippedAt.Add(-time.Minute)
	case clock == 8 && !b.CountedAt.IsZero():
		c.At = b.CountedAt.Add(-30 * time.Second)
	case clock == 3:
		c.At = m.now().Add(50 * time.Second)
	case clock == 4:
		c.At = m.now().Add(70 * time.Second)
	}
	return c
}

// judgedCount judges a count by the moment of the count (R8): whether the count is the latest of the batch.
func judgedCount(c allocation.Count, b allocation.Batch, now time.Time) (latest bool, want outcome) {
	ahead := c.At.Sub(now)
	switch {
	case c.At.Equal(b.CountedAt) && c.Quantity != b.CountedQuantity:
		want.because(allocation.ErrMismatch)
	case c.At.Equal(b.CountedAt):
	case c.At.Before(b.CountedAt) && (b.CountedAt.After(now) || mayBeTrue(c, b)):
		want.because(allocation.ErrNotAllowed)
	case c.At.Before(b.CountedAt):
	case ahead > time.Minute:
		want.because(allocation.ErrInvalid)
	case ahead > 0 && now.Sub(b.ShippedAt) < time.Minute, c.At.Before(b.ShippedAt):
		want.because(allocation.ErrNotAllowed)
	default:
		return true, want
	}
	return false, want
}

// mayBeTrue says whether an older count may be younger than the last count, whose clock may have been ahead, and
// disagrees with the batch.
func mayBeTrue(c allocation.Count, b allocation.Batch) bool {
	if b.ETA.IsZero() && !b.AnnouncedETA.IsZero() && c.At.Equal(b.ArrivedAt) {
		return false
	}
	return b.CountedAt.Sub(c.At) <= time.Minute && (c.Quantity != b.Purchased || c.At.Before(b.ShippedAt))
}

type counting = func(*allocation.Service, context.Context, allocation.Count) ([]allocation.OrderLine, error)

// cut recounts a batch and checks rule R6 (who loses at a cut) on the lines before and after. The rule leaves open
// which of the batches with room a line moves to; there the naive model copies the result. A count that is not the
// latest leaves the quantity as before.
func (m *machine) cut(t *rapid.T, c allocation.Count, b allocation.Batch, latest bool, call counting) {
	if latest {
		b.Purchased, b.CountedAt, b.CountedQuantity = c.Quantity, c.At, c.Quantity
	}
	m.naive.batches[c.Batch] = b
	before, lost := m.displace(t, b.SKU, func(s *allocation.Service) ([]allocation.OrderLine, error) {
		return call(s, t.Context(), c)
	})
	c.Quantity = b.Purchased
	m.checkCut(t, c, before, lost)
}

// displace runs a command that may move or release lines of a product, and copies the lines into the naive model. The
// results are the lines before and the released units.
func (m *machine) displace(
	t *rapid.T, sku allocation.SKU, call func(*allocation.Service) ([]allocation.OrderLine, error),
) (before []allocation.Allocation, lost map[allocation.LineKey]allocation.Quantity) {
	state, _ := m.store.Product(sku)
	lost = map[allocation.LineKey]allocation.Quantity{}
	m.paged = m.servesPages(sku)
	m.run(t, outcome{}, func(s *allocation.Service) (any, error) {
		clear(lost)
		released, err := call(s)
		for _, l := range released {
			require.NotContains(t, lost, l.Key(), "released lines are reported once")
			lost[l.Key()] = l.Quantity
		}
		return released, err
	})
	for key := range m.naive.lines {
		if key.SKU == sku {
			delete(m.naive.lines, key)
		}
	}
	for _, a := range m.unserved(t, state) {
		m.naive.lines[a.Key()] = a
	}
	return linesOf(state), lost
}

// checkCut walks the live lines in the order of leaving: as many as needed leave the batch, and the others are
// unchanged.
func (m *machine) checkCut(
	t *rapid.T, c allocation.Count, before []allocation.Allocation, lost map[allocation.LineKey]allocation.Quantity,
) {
	before = m.leavingOrder(before)
	tooMany := -c.Quantity
	for _, a := range before {
		tooMany += openOn(a, c.Batch)
	}
	for _, old := range before {
		a := m.naive.lines[old.Key()]
		units := openOn(old, c.Batch)
		require.Equal(t, old.Quantity, a.Quantity+lost[old.Key()], "units of order %q, kept and lost", old.OrderID)
		m.checkPutBack(t, old, a, lost[old.Key()])
		require.Equal(t, old.Shipped(), a.Shipped(), "shipped units of order %q", old.OrderID)
		if dropsOut(old, m.now()) && units == 0 {
			continue
		}
		if tooMany <= 0 || units == 0 {
			old.Late = a.Late // the passing of time, see checkMarks
			require.Equal(t, old, a, "a line without need to move")
			continue
		}
		tooMany -= units
		m.checkLost(t, old, units, lost[old.Key()])
		if !old.Split {
			m.checkWhole(t, old, a, c.Batch, lost[old.Key()])
		}
	}
}

// leavingOrder returns the live lines in the order in which they leave a batch.
func (m *machine) leavingOrder(lines []allocation.Allocation) []allocation.Allocation {
	lines = slices.DeleteFunc(lines, func(a allocation.Allocation) bool { return a.Lapsed(m.now()) })
	slices.SortFunc(lines, func(a, b allocation.Allocation) int {
		held := func(l allocation.Allocation) int { return map[bool]int{true: 0, false: 1}[!l.HeldUntil.IsZero()] }
		return cmp.Or(held(a)-held(b), a.Priority-b.Priority, int(b.Sequence-a.Sequence))
	})
	return lines
}

// checkLost checks that a line loses units only if no other batch has room.
func (m *machine) checkLost(t *rapid.T, old allocation.Allocation, units, lost allocation.Quantity) {
	if lost == 0 {
		return
	}
	for _, ref := range m.naive.ranked(old.SKU) {
		free := m.naive.free(ref, m.now())
		room := free > 0 && (old.Split || free >= units) && fits(m.naive.batches[ref], old, m.now())
		require.False(t, room, "order %q lost %d units, and batch %q has %d", old.OrderID, lost, ref, free)
	}
}

// checkWhole checks that the open units of a line without Split are still in one batch.
func (m *machine) checkWhole(
	t *rapid.T, old, a allocation.Allocation, cut allocation.BatchRef, lost allocation.Quantity,
) {
	units := openOn(old, cut)
	together := lost == units
	for _, part := range a.Parts {
		together = together || part.Quantity-part.Shipped == units
	}
	require.True(t, together, "a whole line of %d open units became %v and lost %d", units, a.Parts, lost)
}

// openOn is how many unshipped units a line has from a batch.
func openOn(a allocation.Allocation, ref allocation.BatchRef) (units allocation.Quantity) {
	for _, part := range a.Parts {
		if part.Batch == ref {
			units += part.Quantity - part.Shipped
		}
	}
	return units
}

// release releases lapsed holds, in pages of random size.
