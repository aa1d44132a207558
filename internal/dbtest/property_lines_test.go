package dbtest

import (
	"context"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// line draws a LineID, "" for most lines.
func (m *machine) line(t *rapid.T) allocation.LineID {
	return rapid.SampledFrom([]allocation.LineID{"", "", "a", "b"}).Draw(t, "line")
}

// crowd begins with a batch that has a line of most orders, which differ in all that decides who loses at a cut.
// If lines may wait, the batch has units for few of them.
func (m *machine) crowd(t *rapid.T) {
	b := allocation.Batch{Ref: "b1", SKU: m.skus[0], Purchased: 15}
	if m.waiting {
		b.Purchased = 4 // most lines wait
	}
	m.batches = 1
	m.run(t, outcome{}, func(s *allocation.Service) (any, error) { return nil, s.AddBatch(t.Context(), b) })
	b.AnnouncedQuantity, b.ArrivedAt = b.Purchased, m.now()
	m.naive.batches[b.Ref] = b
	requests := make([]allocation.Request, len(m.orders)-3)
	for i := range requests {
		r := &requests[i]
		r.OrderLine = allocation.OrderLine{OrderID: m.orders[i], SKU: b.SKU, Quantity: m.some(t, 1, 3)}
		r.Split, r.Priority = rapid.Bool().Draw(t, "split"), rapid.IntRange(-1, 1).Draw(t, "priority")
		if rapid.Bool().Draw(t, "hold") {
			r.HoldUntil = m.now().AddDate(0, 0, 1)
		}
		if m.waiting {
			r.Wait, r.HoldUntil, r.HoldFor = true, time.Time{}, r.HoldUntil.Sub(m.now())
			r.HoldFor = max(0, r.HoldFor)
		}
	}
	m.run(t, m.naive.allocate(requests, m.now()), func(s *allocation.Service) (any, error) {
		given, err := s.Allocate(t.Context(), requests...)
		return quantities(given), err
	})
}

// cutCrowded counts fewer units than promised in the batch that has the most lines, so that some lines lose and others
// don't. Without a batch of several lines another command is drawn.
func (m *machine) cutCrowded(t *rapid.T) {
	lines, promised := map[allocation.BatchRef]int{}, map[allocation.BatchRef]allocation.Quantity{}
	for _, l := range m.naive.lines {
		for _, part := range l.Parts {
			if units := openOn(l, part.Batch); units > 0 && !l.Lapsed(m.now()) {
				lines[part.Batch]++
				promised[part.Batch] += units
			}
		}
	}
	var crowded allocation.BatchRef
	for _, ref := range slices.Sorted(maps.Keys(lines)) {
		if lines[ref] > max(1, lines[crowded]) {
			crowded = ref
		}
	}
	c := allocation.Count{Batch: crowded, At: m.now()}
	b := m.naive.batches[crowded]
	if latest, _ := judgedCount(c, b, m.now()); crowded == "" || !latest {
		t.Skip("no batch to cut")
	}
	c.Quantity = m.some(t, 0, int(promised[crowded])-1)
	m.cut(t, c, b, true, (*allocation.Service).ChangeBatchQuantity)
}

// linesOf returns the keys of an order's lines of a product that bind stock at now, and whether the order has lapsed
// holds of the product beside them.
func (n *naive) linesOf(
	order allocation.OrderID, sku allocation.SKU, now time.Time,
) (live []allocation.LineKey, mixed bool) {
	lapsed := false
	for key, l := range n.lines {
		switch {
		case key.OrderID != order || key.SKU != sku:
		case l.Lapsed(now):
			lapsed = true
		default:
			live = append(live, key)
		}
	}
	return live, lapsed && live != nil
}

// each runs a command on an order's lines of some products: on all lines, or on none.
func (n *naive) each(order allocation.OrderID, skus []allocation.SKU, now time.Time, as change) (want outcome) {
	after := n.clone()
	for _, sku := range skus {
		live, _ := after.linesOf(order, sku, now)
		if live == nil {
			want.because(errGone)
		}
		for _, key := range live {
			after.put(as(after.lines[key], &want))
		}
	}
	if want.ok() {
		*n = *after
	}
	return want
}

// one runs a command on a single line.
func (n *naive) one(key allocation.LineKey, now time.Time, as change) (want outcome) {
	after := n.clone()
	if l, there := after.live(key, now); there {
		after.put(as(l, &want))
	} else {
		want.because(errGone)
	}
	if want.ok() {
		*n = *after
	}
	return want
}

func (m *machine) extend(t *rapid.T) {
	until := m.now().Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "hours")) * time.Hour)
	m.each(t, func(
		s *allocation.Service, ctx context.Context, order allocation.OrderID, skus ...allocation.SKU,
	) ([]allocation.Allocation, error) {
		return s.Extend(ctx, order, until, skus...)
	}, extended(until, m.now()))
}

func (m *machine) shipPart(t *rapid.T) {
	line := allocation.OrderLine{OrderID: m.order(t), SKU: m.sku(t), Line: m.line(t), Quantity: m.some(t, 1, 10)}
	m.inTime(t, line.OrderID)
	before := m.naive.clone()
	ship := func(l allocation.Allocation, want *outcome) allocation.Allocation {
		if line.Quantity <= l.Shipped() {
			return l // a repeat, however late
		}
		return m.naive.shipped(line.Quantity)(l, want)
	}
	want := m.naive.one(line.Key(), m.now(), ship)
	m.naive.settle(before, m.now())
	m.run(t, want, func(s *allocation.Service) (any, error) {
		a, err := s.ShipPart(t.Context(), line)
		return a.OrderLine, err
	})
}
