package storetest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

// telling makes a store that spoils the events of a product before they are cut into pages.
func telling(spoil func(events []allocation.Event) []allocation.Event) func() allocation.Store {
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
		new: telling(func(events []allocation.Event) []allocation.Event { slices.Reverse(events); return events })},
	{fault: "numbers of events are sorted as text", row: "events are kept in order, each once",
		new: telling(func(events []allocation.Event) []allocation.Event {
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
	{fault: "events are lost: the same one is kept once", row: "events are kept in order, each once",
		new: telling(func(events []allocation.Event) []allocation.Event {
			return slices.CompactFunc(events, func(x, y allocation.Event) bool { return x.Kind() == y.Kind() })
		})},
	{fault: "events are duplicated", row: "events are kept in order, each once",
		new: telling(func(events []allocation.Event) []allocation.Event { return append(events, events...) })},
	{fault: "events come back as pointers", row: "an event of every kind comes back unchanged",
		new: telling(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.HoldConfirmed); is {
					events[i] = &e
				}
			}
			return events
		})},
	{fault: "an event forgets until when a line is held", row: "an event of every kind comes back unchanged",
		new: telling(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LineAllocated); is {
					e.HeldUntil = time.Time{}
					events[i] = e
				}
			}
			return events
		})},
	{fault: "the limit of a page is ignored", row: "events come in pages, by number",
		new: with(func(s *faulty) {
			s.events = func(ctx context.Context, sku allocation.SKU, after int64, _ int) ([]allocation.Event, error) {
				return s.Store.Events(ctx, sku, after, plenty)
			}
		})},
	{fault: "a page begins with the last of the page before", row: "events come in pages, by number",
		new: with(func(s *faulty) {
			s.events = func(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
				return s.Store.Events(ctx, sku, max(after-1, 0), limit)
			}
		})},
	{fault: "numbers count over all products", row: "every product has its own events, and an unknown product has none",
		new: with(func(s *faulty) {
			s.events = func(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
				if sku == "pear" {
					after++
				}
				return s.Store.Events(ctx, sku, after, limit)
			}
		})},
	{fault: "events are written before the versions are checked", row: "a failed commit records no events", new: eagerEvents},
}

// eagerEvents keeps the events of commits that failed as well.
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

// auditing makes a store that spoils the tallies of its products.
func auditing(spoil func(t *allocation.Tally)) func() allocation.Store {
	return with(func(s *faulty) {
		s.audit = func(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
			version, tallies, err := s.Store.Audit(ctx, sku)
			for i := range tallies {
				spoil(&tallies[i])
			}
			return version, tallies, err
		}
	})
}

var brokenAudits = []broken{
	{fault: "shipped units count as promised", row: "counters, lines and events of a busy product agree",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
				version, tallies, err := s.Store.Audit(ctx, sku)
				for i := range tallies {
					for _, l := range whole(s.Store, sku).Lines {
						for _, part := range l.Parts {
							if part.Batch == tallies[i].Batch {
								tallies[i].Promised += part.Shipped
							}
						}
					}
				}
				return version, tallies, err
			}
		})},
	{fault: "the version of an audit is that of the event before", row: "counters, lines and events of a busy product agree",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
				version, tallies, err := s.Store.Audit(ctx, sku)
				return version - 1, tallies, err
			}
		})},
	{fault: "an audit takes the counters for the lines", row: "Audit reports drift between counters, lines and events",
		new: auditing(func(t *allocation.Tally) { t.Promised = t.Allocated })},
	{fault: "an audit takes the counters for the events", row: "Audit reports drift between counters, lines and events",
		new: auditing(func(t *allocation.Tally) { t.RecordedPurchased, t.RecordedAllocated = t.Purchased, t.Allocated })},
	{fault: "an audit looks at batches with counters only", row: "Audit includes used-up batches, and batches known only by an event",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
				version, tallies, err := s.Store.Audit(ctx, sku)
				state := whole(s.Store, sku)
				return version, slices.DeleteFunc(tallies, func(t allocation.Tally) bool { return !hasBatch(state, t.Batch) }), err
			}
		})},
	{fault: "an unknown SKU is all well", row: "Audit of an unknown SKU is an *allocation.Error that wraps ErrNotFound",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
				if _, known := s.Product(sku); !known {
					return 0, nil, nil
				}
				return s.Store.Audit(ctx, sku)
			}
		})},
}
