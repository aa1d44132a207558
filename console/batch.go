package console

import (
	"cmp"
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// batchPage is a batch with a page of its lines.
type batchPage struct {
	allocation.Batch
	Note      string
	Bad       bool
	LotOrSelf allocation.BatchRef
	Missing   string
	Lines     []views.BatchLine
	Next      string
	First     bool
}

// readBatch sends two statements: the first finds the batch, the second reads a page of the lines. An unknown batch
// is [allocation.ErrNotFound].
func (c *console) readBatch(ctx context.Context, q query) (any, error) {
	ref := allocation.BatchRef(q.values.Get("ref"))
	if err := ref.Validate(); err != nil {
		return nil, err
	}
	after, err := q.key()
	if err != nil {
		return nil, err
	}
	states, err := c.store.Load(ctx, allocation.Query{Batch: ref, Limit: 1, Now: q.at})
	if err != nil {
		return nil, err
	}
	p := batchPage{First: after == (views.Key{})}
	named := func(b allocation.Batch) bool { return b.Ref == ref }
	for _, s := range states {
		if at := slices.IndexFunc(s.Batches, named); at >= 0 {
			p.Batch = s.Batches[at]
		}
	}
	if p.Ref == "" {
		return nil, unknown("batch", ref)
	}
	p.Note, p.Bad = noteOn(p.Batch, q.at)
	p.LotOrSelf = cmp.Or(p.Lot, p.Ref)
	if c.lines == nil {
		p.Missing = "views.LineReader"
		return p, nil
	}
	p.Lines, err = c.lines.BatchLines(ctx, ref, after.Rank, c.PageSize+1)
	if len(p.Lines) > c.PageSize {
		p.Lines = p.Lines[:c.PageSize]
		p.Next = text(views.Key{Rank: p.Lines[c.PageSize-1].Rank()})
	}
	return p, err
}
