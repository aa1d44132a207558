package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// lease says who was handed a product's events, and until when nobody else is.
type lease struct {
	owner string
	until time.Time
}

// Claim leases products that have unsent events, see [outbox.Store].
func (s *Store) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	const op = "Claim"
	if err := check(ctx, op); err != nil {
		return nil, err
	}
	if err := atLeastOne(op, "products", c.Products); err != nil {
		return nil, err
	}
	if err := atLeastOne(op, "events", c.Events); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.withUnsent(c.After, c.Products, func(p *product) bool { return p.claimable(c.Now) })
	deliveries := make([]outbox.Delivery, len(free))
	for i, p := range free {
		deliveries[i] = p.lend(c)
	}
	return deliveries, nil
}

// withUnsent returns the first products after the given one that have unsent events and meet a condition, by SKU.
func (s *Store) withUnsent(after allocation.SKU, limit int, which func(*product) bool) []*product {
	var found []*product
	var last allocation.SKU // of so many that were found already; many may be unsent, and few be asked for
	for sku, p := range s.unsent {
		if sku <= after || last != "" && sku > last || !which(p) {
			continue
		}
		found = append(found, p)
		if len(found)/2 >= limit {
			found = firstOf(found, limit)
			last = found[limit-1].sku
		}
	}
	return firstOf(found, limit)
}

func firstOf(products []*product, limit int) []*product {
	slices.SortFunc(products, func(a, b *product) int { return cmp.Compare(a.sku, b.sku) })
	return products[:min(len(products), limit)]
}

// Settle ends a lease, see [outbox.Store].
func (s *Store) Settle(ctx context.Context, t outbox.Settlement) error {
	if err := check(ctx, "Settle"); err != nil {
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

// markSent notes that a product's events up to a number are sent; those that were sent stay so.
func (s *Store) markSent(p *product, sequence int64) {
	p.sent = max(p.sent, min(sequence, p.last()))
	if p.sent == p.last() {
		delete(s.unsent, p.sku)
	}
}

// last is the number of the product's last event.
func (p *product) last() int64 { return p.purged + int64(len(p.events)) }

// unsent are the events that no Settle has said to be sent.
func (p *product) unsent() []outbox.Record { return p.events[p.sent-p.purged:] }

// claimable reports whether the product is nobody's and doesn't wait.
func (p *product) claimable(now time.Time) bool {
	if p.lease != nil && p.lease.until.After(now) {
		return false
	}
	f, failed := p.failing()
	return !failed || !f.Dead && !f.RetryAt.After(now)
}

func (p *product) lend(c outbox.Claim) outbox.Delivery {
	p.lease = &lease{owner: c.Owner, until: c.Until}
	unsent := p.unsent()
	given := slices.Clone(unsent[:min(len(unsent), c.Events)])
	delivery := outbox.Delivery{SKU: p.sku, Events: given, More: len(given) < len(unsent)}
	if f, failed := p.failing(); failed {
		delivery.Tries = f.Tries
	}
	return delivery
}

// failing returns the failure of the first unsent event, and whether it has one. A failure ends with its event:
// it may have been sent after all, by somebody who was late.
func (p *product) failing() (outbox.Failure, bool) {
	return p.failure, p.failure.Sequence == p.sent+1
}

func atLeastOne(op, field string, value int) error {
	if value >= 1 {
		return nil
	}
	return &allocation.Error{
		Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: must be at least 1", allocation.ErrInvalid),
	}
}
