package console

import (
	"context"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// outboxFigures are the unsent events.
type outboxFigures struct {
	Missing string
	outbox.Backlog
	Failed int  // products with a failed event, on the first page of failures
	Dead   int  // of Failed, products with a dead event
	More   bool // there are further failures
}

// readBacklog counts dead letters on the first page of failures only: even after an hour without a broker the figures
// cost a page.
func (c *console) readBacklog(ctx context.Context) (outboxFigures, error) {
	if c.outbox == nil {
		return outboxFigures{Missing: "outbox.Maintainer"}, nil
	}
	backlog, err := c.outbox.Backlog(ctx)
	if isUnsupported(err) {
		return outboxFigures{Missing: "outbox.Maintainer"}, nil
	}
	if err != nil {
		return outboxFigures{}, err
	}
	failures, err := c.outbox.Failures(ctx, "", c.PageSize+1)
	f := outboxFigures{Backlog: backlog, Failed: min(len(failures), c.PageSize), More: len(failures) > c.PageSize}
	for _, failure := range failures[:f.Failed] {
		if failure.Dead {
			f.Dead++
		}
	}
	return f, err
}

// outboxPage is a page of the failed events.
type outboxPage struct {
	Figures  outboxFigures
	Failures []outbox.Failure
	Next     allocation.SKU // the page behind; "" for none
	First    bool
}

// readOutbox reads the figures, and a page of the products with a failed event.
func (c *console) readOutbox(ctx context.Context, q query) (any, error) {
	after := allocation.SKU(q.values.Get("after"))
	p := outboxPage{First: after == ""}
	var err error
	if p.Figures, err = c.readBacklog(ctx); err != nil || p.Figures.Missing != "" {
		return p, err
	}
	p.Failures, err = c.outbox.Failures(ctx, after, c.PageSize+1)
	if len(p.Failures) > c.PageSize {
		p.Failures = p.Failures[:c.PageSize]
		p.Next = p.Failures[c.PageSize-1].SKU
	}
	return p, err
}
