package dbtest

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// handOver makes the lines of one order another's, in some products or, without SKUs, in all.
func (n *naive) handOver(from, to allocation.OrderID, skus []allocation.SKU, now time.Time) (want outcome) {
	if from == to {
		return outcome{reasons: []error{allocation.ErrInvalid}}
	}
	named := len(skus) > 0
	for _, sku := range skus {
		if !n.known(sku) {
			return outcome{reasons: []error{allocation.ErrNotFound}}
		}
	}
	concerns := func(sku allocation.SKU) bool { return !named || slices.Contains(skus, sku) }
	var lines []allocation.Allocation
	repeated := false
	for key, l := range n.lines {
		switch {
		case !concerns(key.SKU):
		case key.OrderID == from:
			lines = append(lines, l)
		case key.OrderID == to && l.HandedFrom == from && l.Lapsed(now):
			want.because(errGone)
			repeated = true
		case key.OrderID == to && l.HandedFrom == from:
			repeated = true
		}
	}
	if repeated {
		return want
	}
	after := n.clone()
	moved := map[allocation.SKU]bool{}
	for _, l := range lines {
		moved[l.SKU] = true
		_, there := n.live(allocation.LineKey{OrderID: to, SKU: l.SKU, Line: l.Line}, now)
		switch {
		case l.Lapsed(now):
			want.because(errGone)
		case there:
			want.because(allocation.ErrMismatch)
		}
		delete(after.lines, l.Key())
		l.OrderID, l.HandedFrom = to, from
		after.lines[l.Key()] = l
	}
	if len(moved) == 0 || named && len(moved) < len(skus) {
		want.because(allocation.ErrNotFound)
	}
	if want.ok() {
		*n = *after
	}
	return want
}

// handOver is not drawn for an order of whose lines some have lapsed and others have not: the answer depends on whether
// the lapsed holds have been released already.
func (m *machine) handOver(t *rapid.T) {
	from, to := m.order(t), m.order(t)
	m.inTime(t, from, to)
	lapsed := map[bool]bool{}
	for _, l := range m.naive.lines {
		if l.OrderID == from {
			lapsed[l.Lapsed(m.now())] = true
		}
	}
	if len(lapsed) == 2 {
		t.Skip("a hold of the order has lapsed")
	}
	var skus []allocation.SKU
	if rapid.Bool().Draw(t, "named") {
		skus = m.skusOf(t)
	}
	for _, l := range m.naive.lines { // the page decides whether the command already serves a line that waits
		m.paged = m.paged || l.OrderID == from && l.Waiting > 0 && m.servesPages(l.SKU)
	}
	before := maps.Clone(m.naive.lines)
	want := m.naive.handOver(from, to, skus, m.now())
	if !want.ok() {
		m.naive.lines = before
	}
	m.run(t, want, func(s *allocation.Service) (any, error) { return s.HandOver(t.Context(), from, to, skus...) })
}
