package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// trying makes an outbox that remembers the failures of settlements, and spoils the tries of deliveries.
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
	{fault: "what failed is tried again at once", row: "after a failure the product waits until RetryAt, and other products go on",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil && !t.Failure.Dead {
				t.Failure.RetryAt = noon
			}
		})},
	{fault: "what failed waits until the end of its lease", row: "after a failure the product waits until RetryAt, and other products go on",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if t.Failure != nil && !t.Failure.Dead {
				t.Failure.RetryAt = s.held[t.SKU].Until
			}
		})},
	{fault: "one failure makes all products wait", row: "after a failure the product waits until RetryAt, and other products go on",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				failures, err := s.Store.Failures(ctx, "", plenty)
				if slices.ContainsFunc(failures, func(f outbox.Failure) bool { return f.Dead || f.RetryAt.After(c.Now) }) {
					return nil, nil
				}
				if err != nil {
					return nil, err
				}
				return s.Store.Claim(ctx, c)
			}
		})},
	{fault: "later events overtake one that failed", row: "after a failure the product waits until RetryAt, and other products go on",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil {
				t.Sent, t.Failure = max(t.Sent, t.Failure.Sequence), nil
			}
		})},
	{fault: "tries are not counted", row: "Tries counts the failures of the first unsent event, for any owner",
		new: trying(func(_ *leaky, _ *outbox.Failure, d *outbox.Delivery) { d.Tries = 0 })},
	{fault: "tries are those of the product", row: "Tries counts the failures of the first unsent event, for any owner",
		new: trying(func(_ *leaky, last *outbox.Failure, d *outbox.Delivery) { d.Tries = last.Tries })},
	{fault: "tries are lost when a lease runs out", row: "Tries counts the failures of the first unsent event, for any owner",
		new: trying(func(s *leaky, _ *outbox.Failure, d *outbox.Delivery) {
			if _, is := s.held[d.SKU]; is {
				d.Tries = 0
			}
		})},
	{fault: "a settlement without failure ends the failure", row: "a settlement without a failure or progress keeps the tries",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				err := s.Store.Settle(ctx, t)
				if t.Failure == nil && err == nil {
					_ = s.Store.Retry(ctx, t.SKU)
				}
				return err
			}
		})},
	{fault: "what is dead comes back after a day", row: "a dead event is not claimed again",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure != nil && t.Failure.Dead {
				t.Failure.Dead, t.Failure.RetryAt = false, noon.Add(24*time.Hour)
			}
		})},
	{fault: "the next commit wakes what is dead", row: "a dead event is not claimed again",
		new: leaking(func(s *leaky) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				for _, c := range changes {
					_ = s.Store.Retry(ctx, c.SKU)
				}
				return err
			}
		})},
	{fault: "the product stays dead, whatever is sent", row: "a failure ends when its event is sent, by any owner",
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
