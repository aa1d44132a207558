package console

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// queueSection is a page of the queue of a product, in the order of serving.
type queueSection struct {
	Lines []allocation.Allocation
	Next  string // the key of the page behind; "" for none
}

// firstInLine is before every place in a queue, see [allocation.State].
var firstInLine = allocation.Rank{Priority: math.MaxInt16, Sequence: 1}

// queuePage is all of a product's queue, page by page.
type queuePage struct {
	SKU   allocation.SKU
	Queue queueSection
	First bool
}

// readQueue needs no ability: every store pages the queue.
func (c *console) readQueue(ctx context.Context, q query) (any, error) {
	sku, err := q.sku()
	if err != nil {
		return nil, err
	}
	from, err := q.key()
	if err != nil {
		return nil, err
	}
	first := from == (views.Key{})
	if first {
		from.Rank = firstInLine
	}
	state, err := c.loadQueue(ctx, sku, from.Rank, c.PageSize, q.at)
	if err != nil {
		return nil, err
	}
	return queuePage{SKU: sku, Queue: queueOf(state, c.PageSize), First: first}, nil
}

// loadQueue reads a product with a page of the queue, and with all batches for sale, as every load does. An unknown SKU
// is [allocation.ErrNotFound].
func (c *console) loadQueue(
	ctx context.Context, sku allocation.SKU, from allocation.Rank, limit int, now time.Time,
) (allocation.State, error) {
	states, err := c.store.Load(ctx, allocation.Query{
		SKUs: []allocation.SKU{sku}, Waiting: true, From: from, Limit: limit, Now: now,
	})
	switch {
	case err != nil:
		return allocation.State{}, err
	case len(states) == 0:
		return allocation.State{}, unknown("sku", sku)
	}
	return states[0], nil
}

// queueOf sorts the queue, since a store may return the lines in any order: the highest priority first, then the
// lowest sequence. A state may have further lines, of orders with lapsed holds.
func queueOf(state allocation.State, limit int) queueSection {
	lines := slices.Clone(state.Waiting)
	slices.SortFunc(lines, func(a, b allocation.Allocation) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Sequence, b.Sequence))
	})
	s := queueSection{Lines: lines[:min(len(lines), limit)]}
	if state.MoreWaiting {
		last := state.WaitingTo
		s.Next = text(views.Key{Rank: allocation.Rank{Priority: last.Priority, Sequence: last.Sequence + 1}})
	}
	return s
}
