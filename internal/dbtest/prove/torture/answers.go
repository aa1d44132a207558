package torture

import (
	"cmp"
	"slices"

	"github.com/cosmic-go/allocation"
)

// compare holds what the callers were told against the books.
func (b *books) compare() {
	for _, traces := range b.byCaller {
		for i := 0; i < len(traces); {
			s, n := traces[i].step, len(traces[i].step.attempts)
			for _, t := range traces[i : i+n] {
				b.attempt(t)
			}
			b.whole(s, traces[i:i+n])
			if s.last().outcome == acknowledged {
				b.acknowledged(s, traces[i:i+n])
			}
			i += n
		}
	}
}

// attempt checks that an attempt has left in the ledger what its outcome allows, and that its caller was told of no
// other events.
func (b *books) attempt(t *trace) {
	if t.attempt.told > t.events || t.attempt.outcome == acknowledged && t.attempt.told < t.events {
		b.report.fault(wrong, "%s was told of %d events, the ledger has %d", t.step, t.attempt.told, t.events)
	}
	if t.step.command.Verb == release {
		return // it commits each product by itself
	}
	switch t.attempt.outcome {
	case failed:
		if len(t.commits)+t.refusals > 0 {
			b.report.fault(leftover, "%s failed (%s) and committed", t.step, t.attempt.why)
		}
	case refused:
		if len(t.commits) > 0 {
			b.report.fault(leftover, "%s was refused (%s) and committed", t.step, t.attempt.why)
		}
	default:
		if t.attempt.outcome != acknowledged && len(t.commits) > 0 {
			b.report.CarriedOut++
		}
		if len(t.commits) > 1 {
			b.report.fault(doubled, "%s committed %d times", t.step, len(t.commits))
		}
	}
}

// whole checks that an order of which anything was committed is there with all of its lines, and notes one that came
// in late: after the repeat of a lost attempt was refused.
func (b *books) whole(s *step, traces []*trace) {
	if s.command.Verb != allocate || !slices.ContainsFunc(traces, func(t *trace) bool { return len(t.commits) > 0 }) {
		return
	}
	intact := true
	for sku := range s.command.wanted() {
		line := b.lines[allocation.LineKey{OrderID: s.command.Order, SKU: sku}]
		done := func(l lineState) bool { return s.command.done(sku, l) }
		if !line.could(s.number, done) {
			b.report.fault(torn, "%s is not there with all of its lines", s)
			return
		}
		states := line.during(s.number)
		intact = intact && done(states[len(states)-1].lineState)
	}
	if intact && s.last().outcome == refused {
		b.report.Late++
	}
}

// acknowledged checks the answer of a command that is done.
func (b *books) acknowledged(s *step, traces []*trace) {
	switch s.command.Verb {
	case release:
	case reconcile:
		if found := s.last().answer.Audit; found.Drifted() {
			b.report.fault(drift, "%s found %+v", s, found)
		}
	case addBatch:
		if a := b.batches[s.command.Batch.Ref]; a == nil || a.announced != s.command.Batch.Purchased {
			b.report.fault(lost, "%s is not there", s)
		}
	case split:
		a := b.batches[s.command.Batch.Ref]
		if a == nil || a.announced != s.command.Batch.Purchased || a.from != s.command.From {
			b.report.fault(lost, "%s is not there", s)
		}
		b.released(s, traces)
	case block:
		b.released(s, traces)
	case unblock:
	case receive, count:
		b.counted(s, traces)
	default:
		b.answered(s)
	}
}

// counted checks a count: it was taken, or a later one of the same batch was.
func (b *books) counted(s *step, traces []*trace) {
	taken := slices.ContainsFunc(traces, func(t *trace) bool { return t.counted })
	if a := b.batches[s.command.Count.Batch]; !taken && a != nil {
		for _, at := range a.counts {
			taken = taken || at.After(s.command.Count.At)
		}
	}
	if !taken {
		b.report.fault(lost, "%s is not there", s)
	}
	b.released(s, traces)
}

// released checks the lines that a caller was told to have lost units.
func (b *books) released(s *step, traces []*trace) {
	told := slices.SortedFunc(slices.Values(s.last().answer.Released), compareOrderLines)
	if !slices.Equal(told, slices.SortedFunc(slices.Values(traces[len(traces)-1].released), compareOrderLines)) {
		b.report.fault(wrong, "%s answered that it released %v, it released %v",
			s, told, traces[len(traces)-1].released)
	}
}

func compareOrderLines(a, b allocation.OrderLine) int { return cmp.Compare(a.OrderID, b.OrderID) }

// answered checks each line of an order that a command was about: it was once as the caller was answered.
func (b *books) answered(s *step) {
	answers := map[allocation.SKU]allocation.Allocation{}
	for _, a := range s.last().answer.Lines {
		answers[a.SKU] = a
	}
	for _, sku := range b.subjects(s.command) {
		a, told := answers[sku]
		delete(answers, sku)
		named := len(s.command.SKUs)+len(s.command.Lines) > 0
		be := func(l lineState) bool { return l.is(a) && s.command.done(sku, l) }
		if !told && (!named || s.command.Verb == cancel) {
			be = func(l lineState) bool { return len(l.parts) == 0 }
		}
		line := b.lines[allocation.LineKey{OrderID: s.command.Order, SKU: sku}]
		if !line.could(s.number, be) {
			b.report.fault(lost, "%s was answered %+v for %q; it was %+v", s, a, sku, line.during(s.number))
		}
	}
	for sku := range answers {
		b.report.fault(wrong, "%s was answered for %q", s, sku)
	}
}

// subjects are the lines that a command is about.
func (b *books) subjects(c command) []allocation.SKU {
	switch {
	case len(c.Lines) > 0:
		var skus []allocation.SKU
		for sku := range c.wanted() {
			skus = append(skus, sku)
		}
		return skus
	case len(c.SKUs) > 0:
		return c.SKUs
	}
	return b.skus[c.Order]
}
