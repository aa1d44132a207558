package console

import (
	"context"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// lotPage is a lot: a page of batches, and a page of the lines with units of the lot.
type lotPage struct {
	Lot     allocation.BatchRef
	Missing string
	Batches batchSection
	Lines   []views.LotLine
	Next    string // the key of the page of lines behind; "" for none
	First   bool
}

// readLots has nothing to read: the page asks for the name of a lot.
func (c *console) readLots(_ context.Context, _ query) (any, error) { return nil, nil }

// readLot reads a page of batches and a page of lines. A link to a further page of either list leads back to the first
// page of the other list.
func (c *console) readLot(ctx context.Context, q query) (any, error) {
	lot := allocation.BatchRef(q.values.Get("ref"))
	if err := lot.Validate(); err != nil {
		return nil, err
	}
	from, err := q.key()
	if err != nil {
		return nil, err
	}
	if c.lots == nil {
		return lotPage{Lot: lot, Missing: "views.LotReader"}, nil
	}
	p := lotPage{Lot: lot, First: from == (views.Key{})}
	after := allocation.BatchRef(q.values.Get("after"))
	batches, err := c.lots.LotBatches(ctx, q.at, lot, after, c.PageSize+1)
	if isUnsupported(err) {
		return lotPage{Lot: lot, Missing: "views.LotReader"}, nil
	}
	if err != nil {
		return nil, err
	}
	p.Batches = c.batchesOf(batches, after, q.at)
	p.Lines, err = c.lots.LotLines(ctx, lot, from, c.PageSize+1)
	if len(p.Lines) > c.PageSize {
		p.Lines = p.Lines[:c.PageSize]
		p.Next = text(p.Lines[c.PageSize-1].Key())
	}
	return p, err
}
