package torture

import (
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
	if t.step.command.Verb == sweep {
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
	if s.command.Verb == handOver {
		b.wholeHandOver(s, traces)
	}
	if s.command.Verb != allocate || !slices.ContainsFunc(traces, func(t *trace) bool { return len(t.commits) > 0 }) {
		return
	}
	intact := true
	for key := range s.command.wanted() {
		line := b.lines[key]
		done := func(l lineState) bool { return s.command.done(key, l) }
		if !line.could(s.number, done) {
			b.report.fault(torn, "%s is not there with all of its lines", s)
			return
		}
		states := line.during(s.number)
		intact = intact && done(states[len(states)-1].lineState)
	}
	if intact && s.last().outcome == refused {
		b.report.Belated++
	}
}

// wholeHandOver checks that an order of which any line was handed over was handed over whole.
func (b *books) wholeHandOver(s *step, traces []*trace) {
	if !slices.ContainsFunc(traces, func(t *trace) bool { return len(t.commits) > 0 }) {
		return
	}
	for _, key := range b.keys[s.command.Order] {
		named := len(s.command.SKUs) == 0 || slices.Contains(s.command.SKUs, key.SKU)
		gone := func(l lineState) bool { return len(l.parts) == 0 }
		if line := b.lines[key]; named && !line.could(s.number, gone) {
			b.report.fault(torn, "%s left %+v behind", s, key)
		}
	}
}

// acknowledged checks the answer of a command that is done.
func (b *books) acknowledged(s *step, traces []*trace) {
	switch s.command.Verb {
	case sweep:
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
	case slip:
		b.slipped(s, traces)
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

// slipped checks that a batch got the ETA, and the lines that a caller was told to be late.
func (b *books) slipped(s *step, traces []*trace) {
	if a := b.batches[s.command.Batch.Ref]; a == nil || !slices.ContainsFunc(a.etas, s.command.Batch.ETA.Equal) {
		b.report.fault(lost, "%s is not there", s)
	}
	told := slices.SortedFunc(slices.Values(s.last().answer.Late), compareOrderLines)
	late := slices.SortedFunc(slices.Values(traces[len(traces)-1].late), compareOrderLines)
	if !slices.Equal(told, late) {
		b.report.fault(wrong, "%s answered that %v are late, it made %v late", s, told, late)
	}
}

func compareOrderLines(a, b allocation.OrderLine) int { return compareLines(a.Key(), b.Key()) }

// answered checks each line of an order that a command was about: it was once as the caller was answered.
func (b *books) answered(s *step) {
	cmd := s.command
	answers := map[allocation.LineKey]allocation.Allocation{}
	missing := map[allocation.SKU]bool{}
	for _, sku := range cmd.SKUs {
		missing[sku] = cmd.Verb != cancel && cmd.Verb != handOver
	}
	for _, a := range s.last().answer.Lines {
		answers[a.Key()] = a
		missing[a.SKU] = false
	}
	for _, key := range b.subjects(cmd) {
		a, told := answers[key]
		delete(answers, key)
		be := func(l lineState) bool { return l.is(a) && cmd.done(key, l) }
		if !told && len(cmd.Lines) == 0 { // a line without units may have been given some at the end of the command
			be = func(l lineState) bool {
				return l.quantity() == l.given || cmd.Verb == handOver && l.from != cmd.Order
			}
		}
		if line := b.lines[key]; !line.could(s.number, be) {
			b.report.fault(lost, "%s was answered %+v for %+v; it was %+v", s, a, key, line.during(s.number))
		}
	}
	for key := range answers {
		b.report.fault(wrong, "%s was answered for %+v", s, key)
	}
	for sku, none := range missing {
		if none {
			b.report.fault(lost, "%s was answered without a line of %q", s, sku)
		}
	}
}

// subjects are the lines that a command is about.
func (b *books) subjects(c command) (keys []allocation.LineKey) {
	if len(c.Lines) > 0 {
		for key := range c.wanted() {
			keys = append(keys, key)
		}
		return keys
	}
	order := c.Order
	if c.Verb == handOver {
		order = c.To
	}
	for _, key := range b.keys[order] {
		if len(c.SKUs) == 0 || slices.Contains(c.SKUs, key.SKU) {
			keys = append(keys, key)
		}
	}
	return keys
}
