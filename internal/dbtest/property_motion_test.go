package dbtest

import (
	"cmp"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// split splits units off a batch, or repeats a split.
func (m *machine) split(t *rapid.T) {
	from := m.ref(t)
	part := allocation.Batch{Purchased: m.some(t, 1, 10)}
	if rapid.IntRange(0, 3).Draw(t, "blocked") == 0 {
		part.Blocked = "dented"
	}
	if rapid.IntRange(0, 3).Draw(t, "in transit") == 0 {
		part.ETA = m.now().AddDate(0, 0, 1)
	}
	if known := m.naive.batches[m.ref(t)]; rapid.IntRange(0, 4).Draw(t, "again") == 0 {
		m.splitAgain(t, known)
		return
	}
	b := m.naive.batches[from]
	part.Ref = allocation.BatchRef(fmt.Sprintf("b%d", m.batches+1))
	var want outcome
	expires := !b.BestBefore.IsZero() && !b.BestBefore.After(part.ETA)
	if expires && part.Blocked == "" && b.BestBefore.After(m.now()) && b.BestBefore.After(b.ETA) {
		want.because(allocation.ErrInvalid)
	}
	if part.Purchased > b.Purchased {
		want.because(allocation.ErrNotAllowed)
	}
	if !want.ok() {
		m.run(t, want, func(s *allocation.Service) (any, error) { return s.SplitBatch(t.Context(), from, part) })
		return
	}
	m.batches++
	goes := m.naive.goesAlong(m, b, part)
	m.naive.part(b, part, m.now())
	before, lost := m.displace(t, b.SKU, func(s *allocation.Service) ([]allocation.OrderLine, error) {
		return s.SplitBatch(t.Context(), from, part)
	})
	m.checkSplit(t, from, part.Ref, before, lost, goes)
}

// splitAgain repeats the split that a batch came from. For an announced batch any split is a mismatch.
func (m *machine) splitAgain(t *rapid.T, known allocation.Batch) {
	part := allocation.Batch{Ref: known.Ref, Purchased: known.AnnouncedQuantity}
	part.ETA, part.Blocked = known.AnnouncedETA, known.AnnouncedBlocked
	from := known.SplitFrom
	var want outcome
	switch {
	case from == "":
		from = m.ref(t)
		want.because(allocation.ErrMismatch)
		if from == known.Ref {
			want = outcome{reasons: []error{allocation.ErrInvalid}}
		}
	case rapid.Bool().Draw(t, "differently"):
		part.Purchased++
		want.because(allocation.ErrMismatch)
	}
	m.run(t, want, func(s *allocation.Service) (any, error) { return s.SplitBatch(t.Context(), from, part) })
}

// part takes units out of a batch, without moving lines.
func (n *naive) part(b, part allocation.Batch, now time.Time) {
	part.SKU, part.SplitFrom, part.Lot, part.BestBefore = b.SKU, b.Ref, cmp.Or(b.Lot, b.Ref), b.BestBefore
	part.AnnouncedQuantity, part.AnnouncedETA, part.AnnouncedBlocked = part.Purchased, part.ETA, part.Blocked
	switch {
	case !part.ETA.IsZero():
	case b.ETA.IsZero():
		part.ArrivedAt = b.ArrivedAt
	default:
		part.ArrivedAt = now
	}
	b.Purchased -= part.Purchased
	b.ShippedAt = now
	n.batches[b.Ref], n.batches[part.Ref] = b, part
}

// goesAlong returns the units of each line that go along with a part, and nil if lines whose terms the part does not
// fulfil have to leave, too.
func (n *naive) goesAlong(m *machine, b, part allocation.Batch) map[allocation.LineKey]allocation.Quantity {
	goes, units := map[allocation.LineKey]allocation.Quantity{}, part.Purchased-n.free(b.Ref, m.now())
	room := part.Purchased
	part.BestBefore = b.BestBefore
	state, _ := m.store.Product(b.SKU)
	for _, a := range m.leavingOrder(state.Lines) {
		share := openOn(a, b.Ref)
		if a.Split {
			share = min(share, units)
		}
		if units > 0 && share > 0 && share <= room && fits(part, a, m.now()) {
			goes[a.Key()] = share
			units -= share
			room -= share
		}
	}
	if units > 0 {
		return nil
	}
	return goes
}

// checkSplit checks the lines before and after a split.
func (m *machine) checkSplit(
	t *rapid.T, from, part allocation.BatchRef, before []allocation.Allocation,
	lost map[allocation.LineKey]allocation.Quantity, goes map[allocation.LineKey]allocation.Quantity,
) {
	for _, old := range m.leavingOrder(before) {
		a, units := m.naive.lines[old.Key()], openOn(old, from)
		require.Equal(t, old.Quantity, a.Quantity+lost[old.Key()], "units of order %q, kept and lost", old.OrderID)
		m.checkPutBack(t, old, a, lost[old.Key()])
		require.Equal(t, old.Shipped(), a.Shipped(), "shipped units of order %q", old.OrderID)
		switch {
		case units == 0 && dropsOut(old, m.now()):
			continue
		case units == 0 || goes != nil && goes[old.Key()] == 0:
			old.Late = a.Late // the passing of time, see checkMarks
			require.Equal(t, old, a, "a line without need to move")
			continue
		case goes != nil:
			require.Equal(t, goes[old.Key()], openOn(a, part), "units of order %q that go along", old.OrderID)
			require.Equal(t, units-goes[old.Key()], openOn(a, from), "units of order %q that stay", old.OrderID)
		}
		m.checkLost(t, old, units, lost[old.Key()])
		if !old.Split {
			m.checkWhole(t, old, a, from, lost[old.Key()])
		}
	}
}

// block blocks a batch, which displaces lines as a cut to nothing does.
func (m *machine) block(t *rapid.T) {
	ref := m.ref(t)
	b := m.naive.batches[ref]
	b.Blocked = rapid.SampledFrom([]string{"dented", "recall"}).Draw(t, "reason")
	m.naive.batches[ref] = b
	before, lost := m.displace(t, b.SKU, func(s *allocation.Service) ([]allocation.OrderLine, error) {
		return s.BlockBatch(t.Context(), ref, b.Blocked)
	})
	m.checkCut(t, allocation.Count{Batch: ref}, before, lost)
}

func (m *machine) unblock(t *rapid.T) {
	ref := m.ref(t)
	b := m.naive.batches[ref]
	b.Blocked = ""
	m.naive.batches[ref] = b
	m.run(t, outcome{}, func(s *allocation.Service) (any, error) { return nil, s.UnblockBatch(t.Context(), ref) })
}
