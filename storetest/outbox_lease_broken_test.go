package storetest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var brokenLeases = []broken{
	{fault: "there are no leases",
		row: "a claimed product isn't claimed again before the end of its lease, and is claimed afterwards",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.Until = c.Now })},
	{fault: "a lease never ends",
		row: "a claimed product isn't claimed again before the end of its lease, and is claimed afterwards",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.Until = c.Until.AddDate(100, 0, 0) })},
	{fault: "an owner can claim its leased products again",
		row: "a claimed product isn't claimed again before the end of its lease, and is claimed afterwards",
		new: claiming(func(s *leaky, c *outbox.Claim) {
			for sku, holder := range s.held {
				if holder.Owner == c.Owner {
					_ = s.Store.Settle(context.Background(), sent(c.Owner, sku, 0))
				}
			}
		})},
	{fault: "a lease ends just after Until", row: "a lease ends exactly at Until",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.Until = c.Until.Add(time.Nanosecond) })},
	{fault: "ends of leases are truncated to seconds", row: "a lease ends exactly at Until",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.Until = c.Until.Truncate(time.Second) })},
	{fault: "local times are taken for UTC", row: "a lease ends exactly at Until",
		new: claiming(func(_ *leaky, c *outbox.Claim) {
			_, seconds := c.Until.Zone()
			c.Until = c.Until.Add(time.Duration(seconds) * time.Second)
		})},
	{fault: "Claim leases more products than it returns", row: "only the claimed products are leased",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				most := max(c.Products, 0)
				c.Products *= plenty
				deliveries, err := s.Store.Claim(ctx, c)
				return deliveries[:min(most, len(deliveries))], err
			}
		})},
	{fault: "one lease covers all products", row: "only the claimed products are leased",
		new: leaking(func(s *leaky) {
			var until time.Time
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				if until.After(c.Now) {
					return nil, nil
				}
				deliveries, err := s.Store.Claim(ctx, c)
				if len(deliveries) > 0 {
					until = c.Until
				}
				return deliveries, err
			}
		})},
	{fault: "a leased product can't be committed",
		row: "a lease doesn't block changes of the product, and changes no version",
		new: leaking(func(s *leaky) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					if _, is := s.held[c.SKU]; is {
						return allocation.ErrConflict
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "a settlement increases the version",
		row: "a lease doesn't block changes of the product, and changes no version",
		new: leaking(func(s *leaky) {
			settled := map[allocation.SKU]int64{}
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				settled[t.SKU]++
				return s.Store.Settle(ctx, t)
			}
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				for i := range states {
					states[i].Version += settled[states[i].SKU]
				}
				return states, err
			}
		})},
	{fault: "a settlement marks all events as sent", row: "events committed during a lease come after the settlement",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if heads := s.heads[t.SKU]; t.Sent > 0 {
				t.Sent = heads[len(heads)-1]
			}
		})},
	{fault: "events committed during a lease are lost",
		row: "events committed during a lease come after the settlement",
		new: leaking(func(s *leaky) {
			missed := map[allocation.SKU]int64{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				for _, c := range changes {
					if _, is := s.held[c.SKU]; is && err == nil {
						missed[c.SKU] = c.Version
					}
				}
				return err
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				return slices.DeleteFunc(deliveries, func(d outbox.Delivery) bool {
					return d.Events[len(d.Events)-1].Sequence <= missed[d.SKU]
				}), err
			}
		})},
	{fault: "the check of a lease and the new lease are not atomic",
		row: "of concurrent claims of a product one succeeds",
		new: leaking(func(s *leaky) {
			s.racy = true
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				observer := c
				observer.Until = c.Now
				free, err := s.Store.Claim(ctx, observer)
				pause(s.faulty)
				if err == nil {
					_, err = s.Store.Claim(ctx, c)
				}
				return free, err
			}
		})},
	{fault: "the sent mark is a position in the order of all commits",
		row: "concurrent relays get every event once and in order, while commits go on",
		new: leaking(positioned)},
	{fault: "the store keeps the trace parents of the caller",
		row: "claims and settlements share no memory with the store",
		new: leaking(func(s *leaky) {
			stored := map[allocation.SKU][]string{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					stored[c.SKU] = c.TraceParents
				}
				return s.Store.Commit(ctx, changes)
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for _, d := range deliveries {
					for i := range min(len(d.Events), len(stored[d.SKU])) {
						d.Events[i].TraceParent = stored[d.SKU][i]
					}
				}
				return deliveries, err
			}
		})},
	{fault: "Claim returns the stored slices", row: "claims and settlements share no memory with the store",
		new: leaking(func(s *leaky) {
			stored := map[int64][]outbox.Record{}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i, d := range deliveries {
					key := int64(len(d.SKU))<<32 + int64(len(d.Events))<<16 + d.Events[0].Sequence
					if stored[key] == nil {
						stored[key] = d.Events
					}
					deliveries[i].Events = stored[key]
				}
				return deliveries, err
			}
		})},
	{fault: "the store keeps the failure of the caller", row: "claims and settlements share no memory with the store",
		new: leaking(func(s *leaky) {
			stored := map[allocation.SKU]*outbox.Failure{}
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				stored[t.SKU] = t.Failure
				return s.Store.Settle(ctx, t)
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i, d := range deliveries {
					if stored[d.SKU] != nil {
						deliveries[i].Tries = stored[d.SKU].Tries
					}
				}
				return deliveries, err
			}
		})},
	{fault: "Settle truncates the error of its argument", row: "claims and settlements share no memory with the store",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if t.Failure != nil {
					t.Failure.Error, _, _ = strings.Cut(t.Failure.Error, " ")
				}
				return s.Store.Settle(ctx, t)
			}
		})},
}

// positioned gives every commit a position at the beginning of the commit. Events of a commit are lost if the commit
// ends after a relay has seen a later position. Every second commit is slow.
func positioned(s *leaky) {
	s.racy = true
	type record struct {
		sku      allocation.SKU
		sequence int64
	}
	var begun atomic.Int64
	var seen int64
	positions := map[record]int64{}
	s.commit = func(ctx context.Context, changes []allocation.Changes) error {
		position := begun.Add(1)
		if position%2 > 0 {
			pause(s.faulty)
			<-time.After(time.Millisecond) // time for relays to see a later position
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.Store.Commit(ctx, changes)
		for _, c := range changes {
			for sequence := c.Read + 1; sequence <= c.Version && err == nil; sequence++ {
				positions[record{c.SKU, sequence}] = position
			}
			if position < seen && err == nil {
				_ = s.Store.Settle(ctx, sent("nobody", c.SKU, c.Version))
			}
		}
		return err
	}
	s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		deliveries, err := s.Store.Claim(ctx, c)
		for _, d := range deliveries {
			for _, r := range d.Events {
				seen = max(seen, positions[record{d.SKU, r.Sequence}])
			}
		}
		return deliveries, err
	}
}
