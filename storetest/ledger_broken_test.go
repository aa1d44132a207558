package storetest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// recording returns a store with a fault in the events of a product, before the cut into pages.
func recording(spoil func(events []allocation.Event) []allocation.Event) func() allocation.Store {
	return with(func(s *faulty) {
		s.events = func(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
			all, err := s.Store.Events(ctx, sku, 0, plenty)
			all = spoil(all)
			from := min(int(after), len(all))
			return all[from:min(from+limit, len(all))], err
		}
	})
}

var brokenEvents = []broken{
	{fault: "events come newest first", row: "events are kept in order, each once",
		new: recording(func(events []allocation.Event) []allocation.Event { slices.Reverse(events); return events })},
	{fault: "sequences are sorted as text", row: "events are kept in order, each once",
		new: recording(func(events []allocation.Event) []allocation.Event {
			numbers := make([]string, len(events))
			for i := range events {
				numbers[i] = strconv.Itoa(i + 1)
			}
			slices.Sort(numbers)
			sorted := make([]allocation.Event, len(events))
			for i, number := range numbers {
				n, _ := strconv.Atoi(number)
				sorted[i] = events[n-1]
			}
			return sorted
		})},
	{fault: "of successive events of one kind only the first is stored", row: "events are kept in order, each once",
		new: recording(func(events []allocation.Event) []allocation.Event {
			return slices.CompactFunc(events, func(x, y allocation.Event) bool { return x.Kind() == y.Kind() })
		})},
	{fault: "events are stored twice", row: "events are kept in order, each once",
		new: recording(func(events []allocation.Event) []allocation.Event { return append(events, events...) })},
	{fault: "events come back as pointers", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.HoldConfirmed); is {
					events[i] = &e
				}
			}
			return events
		})},
	{fault: "an event loses HeldUntil", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LineAllocated); is {
					e.HeldUntil = time.Time{}
					events[i] = e
				}
			}
			return events
		})},
	{fault: "an event loses Waited", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LineAllocated); is {
					e.Waited = false
					events[i] = e
				}
			}
			return events
		})},
	{fault: "the events of lines that wait are lost", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			return slices.DeleteFunc(events, func(e allocation.Event) bool { return e.Kind() == "LineWaiting" })
		})},
	{fault: "Events ignores the limit", row: "events come in pages, by number",
		new: with(func(s *faulty) {
			s.events = func(ctx context.Context, sku allocation.SKU, after int64, _ int) ([]allocation.Event, error) {
				return s.Store.Events(ctx, sku, after, plenty)
			}
		})},
	{fault: "a page begins with the last event of the page before", row: "events come in pages, by number",
		new: with(func(s *faulty) {
			s.events = func(
				ctx context.Context, sku allocation.SKU, after int64, limit int,
			) ([]allocation.Event, error) {
				return s.Store.Events(ctx, sku, max(after-1, 0), limit)
			}
		})},
	{fault: "events are numbered over all products",
		row: "every product has its own events, and an unknown product has none",
		new: with(func(s *faulty) {
			s.events = func(
				ctx context.Context, sku allocation.SKU, after int64, limit int,
			) ([]allocation.Event, error) {
				if sku == "pear" {
					after++
				}
				return s.Store.Events(ctx, sku, after, limit)
			}
		})},
	{fault: "events are written before the versions are checked",
		row: "a failed commit records no events", new: eagerEvents},
}

// eagerEvents stores the events of failed commits, too.
var eagerEvents = with(func(s *faulty) {
	var mu sync.Mutex
	recorded := map[allocation.SKU][]allocation.Event{}
	s.commit = func(ctx context.Context, changes []allocation.Changes) error {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			recorded[c.SKU] = append(recorded[c.SKU], c.Events...)
		}
		return s.Store.Commit(ctx, changes)
	}
	s.events = func(_ context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
		mu.Lock()
		defer mu.Unlock()
		all := recorded[sku]
		from := min(int(after), len(all))
		return slices.Clone(all[from:min(from+limit, len(all))]), nil
	}
})

// auditing returns a store with a fault in the tallies of Audit.
func auditing(spoil func(t *allocation.Tally)) func() allocation.Store {
	return with(func(s *faulty) {
		s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
			a, err := s.Store.Audit(ctx, sku)
			for i := range a.Tallies {
				spoil(&a.Tallies[i])
			}
			return a, err
		}
	})
}

var brokenAudits = []broken{
	{fault: "Promised includes shipped units", row: "counters, lines and events of a busy product agree",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				for i := range a.Tallies {
					for _, l := range whole(s.Store, sku).Lines {
						for _, part := range l.Parts {
							if part.Batch == a.Tallies[i].Batch {
								a.Tallies[i].Promised += part.Shipped
							}
						}
					}
				}
				return a, err
			}
		})},
	{fault: "Audit returns the version before the last event",
		row: "counters, lines and events of a busy product agree",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				a.Version--
				return a, err
			}
		})},
	{fault: "Audit takes the counters for the sums of the lines",
		row: "Audit reports drift between counters, lines and events",
		new: auditing(func(t *allocation.Tally) { t.Promised = t.Allocated })},
	{fault: "Audit takes the counters for the sums of the events",
		row: "Audit reports drift between counters, lines and events",
		new: auditing(func(t *allocation.Tally) {
			t.RecordedPurchased, t.RecordedAllocated = t.Purchased, t.Allocated
		})},
	{fault: "Audit returns only batches with counters",
		row: "Audit includes used-up batches, and batches known only by an event",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				state := whole(s.Store, sku)
				gone := func(t allocation.Tally) bool { return !hasBatch(state, t.Batch) }
				a.Tallies = slices.DeleteFunc(a.Tallies, gone)
				return a, err
			}
		})},
	{fault: "Audit takes the version for the last event",
		row: "a version may move beyond the events, and Audit tells both numbers",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				a.LastEvent = a.Version
				return a, err
			}
		})},
	{fault: "Commit numbers events from the version that was read",
		row: "a version may move beyond the events, and Audit tells both numbers",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.Events) > 0 {
				c.Version = c.Read + int64(len(c.Events))
			}
		})},
	{fault: "Commit writes no version without events",
		row: "a version may move beyond the events, and Audit tells both numbers",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.Events) == 0 {
				c.Version = c.Read
			}
		})},
	{fault: "Audit names no product", row: "counters, lines and events of a busy product agree",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				a.SKU = ""
				return a, err
			}
		})},
	{fault: "Audit of an unknown SKU returns no tallies",
		row: "Audit of an unknown SKU is an *allocation.Error that wraps ErrNotFound",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				if _, known := s.Product(sku); !known {
					return allocation.Audit{}, nil
				}
				return s.Store.Audit(ctx, sku)
			}
		})},
}
