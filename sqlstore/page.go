package sqlstore

import (
	"cmp"
	"math"
	"slices"

	"github.com/cosmic-go/allocation"
)

// state cuts a product down to what the query asks for. The statement has fetched one lapsed hold, and one
// line of the batch, beyond the page; they show whether there is more, and go, unless they were asked
// for by their order as well. Lapsed holds stand first.
func (l *loading) state(p *product) allocation.State {
	var lapsed, newest, named []*line
	for _, li := range p.lines {
		if li.Lapsed(l.Now) {
			lapsed = append(lapsed, li)
		}
		if li.isOpenOn(l.Batch) {
			newest = append(newest, li)
		}
		if l.named[li.OrderID] {
			named = append(named, li)
		}
	}
	slices.SortFunc(lapsed, func(a, b *line) int {
		return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), cmp.Compare(a.OrderID, b.OrderID))
	})
	slices.SortFunc(newest, func(a, b *line) int { return cmp.Compare(b.Sequence, a.Sequence) })
	slices.SortFunc(named, func(a, b *line) int { return cmp.Compare(a.OrderID, b.OrderID) })

	p.MoreLapsed = len(lapsed) > l.Limit
	if len(newest) > l.Limit {
		p.LinesFrom = oldest(newest[:l.Limit])
	}
	p.keep(lapsed[:min(len(lapsed), l.Limit)])
	p.keep(newest[:min(len(newest), l.Limit)])
	p.keep(named)
	p.dropBatches(l.Batch)
	return p.State
}

// oldest is the LinesFrom of a page, newest line first.
func oldest(page []*line) int64 {
	if len(page) == 0 {
		return math.MaxInt64
	}
	return page[len(page)-1].Sequence
}

// keep puts lines into the state, each once.
func (p *product) keep(lines []*line) {
	for _, li := range lines {
		if !li.kept {
			li.kept = true
			p.Lines = append(p.Lines, li.Allocation)
		}
	}
}

// dropBatches drops used-up batches that were fetched for a line which was not kept.
func (p *product) dropBatches(named allocation.BatchRef) {
	needed := map[allocation.BatchRef]bool{named: true}
	for _, a := range p.Lines {
		for _, part := range a.Parts {
			needed[part.Batch] = true
		}
	}
	p.Batches = slices.DeleteFunc(p.Batches, func(b allocation.Batch) bool { return b.Available() <= 0 && !needed[b.Ref] })
}

// isOpenOn reports whether the line has unshipped units of a batch.
func (l *line) isOpenOn(ref allocation.BatchRef) bool {
	return slices.ContainsFunc(l.Parts, func(part allocation.Part) bool {
		return part.Batch == ref && part.Quantity > part.Shipped
	})
}
