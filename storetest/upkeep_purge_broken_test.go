package storetest

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// purging returns an outbox with a fault in the argument of Purge.
func purging(change func(s *leaky, before *time.Time)) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.purge = func(ctx context.Context, before time.Time) (int64, error) {
			change(s, &before)
			return s.Store.Purge(ctx, before)
		}
	})
}

// left has the remaining events of a product, and the sequence of the last purged event.
func (s *leaky) left(sku allocation.SKU) (events []allocation.Event, purged int64) {
	events, _ = s.Store.Events(context.Background(), sku, 0, math.MaxInt32)
	return events, whole(s.Store, sku).Version - int64(len(events))
}

// afterPurge returns an outbox with a fault after the first purge that deletes events.
func afterPurge(spoil func(s *leaky)) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.purge = func(ctx context.Context, before time.Time) (int64, error) {
			n, err := s.Store.Purge(ctx, before)
			if n > 0 {
				spoil(s)
			}
			return n, err
		}
	})
}

var brokenPurges = []broken{
	{fault: "Purge deletes events of exactly the given time",
		row: "Purge deletes and counts the sent events that happened before the given time",
		new: purging(func(_ *leaky, before *time.Time) { *before = before.Add(time.Microsecond) })},
	{fault: "local times are taken for UTC",
		row: "Purge deletes and counts the sent events that happened before the given time",
		new: purging(func(_ *leaky, before *time.Time) {
			_, seconds := before.Zone()
			*before = before.Add(time.Duration(seconds) * time.Second)
		})},
	{fault: "Purge returns 0", row: "Purge deletes and counts the sent events that happened before the given time",
		new: leaking(func(s *leaky) {
			s.purge = func(ctx context.Context, before time.Time) (int64, error) {
				_, err := s.Store.Purge(ctx, before)
				return 0, err
			}
		})},
	{fault: "Purge deletes unsent events", row: "Purge keeps unsent events, however old",
		new: purging(func(s *leaky, before *time.Time) {
			for sku, heads := range s.heads {
				if before.After(minute(10)) {
					_ = s.Store.Settle(context.Background(), sent("nobody", sku, heads[len(heads)-1]))
				}
			}
		})},
	{fault: "Purge deletes dead events", row: "Purge keeps unsent events, however old",
		new: purging(func(s *leaky, _ *time.Time) {
			failures, _ := s.Store.Failures(context.Background(), "", plenty)
			for _, f := range failures {
				if f.Dead {
					_ = s.Store.Skip(context.Background(), f.SKU, f.Sequence)
				}
			}
		})},
	{fault: "Purge deletes events behind an event that stays",
		row: "an event that stays keeps all later events of its product", new: gappyPurge},
	{fault: "Purge renumbers the ledger from 1",
		row: "after a purge the remaining events keep their numbers, and numbers of new events go on",
		new: leaking(func(s *leaky) {
			s.events = func(
				ctx context.Context, sku allocation.SKU, after int64, limit int,
			) ([]allocation.Event, error) {
				_, purged := s.left(sku)
				return s.Store.Events(ctx, sku, after+purged, limit)
			}
		})},
	{fault: "Purge renumbers the outbox from 1",
		row: "after a purge the remaining events keep their numbers, and numbers of new events go on",
		new: delivering(func(s *leaky, d *outbox.Delivery) {
			_, purged := s.left(d.SKU)
			for i := range d.Events {
				d.Events[i].Sequence -= purged
			}
		})},
	{fault: "Purge loses the sums of deleted events", row: "Audit agrees after a purge as before",
		new: leaking(func(s *leaky) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				events, _ := s.left(sku)
				for i := range a.Tallies {
					t := &a.Tallies[i]
					t.RecordedPurchased, t.RecordedAllocated = 0, 0
					for _, e := range events {
						if ref, purchased, allocated := e.Movement(); ref == t.Batch {
							t.RecordedPurchased += purchased
							t.RecordedAllocated += allocated
						}
					}
				}
				return a, err
			}
		})},
	{fault: "Purge loses the number of the last event", row: "Audit agrees after a purge as before",
		new: leaking(func(s *leaky) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				if events, _ := s.left(sku); len(events) == 0 {
					a.LastEvent = 0
				}
				return a, err
			}
		})},
	{fault: "Purge loses a batch known only by deleted events", row: "Audit agrees after a purge as before",
		new: leaking(func(s *leaky) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				events, _ := s.left(sku)
				a.Tallies = slices.DeleteFunc(a.Tallies, func(t allocation.Tally) bool {
					recorded := func(e allocation.Event) bool { ref, _, _ := e.Movement(); return ref == t.Batch }
					return !hasBatch(whole(s.Store, sku), t.Batch) && !slices.ContainsFunc(events, recorded)
				})
				return a, err
			}
		})},
	{fault: "Purge increases versions", row: "a purge changes no product",
		new: afterPurge(func(s *leaky) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				for i := range states {
					states[i].Version++
				}
				return states, err
			}
		})},
	{fault: "Purge deletes shipped lines", row: "a purge changes no product",
		new: afterPurge(func(s *leaky) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				for i := range states {
					dropLines(&states[i], func(l allocation.Allocation) bool { return l.Shipped() == l.Quantity })
				}
				return states, err
			}
		})},
	{fault: "Purge returns a wrong count for a long history",
		row: "a purge reaches every product, and every event of a long history",
		new: leaking(func(s *leaky) {
			s.purge = func(ctx context.Context, before time.Time) (int64, error) {
				n, err := s.Store.Purge(ctx, before)
				return n % plenty, err
			}
		})},
	{fault: "Purge of many products has too many arguments",
		row: "a purge reaches every product, and every event of a long history",
		new: leaking(func(s *leaky) {
			s.purge = func(ctx context.Context, before time.Time) (int64, error) {
				if len(s.heads) > 32 {
					return 0, errBroken
				}
				return s.Store.Purge(ctx, before)
			}
		})},
}

// gappyPurge deletes old sent events, even behind events that stay.
var gappyPurge = leaking(func(s *leaky) {
	var horizon time.Time
	settled := map[allocation.SKU]int64{}
	s.settle = func(ctx context.Context, t outbox.Settlement) error {
		settled[t.SKU] = max(settled[t.SKU], t.Sent)
		return s.Store.Settle(ctx, t)
	}
	s.purge = func(ctx context.Context, before time.Time) (int64, error) {
		horizon = before
		return s.Store.Purge(ctx, before)
	}
	s.events = func(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
		events, err := s.Store.Events(ctx, sku, after, limit)
		_, purged := s.left(sku)
		number := max(after, purged)
		return slices.DeleteFunc(events, func(e allocation.Event) bool {
			number++
			return number <= settled[sku] && e.Time().Before(horizon)
		}), err
	}
})
