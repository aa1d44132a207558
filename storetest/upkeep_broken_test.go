package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// listing returns an outbox with a fault in the list of failures, before the cut into pages.
func listing(spoil func(s *leaky, failures []outbox.Failure) []outbox.Failure) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.failures = func(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
			if limit < 1 {
				return s.Store.Failures(ctx, after, limit)
			}
			all, err := s.Store.Failures(ctx, "", plenty)
			all = spoil(s, all)
			from := slices.IndexFunc(all, func(f outbox.Failure) bool { return f.SKU > after })
			if from < 0 {
				return nil, err
			}
			return all[from:min(from+limit, len(all))], err
		}
	})
}

// answered returns an outbox with another result of all maintainer calls with some contexts.
func answered(change func(ctx context.Context) context.Context) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.skip = func(ctx context.Context, sku allocation.SKU, sequence int64) error {
			return cmp.Or(s.Store.Skip(change(ctx), sku, sequence), end(ctx))
		}
		s.purge = func(ctx context.Context, before time.Time) (int64, error) {
			n, err := s.Store.Purge(change(ctx), before)
			return n, cmp.Or(err, end(ctx))
		}
	})
}

func end(ctx context.Context) error {
	if ctx == nil {
		return nil
	}
	return ctx.Err()
}

var brokenUpkeep = []broken{
	{fault: "Backlog leaves out dead events", row: "Backlog counts unsent events and has the time of the oldest",
		new: leaking(func(s *leaky) {
			s.backlog = func(ctx context.Context) (outbox.Backlog, error) {
				backlog, err := s.Store.Backlog(ctx)
				failures, _ := s.Store.Failures(ctx, "", plenty)
				for _, f := range failures {
					if f.Dead {
						backlog.Products--
					}
				}
				return backlog, err
			}
		})},
	{fault: "Backlog leaves out leased products", row: "Backlog counts unsent events and has the time of the oldest",
		new: leaking(func(s *leaky) {
			s.backlog = func(ctx context.Context) (outbox.Backlog, error) {
				backlog, err := s.Store.Backlog(ctx)
				backlog.Products -= int64(len(s.held))
				return backlog, err
			}
		})},
	{fault: "Backlog counts products as events", row: "Backlog counts unsent events and has the time of the oldest",
		new: leaking(func(s *leaky) {
			s.backlog = func(ctx context.Context) (outbox.Backlog, error) {
				backlog, err := s.Store.Backlog(ctx)
				backlog.Events = backlog.Products
				return backlog, err
			}
		})},
	{fault: "Oldest is the time of the first event ever",
		row: "Backlog counts unsent events and has the time of the oldest",
		new: leaking(func(s *leaky) {
			var oldest time.Time
			s.backlog = func(ctx context.Context) (outbox.Backlog, error) {
				backlog, err := s.Store.Backlog(ctx)
				if oldest.IsZero() {
					oldest = backlog.Oldest
				}
				backlog.Oldest = oldest
				return backlog, err
			}
		})},
	{fault: "Failures lists dead events only", row: "Failures lists exactly the failed events, dead or not",
		new: listing(func(_ *leaky, failures []outbox.Failure) []outbox.Failure {
			return slices.DeleteFunc(failures, func(f outbox.Failure) bool { return !f.Dead })
		})},
	{fault: "Failures lists leased products", row: "Failures lists exactly the failed events, dead or not",
		new: listing(func(s *leaky, failures []outbox.Failure) []outbox.Failure {
			for sku, c := range s.held {
				failures = append(failures, outbox.Failure{SKU: sku, RetryAt: c.Until})
			}
			slices.SortFunc(failures, func(x, y outbox.Failure) int { return cmp.Compare(x.SKU, y.SKU) })
			return failures
		})},
	{fault: "Failures lists events that were sent since", row: "Failures lists exactly the failed events, dead or not",
		new: staleFailures},
	{fault: "RetryAt is truncated to seconds", row: "Failures lists exactly the failed events, dead or not",
		new: listing(func(_ *leaky, failures []outbox.Failure) []outbox.Failure {
			for i, f := range failures {
				failures[i].RetryAt = f.RetryAt.Truncate(time.Second)
			}
			return failures
		})},
	{fault: "Failures are sorted by RetryAt",
		row: "Failures lists at most limit products after the given SKU, sorted by SKU as bytes",
		new: listing(func(_ *leaky, failures []outbox.Failure) []outbox.Failure {
			slices.SortStableFunc(failures, func(x, y outbox.Failure) int { return x.RetryAt.Compare(y.RetryAt) })
			return failures
		})},
	{fault: "Failures are sorted without regard to case",
		row: "Failures lists at most limit products after the given SKU, sorted by SKU as bytes",
		new: listing(func(_ *leaky, failures []outbox.Failure) []outbox.Failure {
			slices.SortStableFunc(failures, func(x, y outbox.Failure) int {
				return cmp.Compare(strings.ToLower(string(x.SKU)), strings.ToLower(string(y.SKU)))
			})
			return failures
		})},
	{fault: "a page begins with the last failure of the page before",
		row: "Failures lists at most limit products after the given SKU, sorted by SKU as bytes",
		new: leaking(func(s *leaky) {
			s.failures = func(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
				return s.Store.Failures(ctx, justBefore(after), limit)
			}
		})},
	{fault: "an error text is truncated to 255 bytes", row: "an error text of 1,000 bytes is kept unchanged",
		new: listing(func(_ *leaky, failures []outbox.Failure) []outbox.Failure {
			for i, f := range failures {
				failures[i].Error = f.Error[:min(255, len(f.Error))]
			}
			return failures
		})},
	{fault: "an error text loses characters beyond 16 bits", row: "an error text of 1,000 bytes is kept unchanged",
		new: listing(func(_ *leaky, failures []outbox.Failure) []outbox.Failure {
			for i, f := range failures {
				failures[i].Error = strings.Map(func(r rune) rune { return min(r, 0xffff) }, f.Error)
			}
			return failures
		})},
	{fault: "Retry keeps RetryAt", row: "Retry makes a failed event due at once, with 0 tries",
		new: leaking(func(s *leaky) {
			s.retry = func(ctx context.Context, sku allocation.SKU) error {
				failures, err := s.Store.Failures(ctx, justBefore(sku), 1)
				if len(failures) == 1 && failures[0].SKU == sku && !failures[0].Dead {
					return nil
				}
				return cmp.Or(err, s.Store.Retry(ctx, sku))
			}
		})},
	{fault: "Retry keeps the tries", row: "Retry makes a failed event due at once, with 0 tries",
		new: leaking(func(s *leaky) {
			kept := map[allocation.SKU]int{}
			s.retry = func(ctx context.Context, sku allocation.SKU) error {
				failures, _ := s.Store.Failures(ctx, justBefore(sku), 1)
				for _, f := range failures {
					kept[f.SKU] = f.Tries
				}
				return s.Store.Retry(ctx, sku)
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i, d := range deliveries {
					deliveries[i].Tries = max(d.Tries, kept[d.SKU])
				}
				return deliveries, err
			}
		})},
	{fault: "Retry affects all products", row: "Retry makes a failed event due at once, with 0 tries",
		new: leaking(func(s *leaky) {
			s.retry = func(ctx context.Context, sku allocation.SKU) error {
				failures, _ := s.Store.Failures(ctx, "", plenty)
				for _, f := range failures {
					if f.SKU != sku {
						_ = s.Store.Retry(ctx, f.SKU)
					}
				}
				return s.Store.Retry(ctx, sku)
			}
		})},
	{fault: "Skip skips the next event, too", row: "Skip gives up the failed event and no other event",
		new: leaking(func(s *leaky) {
			s.skip = func(ctx context.Context, sku allocation.SKU, sequence int64) error {
				err := s.Store.Skip(ctx, sku, sequence)
				if err == nil {
					err = s.Store.Settle(ctx, sent("nobody", sku, sequence+1))
				}
				return err
			}
		})},
	{fault: "Skip skips the first unsent event", row: "Skip gives up the failed event and no other event",
		new: leaking(func(s *leaky) {
			s.skip = func(ctx context.Context, sku allocation.SKU, sequence int64) error {
				failures, _ := s.Store.Failures(ctx, justBefore(sku), 1)
				if len(failures) == 1 && failures[0].SKU == sku {
					sequence = failures[0].Sequence
				}
				return s.Store.Skip(ctx, sku, sequence)
			}
		})},
	{fault: "Skip ignores the sequence of the failure", row: "Skip gives up the failed event and no other event",
		new: leaking(func(s *leaky) {
			s.skip = func(ctx context.Context, sku allocation.SKU, sequence int64) error {
				if err := s.Store.Skip(ctx, sku, sequence); err != nil && ctx != nil && ctx.Err() == nil {
					return s.Store.Settle(ctx, sent("nobody", sku, sequence))
				}
				return s.Store.Skip(ctx, sku, sequence)
			}
		})},
	{fault: "Retry ends the lease", row: "Retry and Skip don't touch a relay's lease",
		new: leaking(func(s *leaky) {
			s.retry = func(ctx context.Context, sku allocation.SKU) error {
				err := s.Store.Retry(ctx, sku)
				if err == nil {
					_ = s.Store.Settle(ctx, sent(s.held[sku].Owner, sku, 0))
				}
				return err
			}
		})},
	{fault: "Skip ends the lease", row: "Retry and Skip don't touch a relay's lease",
		new: leaking(func(s *leaky) {
			s.skip = func(ctx context.Context, sku allocation.SKU, sequence int64) error {
				err := s.Store.Skip(ctx, sku, sequence)
				if err == nil {
					_ = s.Store.Settle(ctx, sent(s.held[sku].Owner, sku, 0))
				}
				return err
			}
		})},
	{fault: "Retry of a product without a failure succeeds",
		row: "Retry and Skip without a failed event return ErrNotFound",
		new: leaking(func(s *leaky) {
			s.retry = func(ctx context.Context, sku allocation.SKU) error {
				if err := s.Store.Retry(ctx, sku); err != nil && (ctx == nil || ctx.Err() != nil) {
					return err
				}
				return nil
			}
		})},
	{fault: "Skip without a failure returns an untyped error",
		row: "Retry and Skip without a failed event return ErrNotFound",
		new: leaking(func(s *leaky) {
			s.skip = func(ctx context.Context, sku allocation.SKU, sequence int64) error {
				if s.heads[sku] == nil {
					return allocation.ErrNotFound
				}
				return s.Store.Skip(ctx, sku, sequence)
			}
		})},
	{fault: "a limit of 0 is no error", row: "a limit below 1 is refused as invalid",
		new: leaking(func(s *leaky) {
			s.failures = func(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
				if limit < 1 {
					limit = plenty
				}
				return s.Store.Failures(ctx, after, limit)
			}
		})},
	{fault: "calls ignore an ended context", row: "a call with an ended or nil context changes nothing",
		new: answered(func(ctx context.Context) context.Context {
			if ctx == nil {
				return nil
			}
			return context.WithoutCancel(ctx)
		})},
	{fault: "a nil context is accepted", row: "a call with an ended or nil context changes nothing",
		new: answered(func(ctx context.Context) context.Context {
			if ctx == nil {
				return context.Background()
			}
			return ctx
		})},
}

// staleFailures lists the last failure of each product until the owner's next settlement.
var staleFailures = leaking(func(s *leaky) {
	last := map[allocation.SKU]outbox.Failure{}
	s.settle = func(ctx context.Context, t outbox.Settlement) error {
		if s.held[t.SKU].Owner == t.Owner {
			delete(last, t.SKU)
			if t.Failure != nil {
				last[t.SKU] = *t.Failure
			}
		}
		return s.Store.Settle(ctx, t)
	}
	s.failures = func(ctx context.Context, after allocation.SKU, limit int) (failures []outbox.Failure, err error) {
		if limit < 1 || ctx == nil || ctx.Err() != nil {
			return s.Store.Failures(ctx, after, limit)
		}
		for sku, f := range last {
			if sku > after {
				failures = append(failures, f)
			}
		}
		slices.SortFunc(failures, func(x, y outbox.Failure) int { return cmp.Compare(x.SKU, y.SKU) })
		return failures[:min(limit, len(failures))], nil
	}
})
