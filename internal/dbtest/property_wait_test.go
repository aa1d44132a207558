package dbtest

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// mayWait lets some requests wait, take a part, or hold the units from the moment when they are given.
func (m *machine) mayWait(t *rapid.T, r *allocation.Request) {
	if !m.waiting {
		return
	}
	switch rapid.IntRange(0, 6).Draw(t, "waits") {
	case 0, 1:
		r.Wait = true
	case 2:
		r.Wait, r.HoldFor = true, time.Duration(rapid.IntRange(1, 30).Draw(t, "hold for"))*time.Hour
	case 3:
		r.Partial, r.Split = true, true
	case 4:
		r.Wait, r.Partial, r.Split = true, true, true
	default:
		return
	}
	r.HoldUntil = time.Time{}
	if rapid.IntRange(0, 3).Draw(t, "terms") > 0 { // so that lines compete for the same units
		r.NeededBy, r.FreshUntil, r.Location = time.Time{}, time.Time{}, ""
	}
}

// wantedBy is how many units a line is to have.
func wantedBy(l allocation.Allocation) allocation.Quantity { return max(l.Quantity, l.Wanted) }

// dropsOut says whether a line waits although NeededBy has passed. Nobody serves such a line, and the moment when the
// line ceases to wait is left open.
func dropsOut(l allocation.Allocation, now time.Time) bool {
	return l.Waiting > 0 && passed(l.NeededBy, now)
}

// inLine lists the lines that wait for a product: by priority, then by age (R15).
func (n *naive) inLine(sku allocation.SKU, now time.Time) (lines []allocation.Allocation) {
	for _, l := range n.lines {
		if l.SKU == sku && l.Waiting > 0 && !l.Lapsed(now) && !dropsOut(l, now) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b allocation.Allocation) int {
		return cmp.Or(b.Priority-a.Priority, cmp.Compare(a.Sequence, b.Sequence))
	})
	return lines
}

// serve offers what is free to each line that waits, one after the other (R15).
func (n *naive) serve(sku allocation.SKU, now time.Time) (served bool) {
	for _, l := range n.inLine(sku, now) {
		if parts, _ := n.offer(l, l.Waiting, now); parts != nil {
			n.put(given(l, parts, now))
			served = true
		}
	}
	return served
}

// offer finds batches for all units, or with Partial for as many units as there are.
func (n *naive) offer(
	l allocation.Allocation, units allocation.Quantity, now time.Time,
) (parts []allocation.Part, most allocation.Quantity) {
	parts, most = n.pick(l, units, now)
	if parts == nil && l.Partial && most > 0 {
		parts, _ = n.pick(l, most, now)
	}
	return parts, most
}

// given is the line with further units, for which the line waits no longer. The hold of HoldFor begins with the first
// unit.
func given(l allocation.Allocation, parts []allocation.Part, now time.Time) allocation.Allocation {
	if l.HoldFor > 0 && l.Quantity == l.Shipped() {
		l.HeldUntil = now.Add(l.HoldFor)
	}
	l.Wanted, l.Parts = wantedBy(l), slices.Clone(l.Parts)
	for _, part := range parts {
		l.Quantity += part.Quantity
		l.Waiting = max(0, l.Waiting-part.Quantity)
		same := func(p allocation.Part) bool { return p.Batch == part.Batch && p.Quantity > 0 }
		if i := slices.IndexFunc(l.Parts, same); i >= 0 {
			l.Parts[i].Quantity += part.Quantity
			continue
		}
		l.Parts = append(l.Parts, part)
	}
	return l
}

// place allocates a new line (R4): with Partial the line takes what there is, and with Wait the line waits for the
// others. Otherwise place says how many units there are.
func (n *naive) place(r allocation.Request, now time.Time) (most allocation.Quantity, placed bool) {
	l := allocation.Allocation{
		OrderLine: r.OrderLine, Split: r.Split, HeldUntil: r.HoldUntil,
		NeededBy: r.NeededBy, FreshUntil: r.FreshUntil, Location: r.Location, Priority: r.Priority,
		Partial: r.Partial, MayWait: r.Wait, HoldFor: r.HoldFor,
	}
	l.Quantity = 0
	parts, most := n.offer(l, r.Quantity, now)
	if parts == nil && !r.Wait {
		return most, false
	}
	l = given(l, parts, now)
	if parts == nil {
		l.HeldUntil = time.Time{}
	}
	if l.Wanted = r.Quantity; r.Wait {
		l.Waiting = r.Quantity - l.Quantity
	}
	delete(n.lines, l.Key()) // a lapsed hold
	n.put(l)
	return most, true
}

