package storetest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var brokenOutboxEvents = []broken{
	{fault: "only the last event of a commit is unsent",
		row: "the events of a commit are unsent after the commit, and not before",
		new: keeping(func(s *leaky, sku allocation.SKU, r outbox.Record) bool {
			return slices.Contains(s.heads[sku], r.Sequence)
		})},
	{fault: "only the first product of a commit has unsent events",
		row: "the events of a commit are unsent after the commit, and not before",
		new: leaking(func(s *leaky) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				for _, c := range changes[min(1, len(changes)):] {
					_ = s.Store.Settle(ctx, sent("nobody", c.SKU, c.Version))
				}
				return err
			}
		})},
	{fault: "events of failed commits are unsent", row: "a failed commit has no unsent events", new: eagerOutbox},
	{fault: "the trace parent is lost",
		row: "events of every kind come unchanged, with their numbers and trace parents",
		new: delivering(func(_ *leaky, d *outbox.Delivery) {
			for i := range d.Events {
				d.Events[i].TraceParent = ""
			}
		})},
	{fault: "a commit stores one trace parent for all events",
		row: "events of every kind come unchanged, with their numbers and trace parents",
		new: leaking(func(s *leaky) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				changes = copyOf(changes)
				for i, c := range changes {
					if len(c.TraceParents) > 0 {
						changes[i].TraceParents = slices.Repeat(c.TraceParents[len(c.TraceParents)-1:], len(c.Events))
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "sequences begin with 0", row: "events of every kind come unchanged, with their numbers and trace parents",
		new: delivering(func(_ *leaky, d *outbox.Delivery) {
			for i := range d.Events {
				d.Events[i].Sequence--
			}
		})},
	{fault: "a claim waits for missing numbers", row: "a gap in the numbers stops no event",
		new: delivering(func(_ *leaky, d *outbox.Delivery) {
			for i, r := range d.Events {
				if r.Sequence != d.Events[0].Sequence+int64(i) {
					d.Events, d.More = d.Events[:i], true
					return
				}
			}
		})},
	{fault: "refusals are never unsent", row: "the event of a refusal is unsent as well",
		new: keeping(func(_ *leaky, _ allocation.SKU, r outbox.Record) bool {
			return r.Event.Kind() != "LineRefused"
		})},
	{fault: "events come newest first", row: "the events of a product come in order, without gaps",
		new: delivering(func(_ *leaky, d *outbox.Delivery) { slices.Reverse(d.Events) })},
	{fault: "sequences are sorted as text", row: "the events of a product come in order, without gaps",
		new: delivering(func(_ *leaky, d *outbox.Delivery) {
			slices.SortFunc(d.Events, func(x, y outbox.Record) int {
				return cmp.Compare(strconv.FormatInt(x.Sequence, 10), strconv.FormatInt(y.Sequence, 10))
			})
		})},
	{fault: "the fifth event is lost", row: "the events of a product come in order, without gaps",
		new: keeping(func(_ *leaky, _ allocation.SKU, r outbox.Record) bool { return r.Sequence != 5 })},
	{fault: "Claim ignores Events",
		row: "a claim brings at most Events events of a product, and More says whether there are others",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.Events = max(c.Events, plenty*min(c.Events, 1)) })},
	{fault: "More is set whenever the page is full",
		row: "a claim brings at most Events events of a product, and More says whether there are others",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				for i := range deliveries {
					deliveries[i].More = len(deliveries[i].Events) == c.Events
				}
				return deliveries, err
			}
		})},
	{fault: "Events counts over all products",
		row: "a claim brings at most Events events of a product, and More says whether there are others",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				deliveries, err := s.Store.Claim(ctx, c)
				left := c.Events
				for i, d := range deliveries {
					deliveries[i].Events = d.Events[:min(left, len(d.Events))]
					left -= len(deliveries[i].Events)
				}
				return deliveries, err
			}
		})},
	{fault: "Claim ignores After",
		row: "a claim brings at most Products products after the given SKU, sorted by SKU as bytes",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.After = "" })},
	{fault: "Claim includes the product After",
		row: "a claim brings at most Products products after the given SKU, sorted by SKU as bytes",
		new: claiming(func(_ *leaky, c *outbox.Claim) { c.After = justBefore(c.After) })},
	{fault: "SKUs are sorted without regard to case",
		row: "a claim brings at most Products products after the given SKU, sorted by SKU as bytes",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) (deliveries []outbox.Delivery, err error) {
				if c.Products < 1 || ctx == nil || ctx.Err() != nil {
					return s.Store.Claim(ctx, c)
				}
				lower := func(sku allocation.SKU) string { return strings.ToLower(string(sku)) }
				all := c
				all.After = ""
				free := s.peek(ctx, all)
				free = slices.DeleteFunc(free, func(d outbox.Delivery) bool { return lower(d.SKU) <= lower(c.After) })
				slices.SortFunc(free, func(x, y outbox.Delivery) int { return cmp.Compare(lower(x.SKU), lower(y.SKU)) })
				for _, d := range free[:min(len(free), c.Products)] {
					deliveries = append(deliveries, s.claimOne(ctx, c, d.SKU)...)
				}
				return deliveries, nil
			}
		})},
	{fault: "a claim for 0 products brings all products",
		row: "a claim for no products or no events is refused as invalid",
		new: claiming(func(_ *leaky, c *outbox.Claim) {
			if c.Products < 1 {
				c.Products = plenty
			}
			if c.Events < 1 {
				c.Events = plenty
			}
		})},
	{fault: "a claim for 0 products is no error", row: "a claim for no products or no events is refused as invalid",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				if c.Products < 1 || c.Events < 1 {
					return nil, nil
				}
				return s.Store.Claim(ctx, c)
			}
		})},
	{fault: "an invalid claim is an untyped error", row: "a claim for no products or no events is refused as invalid",
		new: leaking(func(s *leaky) {
			s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
				if c.Products < 1 || c.Events < 1 {
					return nil, allocation.ErrInvalid
				}
				return s.Store.Claim(ctx, c)
			}
		})},
}

// eagerOutbox delivers the events of failed commits, too.
var eagerOutbox = leaking(func(s *leaky) {
	ghosts := map[allocation.SKU][]outbox.Record{}
	s.commit = func(ctx context.Context, changes []allocation.Changes) error {
		err := s.Store.Commit(ctx, changes)
		for _, c := range changes {
			for i, e := range c.Events {
				if err != nil {
					ghosts[c.SKU] = append(ghosts[c.SKU], outbox.Record{Sequence: c.Read + int64(i) + 1, Event: e})
				}
			}
		}
		return err
	}
	s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
		deliveries, err := s.Store.Claim(ctx, c)
		for sku, events := range ghosts {
			deliveries = append(deliveries, outbox.Delivery{SKU: sku, Events: events})
		}
		clear(ghosts)
		return deliveries, err
	}
})
