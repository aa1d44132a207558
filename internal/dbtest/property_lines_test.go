package dbtest

import (
	"time"

	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
)

// line draws a LineID, "" for most lines.
func (m *machine) line(t *rapid.T) allocation.LineID {
	return rapid.SampledFrom([]allocation.LineID{"", "", "a", "b"}).Draw(t, "line")
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