// grow lets a line that waits, or has a part of the units, have another number of units in all.
func (n *naive) grow(l allocation.Allocation, wanted allocation.OrderLine, now time.Time) (want outcome) {
	more, waits := wanted.Quantity-l.Quantity, l.MayWait && !passed(l.NeededBy, now)
	parts, most := n.offer(l, more, now)
	if parts == nil && !waits && wanted.Quantity > wantedBy(l) {
		want.short = []allocation.Shortage{{OrderLine: wanted, Available: l.Quantity + most}}
		return want
	}
	had := l.HeldUntil
	l.Waiting = 0
	l = given(l, parts, now)
	if parts == nil {
		l.HeldUntil = had
	}
	if l.Wanted = wanted.Quantity; waits {
		l.Waiting = wanted.Quantity - l.Quantity
	}
	n.put(l)
	return want
}

// linesOf lists all lines of a product, each once, with units and with the units for which the line waits.
func linesOf(state allocation.State) []allocation.Allocation {
	lines := slices.Clone(state.Lines)
	for _, w := range state.Waiting {
		same := func(a allocation.Allocation) bool { return a.Key() == w.Key() }
		if i := slices.IndexFunc(lines, same); i >= 0 {
			lines[i].Waiting = w.Waiting
			continue
		}
		lines = append(lines, w)
	}
	return lines
}

// live has the lines that bind stock or wait at now, without Late, which checkMarks looks at.
func (m *machine) live(lines []allocation.Allocation) map[allocation.LineKey]allocation.Allocation {
	live := map[allocation.LineKey]allocation.Allocation{}
	for _, a := range lines {
		if !a.Lapsed(m.now()) {
			a.Late = false
			live[a.Key()] = a
		}
	}
	return live
}

// of lists the lines of a product.
func (n *naive) of(sku allocation.SKU) (lines []allocation.Allocation) {
	for _, l := range n.lines {
		if l.SKU == sku {
			lines = append(lines, l)
		}
	}
	return lines
}

// serve serves those who wait in the naive model after a command. A command that changed a line or a batch, or was
// refused, has served whoever comes first in the same commit (R15). After any other command a lapsed hold may be
// unswept, and the units of the hold may still be free.
func (m *machine) serve(t *rapid.T) {
	for sku, state := range m.states() {
		lines := linesOf(state)
		m.learn(t, sku, lines)
		served := m.naive.clone()
		if !served.serve(sku, m.now()) {
			continue
		}
		same := func(n *naive) bool { return reflect.DeepEqual(m.live(n.of(sku)), m.live(lines)) }
		if m.refused[sku] || m.changed(sku) || !same(m.naive) {
			m.naive = served
		}
	}
	clear(m.refused)
	m.before = m.naive.clone()
}

// changed says whether the last command changed anything of a product.
func (m *machine) changed(sku allocation.SKU) bool {
	for ref, b := range m.naive.batches {
		if b.SKU == sku && b != m.before.batches[ref] {
			return true
		}
	}
	return !reflect.DeepEqual(m.live(m.before.of(sku)), m.live(m.naive.of(sku)))
}

// learn takes over the ages of new lines, and which lines wait no longer because NeededBy has passed.
func (m *machine) learn(t *rapid.T, sku allocation.SKU, lines []allocation.Allocation) {
	stored := m.live(lines)
	for key, l := range m.naive.lines {
		if key.SKU != sku {
			continue
		}
		if a, there := stored[key]; there && l.Sequence == 0 {
			l.Sequence = a.Sequence
			require.Greater(t, a.Sequence, m.version[sku], "age of order %q, which is new", key.OrderID)
			m.naive.lines[key] = l
		}
		if stored[key].Waiting == 0 && dropsOut(l, m.now()) {
			l.Waiting = 0
			m.naive.put(l)
		}
	}
	state, _ := m.store.Product(sku)
	m.version[sku] = state.Version
}

