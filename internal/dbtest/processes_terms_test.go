package dbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/memory"
)

// termsCallers is how many callers ask for one product, each on terms of its own.
const termsCallers = 64

// boundTo is the request of a caller in a round; the caller's number decides on the terms.
func boundTo(caller, round int) allocation.Request {
	order := allocation.OrderID(fmt.Sprintf("%d-%d", caller, round))
	r := firm(order, "lamp", allocation.Quantity(1+(caller+round)%4))
	r.NeededBy = onDay([]int{0, 1, 2, 4}[caller%4])
	r.FreshUntil = onDay([]int{0, 1, 5}[caller/4%3])
	r.Location = []allocation.Location{"", "hull", "york"}[caller/12%3]
	r.Split, r.Priority = caller%2 == 0, caller%3-1
	return r
}

// onDay is a day after the start; no time for 0.
func onDay(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return start.AddDate(0, 0, n)
}

// datedBatches are the batches that the callers ask for.
func datedBatches() []allocation.Batch {
	return []allocation.Batch{
		{Ref: "here", SKU: "lamp", Purchased: 40, Location: "hull"},
		{Ref: "fresh", SKU: "lamp", Purchased: 40, Location: "york", BestBefore: onDay(2)},
		{Ref: "first", SKU: "lamp", Purchased: 50, Location: "hull", ETA: onDay(1)},
		{Ref: "second", SKU: "lamp", Purchased: 50, ETA: onDay(2)},
		{Ref: "third", SKU: "lamp", Purchased: 50, Location: "york", ETA: onDay(3), BestBefore: onDay(6)},
	}
}

// bindToTerms lets the process's share of the callers work, and cuts and slips beside them.
func bindToTerms(ctx context.Context, w *worker) (any, error) {
	if err := w.meet(ctx, "terms"); err != nil {
		return nil, err
	}
	share := termsCallers / w.Of
	errs := make([]error, share+1)
	var all sync.WaitGroup
	for i := range share {
		all.Go(func() { errs[i] = askOnTerms(ctx, w.service, w.Number*share+i) })
	}
	all.Go(func() { errs[share] = cutAndSlip(ctx, w) })
	all.Wait()
	return true, errors.Join(errs...)
}

// askOnTerms allocates, and then grows or cancels.
func askOnTerms(ctx context.Context, s *allocation.Service, caller int) error {
	const rounds = 3
	for round := range rounds {
		r := boundTo(caller, round)
		_, err := s.Allocate(ctx, r)
		if err == nil {
			switch r.Quantity += 2; (caller + round) % 3 {
			case 0:
				_, err = s.Cancel(ctx, r.OrderID)
			case 1:
				_, err = s.ChangeLine(ctx, r.OrderLine)
			}
		}
		lost := errors.Is(err, allocation.ErrNotFound) // in a cut
		if err != nil && !lost && !errors.As(err, new(*allocation.OutOfStockError)) {
			return fmt.Errorf("caller %d, round %d: %w", caller, round, err)
		}
	}
	return nil
}

