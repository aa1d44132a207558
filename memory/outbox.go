package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// lease gives a product to one owner, so that no other claim gets the product before the time until.
type lease struct {
	owner string
	until time.Time
}

// Claim leases products with unsent events and returns the events, see [outbox.Store].
func (s *Store) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	const op = "Claim"
	if err := s.check(ctx, op); err != nil {
		return nil, err
	}
	if err := checkAtLeastOne(op, "products", c.Products); err != nil {
		return nil, err
	}
	if err := checkAtLeastOne(op, "events", c.Events); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	claimable := s.withUnsent(c.After, c.Products, func(p *product) bool { return p.claimable(c.Now) })
	deliveries := make([]outbox.Delivery, len(claimable))
	for i, p := range claimable {
		deliveries[i] = p.claim(c)
	}
	return deliveries, nil
}

// withUnsent returns the first products, sorted by SKU, that have unsent events, come after the given SKU and meet
// the condition. A backlog may have a million products for a limit of ten, so the search sorts and cuts the found
// products whenever there are twice as many as the limit, and then skips SKUs beyond the last of them.
func (s *Store) withUnsent(after allocation.SKU, limit int, condition func(*product) bool) []*product {
	var found []*product
	var last allocation.SKU // the greatest SKU worth a look, "" before the first cut
	for sku, p := range s.unsent {
		if sku <= after || last != "" && sku > last || !condition(p) {
			continue
		}
		found = append(found, p)
		if len(found)/2 >= limit {
			found = firstBySKU(found, limit)
			last = found[limit-1].sku
		}
	}
	return firstBySKU(found, limit)
}

// firstBySKU sorts the products and returns the first of them, at most limit.
func firstBySKU(products []*product, limit int) []*product {
	slices.SortFunc(products, func(a, b *product) int { return cmp.Compare(a.sku, b.sku) })
	return products[:min(len(products), limit)]
}

// Settle records which events were sent and ends the owner's lease, see [outbox.Store].
func (s *Store) Settle(ctx context.Context, t outbox.Settlement) error {
	if err := s.check(ctx, "Settle"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[t.SKU]
	if p == nil {
		return nil
	}
	s.markSent(p, t.Sent)
	if p.lease == nil || p.lease.owner != t.Owner {
		return nil
	}
	p.lease = nil
	if t.Failure != nil {
		p.failure = *t.Failure
	}
	return nil
}

// markSent marks a product's events up to the sequence as sent. The mark never moves backwards, and never beyond the
// last event, so that events of later commits are unsent.
func (s *Store) markSent(p *product, sequence int64) {
	p.sent = max(p.sent, min(sequence, p.lastSequence()))
	if p.sent == p.lastSequence() {
		delete(s.unsent, p.sku)
	}
}

// unsent returns the events after the last sent event.
func (p *product) unsent() []outbox.Record { return p.eventsAfter(p.sent) }

// claimable reports whether no lease and no failure keeps the product from a claim at the time now.
func (p *product) claimable(now time.Time) bool {
	if p.lease != nil && p.lease.until.After(now) {
		return false
	}
	return !p.hasFailed() || !p.failure.Dead && !p.failure.RetryAt.After(now)
}

// claim leases the product and returns its first unsent events.
func (p *product) claim(c outbox.Claim) outbox.Delivery {
	p.lease = &lease{owner: c.Owner, until: c.Until}
	unsent := p.unsent()
	events := slices.Clone(unsent[:min(len(unsent), c.Events)])
	delivery := outbox.Delivery{SKU: p.sku, Events: events, More: len(events) < len(unsent)}
	if p.hasFailed() {
		delivery.Tries = p.failure.Tries
	}
	return delivery
}

// hasFailed reports whether p.failure is about the first unsent event. The failure of an earlier event is out of date,
// since the event has been sent meanwhile.
func (p *product) hasFailed() bool {
	unsent := p.unsent()
	return len(unsent) > 0 && p.failure.Sequence == unsent[0].Sequence
}
