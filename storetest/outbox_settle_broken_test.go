package storetest

import (
	"context"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// asHolder turns a settlement of another owner into a settlement of the leaseholder.
func asHolder(s *leaky, t *outbox.Settlement) {
	if holder, is := s.held[t.SKU]; is {
		t.Owner = holder.Owner
	}
}

var brokenSettlements = []broken{
	{fault: "a claim marks events as sent", row: "a settled event is never claimed again, and other events are",
		new: delivering(func(s *leaky, d *outbox.Delivery) {
			_ = s.Store.Settle(context.Background(), sent("nobody", d.SKU, d.Events[len(d.Events)-1].Sequence))
		})},
	{fault: "the next commit makes sent events unsent",
		row: "a settled event is never claimed again, and other events are",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i, d := range deliveries {
					deliveries[i] = s.fromStart(d, 0)
				}
				return deliveries, err
			}
		})},
	{fault: "a commit is sent when its first event is sent",
		row: "a settlement may cover any part of the claimed events, even a part of a commit",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if at, _ := slices.BinarySearch(s.heads[t.SKU], t.Sent); t.Sent > 0 && at < len(s.heads[t.SKU]) {
				t.Sent = s.heads[t.SKU][at]
			}
		})},
	{fault: "a commit is sent only when its last event is sent",
		row: "a settlement may cover any part of the claimed events, even a part of a commit",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			sent := int64(0)
			for _, head := range s.heads[t.SKU] {
				if head <= t.Sent {
					sent = head
				}
			}
			t.Sent = sent
		})},
	{fault: "a settlement doesn't end the lease", row: "a settlement ends the lease at once",
		new: settling(func(_ *leaky, t *outbox.Settlement) {
			if t.Failure == nil {
				t.Owner = "nobody"
			}
		})},
	{fault: "a repeated settlement is an error",
		row: "a settlement may be repeated, and an earlier settlement undoes nothing",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if _, is := s.held[t.SKU]; !is {
					return errBroken
				}
				return s.Store.Settle(ctx, t)
			}
		})},
	{fault: "an earlier settlement moves the sent mark back",
		row: "a settlement may be repeated, and an earlier settlement undoes nothing",
		new: leaking(func(s *leaky) {
			sent := map[allocation.SKU]int64{}
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				sent[t.SKU] = t.Sent
				return s.Store.Settle(ctx, t)
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i, d := range deliveries {
					deliveries[i] = s.fromStart(d, sent[d.SKU])
				}
				return deliveries, err
			}
		})},
	{fault: "every repeated settlement of a failure adds a try",
		row: "a settlement may be repeated, and an earlier settlement undoes nothing",
		new: leaking(func(s *leaky) {
			tries := map[allocation.SKU]int{}
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if t.Failure != nil {
					tries[t.SKU]++
				}
				return s.Store.Settle(ctx, t)
			}
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i, d := range deliveries {
					deliveries[i].Tries = tries[d.SKU]
				}
				return deliveries, err
			}
		})},
	{fault: "a late settlement ends the lease of another owner",
		row: "an owner without the lease marks events as sent, and doesn't touch the new lease",
		new: settling(asHolder)},
	{fault: "a late settlement marks no events as sent",
		row: "an owner without the lease marks events as sent, and doesn't touch the new lease",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if s.held[t.SKU].Owner != t.Owner {
				t.Sent = 0
			}
		})},
	{fault: "owners are compared without regard to case", row: "owners are compared byte by byte",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if strings.EqualFold(s.held[t.SKU].Owner, t.Owner) {
				asHolder(s, t)
			}
		})},
	{fault: "owners are compared without leading and trailing spaces", row: "owners are compared byte by byte",
		new: settling(func(s *leaky, t *outbox.Settlement) {
			if strings.TrimSpace(s.held[t.SKU].Owner) == strings.TrimSpace(t.Owner) {
				asHolder(s, t)
			}
		})},
	{fault: "a settlement ends all leases of its owner", row: "a settlement concerns its own product only",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				for sku := range s.held {
					if t.Failure == nil && ctx != nil && ctx.Err() == nil {
						_ = s.Store.Settle(ctx, sent(t.Owner, sku, 0))
					}
				}
				return s.Store.Settle(ctx, t)
			}
		})},
	{fault: "a settlement compares SKUs without regard to case", row: "a settlement concerns its own product only",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				err := s.Store.Settle(ctx, t)
				for sku := range s.heads {
					if strings.EqualFold(string(sku), string(t.SKU)) && err == nil {
						t.SKU = sku
						_ = s.Store.Settle(ctx, t)
					}
				}
				return err
			}
		})},
	{fault: "a settlement of an unknown product is an error", row: "a settlement without a lease is no error",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if s.heads[t.SKU] == nil {
					return allocation.ErrNotFound
				}
				return s.Store.Settle(ctx, t)
			}
		})},
	{fault: "a settlement without a lease stores the failure", row: "a settlement without a lease is no error",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if _, is := s.held[t.SKU]; !is && t.Failure != nil {
					s.claimOne(ctx, claimBy(t.Owner, 0), t.SKU)
				}
				return s.Store.Settle(ctx, t)
			}
		})},
	{fault: "Claim ignores an ended context", row: "a claim or settlement with an ended context changes nothing",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				if ctx == nil {
					return s.Store.Claim(ctx, c)
				}
				deliveries, err := s.Store.Claim(context.WithoutCancel(ctx), c)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				return deliveries, err
			}
		})},
	{fault: "Settle ignores an ended context", row: "a claim or settlement with an ended context changes nothing",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if ctx == nil {
					return s.Store.Settle(ctx, t)
				}
				if err := s.Store.Settle(context.WithoutCancel(ctx), t); err != nil {
					return err
				}
				return ctx.Err()
			}
		})},
	{fault: "a nil context is accepted", row: "a claim or settlement with an ended context changes nothing",
		new: leaking(func(s *leaky) {
			s.settle = func(ctx context.Context, t outbox.Settlement) error {
				if ctx == nil {
					ctx = context.Background()
				}
				return s.Store.Settle(ctx, t)
			}
		})},
	{fault: "reopening makes all events unsent",
		row: "sent marks, leases and failures stay after the data are opened again",
		new: newJournal, reopen: replayed(func(*allocation.Changes) {})},
}

// fromStart returns a delivery with the events after another sequence.
func (s *leaky) fromStart(d outbox.Delivery, after int64) outbox.Delivery {
	first := d.Events[0].Sequence
	if after+1 >= first {
		return d
	}
	events, _ := s.Store.Events(context.Background(), d.SKU, after, int(first-after-1))
	var before []outbox.Record
	for i, e := range events {
		before = append(before, outbox.Record{Sequence: after + int64(i) + 1, Event: e})
	}
	d.Events = append(before, d.Events...)
	return d
}
