package console

import (
	"context"

	"github.com/cosmic-go/allocation/views"
)

// shortList is how many low products the overview shows.
const shortList = 10

// overviewPage is the state of the whole store.
type overviewPage struct {
	Outbox outboxFigures
	Due    dueCounts
	Low    productSection
}

// dueCounts says how much of each kind is due now.
type dueCounts struct {
	Missing string
	Rows    []dueCount
}

// dueCount is a figure with a link to the rows.
type dueCount struct {
	Kind views.DueKind
	Name string
	N    int
	More bool // there are more than N
}

// readOverview has no drift: a comparison of counters with the ledger reads the whole ledger, see
// [allocation.Service.Reconcile].
func (c *console) readOverview(ctx context.Context, q query) (any, error) {
	var p overviewPage
	var err error
	if p.Outbox, err = c.readBacklog(ctx); err != nil {
		return nil, err
	}
	if p.Due, err = c.countDue(ctx, q); err != nil {
		return nil, err
	}
	p.Low, err = c.listProducts(ctx, q, views.ProductFilter{Low: true}, "", shortList)
	return p, err
}

// countDue reads a page of each kind: a flood of lapsed holds hides no late line.
func (c *console) countDue(ctx context.Context, q query) (dueCounts, error) {
	var counts dueCounts
	for _, k := range dueKinds {
		rows, missing, err := c.listDue(ctx, q.at, views.Key{}, c.PageSize+1, k.Kind)
		if err != nil || missing != "" {
			return dueCounts{Missing: missing}, err
		}
		n := min(len(rows), c.PageSize)
		counts.Rows = append(counts.Rows, dueCount{Kind: k.Kind, Name: k.Now, N: n, More: n < len(rows)})
	}
	return counts, nil
}
