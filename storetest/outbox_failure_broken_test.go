package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// trying returns an outbox with a fault in the tries of deliveries; the fault sees the last failure.
func trying(spoil func(s *leaky, last *outbox.Failure, d *outbox.Delivery)) func() allocation.Store {
	return leaking(func(s *leaky) {
		last := map[allocation.SKU]*outbox.Failure{}
		s.settle = func(ctx context.Context, t outbox.Settlement) error {
			if t.Failure != nil {
				failure := *t.Failure
				last[t.SKU] = &failure
			}
			return s.Store.Settle(ctx, t)
		}
		s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
			deliveries, err := s.Store.Claim(ctx, c)
			for i, d := range deliveries {
				if last[d.SKU] != nil {
					spoil(s, last[d.SKU], &deliveries[i])
				}
			}
			return deliveries, err
		}
	})
}

var brokenFailures = []broken{
	{fault: "the number of tries ends at 127",
		row: "Tries counts the failures of the first unsent event, for any owner",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil {
				t.Failure.Tries = min(t.Failure.Tries, 127)
			}
		})},
	{fault: "a failed event is due at once",
		row: "after a failure the product waits until RetryAt, and other products go on",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil && !t.Failure.Dead {
				t.Failure.RetryAt = noon
			}
		})},
	{fault: "a failed event waits until the end of the lease",
		row: "after a failure the product waits until RetryAt, and other products go on",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if t.Failure != nil && !t.Failure.Dead {
				t.Failure.RetryAt = s.held[t.SKU].Until
			}
		})},
	{fault: "one failure delays all products",
		row: "after a failure the product waits until RetryAt, and other products go on",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				failures, err := s.Store.Failures(ctx, "", plenty)
				waits := func(f outbox.Failure) bool { return f.Dead || f.RetryAt.After(c.Now) }
				if slices.ContainsFunc(failures, waits) {
					return nil, nil
				}
				if err != nil {
					return nil, err
				}
				return s.Store.Claim(ctx, c)
			}
		})},
	{fault: "later events overtake a failed event",
		row: "after a failure the product waits until RetryAt, and other products go on",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil {
				t.Sent, t.Failure = max(t.Sent, t.Failure.Sequence), nil
			}
		})},
	{fault: "tries are not counted", row: "Tries counts the failures of the first unsent event, for any owner",
		new: trying(func(_ *leaky, _ *outbox.Failure, d *outbox.Delivery) { d.Tries = 0 })},
	{fault: "tries are counted for the product",
		row: "Tries counts the failures of the first unsent event, for any owner",
		new: trying(func(_ *leaky, last *outbox.Failure, d *outbox.Delivery) { d.Tries = last.Tries })},
	{fault: "the end of a lease resets the tries",
		row: "Tries counts the failures of the first unsent event, for any owner",
		new: trying(func(s *leaky, _ *outbox.Failure, d *outbox.Delivery) {
			if _, is := s.held[d.SKU]; is {
				d.Tries = 0
			}
		})},
	{fault: "a settlement without a failure resets the failure",
		row: "a settlement without a failure or progress keeps the tries",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				err := s.Store.Settle(ctx, t)
				if t.Failure == nil && err == nil {
					_ = s.Store.Retry(ctx, t.SKU)
				}
				return err
			}
		})},
	{fault: "a dead event is due after a day", row: "a dead event is not claimed again",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil && t.Failure.Dead {
				t.Failure.Dead, t.Failure.RetryAt = false, noon.Add(24*time.Hour)
			}
		})},
	{fault: "the next commit revives a dead event", row: "a dead event is not claimed again",
		new: leaking(func(s *leaky) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				for _, c := range changes {
					_ = s.Store.Retry(ctx, c.SKU)
				}
				return err
			}
		})},
	{fault: "a product with a dead event stays dead after the event was sent",
		row: "a failure ends when its event is sent, by any owner",
		new: leaking(func(s *leaky) {
			dead := map[allocation.SKU]bool{}
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if t.Failure != nil && t.Failure.Dead && s.held[t.SKU].Owner == t.Owner {
					dead[t.SKU] = true
				}
				return s.Store.Settle(ctx, t)
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				return slices.DeleteFunc(deliveries, func(d outbox.Delivery) bool { return dead[d.SKU] }), err
			}
		})},
}