// checkAges checks that the lines of one call are as old as their places in the call.
func (m *machine) checkAges(t *rapid.T, requests []allocation.Request) {
	last := map[allocation.SKU]int64{}
	merged, _ := merge(requests)
	for _, r := range merged {
		if m.naive.lines[r.Key()].Sequence != 0 {
			continue
		}
		state, _ := m.store.Product(r.SKU)
		for _, a := range linesOf(state) {
			if a.Key() == r.Key() {
				require.Greater(t, a.Sequence, last[r.SKU], "age of order %q", r.OrderID)
				last[r.SKU] = a.Sequence
			}
		}
	}
}

// inTime draws another command if any line of the orders may have ceased to wait because NeededBy has passed.
func (m *machine) inTime(t *rapid.T, orders ...allocation.OrderID) {
	for _, l := range m.naive.lines {
		if slices.Contains(orders, l.OrderID) && dropsOut(l, m.now()) {
			t.Skip("NeededBy of a line that waits has passed")
		}
	}
}

// servesPages says whether those who wait are served before other lines move: page by page of the lapsed holds that a
// command has to release first. Which of the lines that move then find room depends on the size of a page.
func (m *machine) servesPages(sku allocation.SKU) bool {
	for _, l := range m.naive.of(sku) {
		if l.Lapsed(m.now()) && m.naive.inLine(sku, m.now()) != nil {
			return true
		}
	}
	return false
}

// unserved returns the lines of a product as they were before those who wait were given units, by the events since a
// version.
func (m *machine) unserved(t *rapid.T, since allocation.State) []allocation.Allocation {
	events, err := m.store.Events(t.Context(), since.SKU, since.Version, math.MaxInt32)
	require.NoError(t, err)
	after, _ := m.store.Product(since.SKU)
	lines := linesOf(after)
	for _, e := range events {
		e, is := e.(allocation.LineAllocated)
		if !is || !e.Waited {
			continue
		}
		i := slices.IndexFunc(lines, func(a allocation.Allocation) bool {
			return a.OrderID == e.OrderID && a.Line == e.Line
		})
		require.GreaterOrEqual(t, i, 0, "a line that was given units")
		lines[i] = without(lines[i], e.Batch, e.Quantity)
	}
	return lines
}

// without is the line before the line was given units for which the line had waited.
func without(l allocation.Allocation, ref allocation.BatchRef, units allocation.Quantity) allocation.Allocation {
	l.Wanted = wantedBy(l)
	l.Quantity -= units
	l.Waiting += units
	for i := range l.Parts {
		if l.Parts[i].Batch == ref {
			l.Parts[i].Quantity -= units
		}
	}
	l.Parts = slices.DeleteFunc(l.Parts, func(p allocation.Part) bool { return p.Quantity == 0 })
	if len(l.Parts) == 0 {
		l.Parts = nil
	}
	if l.HoldFor > 0 && l.Quantity == l.Shipped() {
		l.HeldUntil = time.Time{}
	}
	return l
}

// checkPutBack checks what a line waits for after the line lost units: all lost units if the line may wait, otherwise
// no further unit, and the line is to have fewer. After NeededBy no line waits for further units, and those that the
// line waits for may be given up.
func (m *machine) checkPutBack(t *rapid.T, old, a allocation.Allocation, lost allocation.Quantity) {
	waiting, wanted := old.Waiting, wantedBy(old)
	switch tooLate := passed(old.NeededBy, m.now()); {
	case !old.MayWait:
		wanted -= lost
	case !tooLate:
		waiting += lost
	case a.Waiting == 0:
		waiting = 0
	}
	require.Equal(t, waiting, a.Waiting, "units for which order %q waits", old.OrderID)
	if a.Quantity == 0 && a.Waiting == 0 {
		wanted = 0 // nothing is left of the line
	}
	require.Equal(t, wanted, wantedBy(a), "units that order %q is to have", old.OrderID)
}