// cutAndSlip counts batches, and lets shipments come sooner or later.
func cutAndSlip(ctx context.Context, w *worker) error {
	const steps = 24
	batches := datedBatches()
	for step := range steps {
		b := batches[(step+w.Number)%len(batches)]
		var err error
		if step%2 == 0 {
			count := allocation.Count{Batch: b.Ref, Quantity: allocation.Quantity(5 + step*7%40), At: w.clock.Now()}
			_, err = w.service.ChangeBatchQuantity(ctx, count)
		} else if !b.ETA.IsZero() {
			_, err = w.service.ChangeBatchETA(ctx, b.Ref, onDay(1+(step+w.Number)%4))
		}
		if err != nil && !errors.Is(err, allocation.ErrNotAllowed) { // the other process's clock was ahead
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	return nil
}

func TestA7_NoLineEndsOutsideItsTerms(t *testing.T) {
	ahead := func(j *task) { j.Ahead = time.Second }
	t.Run("memory", func(t *testing.T) {
		showTermsKept(t, memory.New(), func(store stage) {
			var working sync.WaitGroup
			var errs [2]error
			meeting := t.TempDir()
			for n := range errs {
				w := &worker{task: task{Number: n, Of: len(errs), Meeting: meeting}}
				ahead(&w.task)
				require.NoError(t, w.serve(store))
				working.Go(func() { _, errs[n] = bindToTerms(t.Context(), w) })
			}
			working.Wait()
			require.NoError(t, errors.Join(errs[:]...))
		})
	})
	each(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		showTermsKept(t, e.migrated(t, p.open(t)), func(stage) { together[bool](t, p, "bind to terms", 2, ahead) })
	})
}

// showTermsKept lets the callers work, and replays the events.
func showTermsKept(t *testing.T, store stage, work func(store stage)) {
	t.Helper()
	service, _ := serviceOn(t, store)
	for _, b := range datedBatches() {
		require.NoError(t, service.AddBatch(t.Context(), b))
	}
	work(store)
	events, _, err := harness.Events(t.Context(), store, "lamp")
	require.NoError(t, err)
	l := &ledger{
		batches: map[allocation.BatchRef]allocation.Batch{}, lines: map[allocation.LineKey]allocation.Allocation{},
	}
	for i, event := range events {
		l.enter(t, event)
		if i+1 == len(events) || !events[i+1].Time().Equal(event.Time()) {
			l.committed(t, event.Time())
		}
	}
	assert.Positive(t, l.slips, "shipments that slipped")
	assert.NotEmpty(t, l.lines, "lines")
	requireClean(t, service, "lamp")
}

// ledger replays the events of A7.
type ledger struct {
	batches map[allocation.BatchRef]allocation.Batch
	lines   map[allocation.LineKey]allocation.Allocation
	slips   int
}

// enter replays an event. No unit is sold twice, and none is given outside a line's terms.
func (l *ledger) enter(t *testing.T, event allocation.Event) {
	t.Helper()
	ref, purchased, allocated := event.Movement()
	switch e := event.(type) {
	case allocation.BatchAdded:
		l.batches[e.Batch] = allocation.Batch{Ref: e.Batch, ETA: e.ETA, Location: e.Location, BestBefore: e.BestBefore}
	case allocation.BatchETAChanged:
		b := l.batches[e.Batch]
		b.ETA = e.To
		l.batches[e.Batch] = b
		l.slips++
	case allocation.LineAllocated:
		l.move(e.OrderID, e.Batch, e.Quantity)
		line := l.lines[allocation.LineKey{OrderID: e.OrderID, SKU: "lamp"}]
		require.True(t, fits(l.batches[ref], line, e.At), "%+v got units of %+v at %v", line, l.batches[ref], e.At)
	case allocation.LineDeallocated:
		l.move(e.OrderID, e.Batch, -e.Quantity)
	case allocation.LineReleased:
		l.move(e.OrderID, e.Batch, -e.Quantity)
	case allocation.LineLate:
		key := allocation.LineKey{OrderID: e.OrderID, SKU: "lamp"}
		line := l.lines[key]
		assert.NotEqual(t, line.Late, e.Late, "order %q was told late twice", e.OrderID)
		line.Late = e.Late
		l.lines[key] = line
	}
	if b := l.batches[ref]; ref != "" {
		b.Purchased, b.Allocated = b.Purchased+purchased, b.Allocated+allocated
		assert.True(t, 0 <= b.Allocated && b.Allocated <= b.Purchased, "after %+v: %+v", event, b)
		l.batches[ref] = b
	}
}

// move gives units of a batch to a line, or takes units away.
func (l *ledger) move(order allocation.OrderID, ref allocation.BatchRef, units allocation.Quantity) {
	key := allocation.LineKey{OrderID: order, SKU: "lamp"}
	line, there := l.lines[key]
	if !there {
		var caller, round int
		_, _ = fmt.Sscanf(string(order), "%d-%d", &caller, &round)
		r := boundTo(caller, round)
		line = allocation.Allocation{
			OrderLine: r.OrderLine, Split: r.Split,
			NeededBy: r.NeededBy, FreshUntil: r.FreshUntil, Location: r.Location,
		}
	}
	parts := map[allocation.BatchRef]allocation.Quantity{ref: units}
	for _, part := range line.Parts {
		parts[part.Batch] += part.Quantity
	}
	line.Parts = nil
	for ref, units := range parts {
		if units != 0 {
			line.Parts = append(line.Parts, allocation.Part{Batch: ref, Quantity: units})
		}
	}
	l.lines[key] = line
}

// committed checks all lines after a commit. A line may be outside its terms only after a slip, and is late then.
func (l *ledger) committed(t *testing.T, at time.Time) {
	t.Helper()
	for _, line := range l.lines {
		for _, part := range line.Parts {
			b, punctual := l.batches[part.Batch], line
			if line.Late {
				b.ETA, punctual.NeededBy = time.Time{}, time.Time{}
			}
			require.True(t, fits(b, punctual, at), "%+v has units of %+v after %v", line, l.batches[part.Batch], at)
			assert.Positive(t, part.Quantity, "units of %+v", line)
		}
		assert.True(t, line.Split || len(line.Parts) <= 1, "a whole line of several batches: %+v", line)
	}
}
