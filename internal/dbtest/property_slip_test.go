package dbtest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// changeETA changes the ETA of a batch. Lines that the batch fails move or stay; which batch with room a line moves to
// is left open, so the naive model copies the result.
func (m *machine) changeETA(t *rapid.T) {
	ref, eta := m.ref(t), m.now().AddDate(0, 0, rapid.IntRange(-1, 5).Draw(t, "days"))
	b := m.naive.batches[ref]
	if b.ETA.IsZero() {
		var want outcome
		want.because(allocation.ErrNotAllowed)
		m.run(t, want, func(s *allocation.Service) (any, error) { return s.ChangeBatchETA(t.Context(), ref, eta) })
		return
	}
	repeated := eta.Equal(b.ETA)
	b.ETA = eta
	m.naive.batches[ref] = b
	marked := m.marked(b.SKU)
	before, late := m.displace(t, b.SKU, func(s *allocation.Service) ([]allocation.OrderLine, error) {
		return s.ChangeBatchETA(t.Context(), ref, eta)
	})
	after := m.marked(b.SKU)
	for _, old := range before {
		key, l := old.Key(), m.naive.lines[old.Key()]
		if old.Lapsed(m.now()) {
			continue
		}
		require.Equal(t, old.Quantity, l.Quantity, "units of order %q", key.OrderID)
		units := openOn(l, ref)
		if old := openOn(old, ref); repeated || old == 0 || !leaves(b, l, m.now()) {
			require.Equal(t, old, units, "units of order %q on the batch, which the order need not leave", key.OrderID)
		}
		if !repeated { // a repeat moves no line, even if there is room by now
			m.checkPlaces(t, old, l, b)
		}
		if after[key] && !marked[key] && units > 0 {
			require.Equal(t, units, late[key], "units of order %q that are told to be late", key.OrderID)
		} else {
			require.NotContains(t, late, key, "a line that is in time, or was late before")
		}
	}
}

// leaves says whether a line must leave a batch with a new ETA if possible.
func leaves(b allocation.Batch, l allocation.Allocation, now time.Time) bool {
	spoils := !b.BestBefore.IsZero() && !b.BestBefore.After(b.ETA)
	return spoils || !l.NeededBy.IsZero() && (b.ETA.After(l.NeededBy) || b.ETA.Before(now))
}

// checkPlaces checks that a line went only to batches that fit, and stays only if no batch that fits has room.
func (m *machine) checkPlaces(t *rapid.T, old, l allocation.Allocation, b allocation.Batch) {
	for _, part := range l.Parts {
		if part.Batch != b.Ref && openOn(l, part.Batch) > openOn(old, part.Batch) {
			require.True(t, fits(m.naive.batches[part.Batch], l, m.now()), "order %q went to %q", l.OrderID, part.Batch)
		}
	}
	units := openOn(l, b.Ref)
	if units == 0 || !leaves(b, l, m.now()) {
		return
	}
	for _, ref := range m.naive.ranked(l.SKU) {
		free := m.naive.free(ref, m.now())
		room := ref != b.Ref && free > 0 && (l.Split || free >= units) && fits(m.naive.batches[ref], l, m.now())
		require.False(t, room, "order %q stays with %d units, and batch %q has %d", l.OrderID, units, ref, free)
	}
}

// marked has the lines of a product that are marked as late.
func (m *machine) marked(sku allocation.SKU) map[allocation.LineKey]bool {
	state, _ := m.store.Product(sku)
	marked := map[allocation.LineKey]bool{}
	for _, a := range state.Lines {
		marked[a.Key()] = a.Late
	}
	return marked
}

// checkMarks checks that a line is late if the last event about that says so, and that no event says the same as the
// event before.
func (m *machine) checkMarks(t *rapid.T, events []allocation.Event, state allocation.State) {
	for _, a := range state.Lines {
		late := false
		for _, again := range slices.Backward(recordedLate(a, events)) {
			require.NotEqual(t, late, again, "order %q is told to be late, or in time, twice", a.OrderID)
			late = again
		}
		require.Equal(t, late, a.Late, "order %q is late", a.OrderID)
	}
}

// recordedLate returns Late of each LineLate about a line, the last first, under each order that the line was handed
// over from, too.
func recordedLate(a allocation.Allocation, events []allocation.Event) (late []bool) {
	order := a.OrderID
	for _, e := range slices.Backward(events[a.Sequence-1:]) {
		switch e := e.(type) {
		case allocation.LineLate:
			if e.OrderID == order && e.Line == a.Line {
				late = append(late, e.Late)
			}
		case allocation.LineHandedOver:
			if e.OrderID == order && e.Line == a.Line {
				order = e.From
			}
		}
	}
	return late
}

// release sweeps: lapsed holds, batches that have expired, and lines whose units have not arrived by NeededBy.
func (m *machine) release(t *rapid.T) {
	page := rapid.IntRange(1, 3).Draw(t, "page")
	units := allocation.NewUnitOfWork(m.store, &allocation.UnitOfWorkOptions{Now: m.clock.Now, PageSize: page})
	due := 0
	for _, s := range m.states() {
		m.refused[s.SKU] = len(s.Lines) > 0
		for _, a := range linesOf(s) {
			if dropsOut(a, m.now()) && !a.Lapsed(m.now()) {
				due++
			}
			if a.Lapsed(m.now()) || m.isOverdue(a) && !a.Late {
				due++
			}
		}
		for _, b := range s.Batches {
			if !b.Expired && b.Purchased > 0 && !b.BestBefore.IsZero() && !b.BestBefore.After(m.now()) {
				due++
			}
		}
	}
	swept, err := newService(t, units, nil).Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, due, swept, "Sweep(), with pages of %d", page)
}

// isOverdue says whether units of a line have not arrived although NeededBy has passed.
func (m *machine) isOverdue(a allocation.Allocation) bool {
	return !a.NeededBy.IsZero() && m.now().After(a.NeededBy) &&
		slices.ContainsFunc(a.Parts, func(part allocation.Part) bool {
			return part.Quantity > part.Shipped && !m.naive.batches[part.Batch].ETA.IsZero()
		})
}
