package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// leaky is a memory store with replaceable outbox methods.
type leaky struct {
	*faulty
	claim    func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error)
	settle   func(ctx context.Context, t outbox.Settlement) error
	backlog  func(ctx context.Context) (outbox.Backlog, error)
	failures func(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error)
	retry    func(ctx context.Context, sku allocation.SKU) error
	skip     func(ctx context.Context, sku allocation.SKU, sequence int64) error
	purge    func(ctx context.Context, before time.Time) (int64, error)

	mu    sync.Mutex                      // serialises the calls, so that faults may have state
	racy  bool                            // no serialisation of the calls
	heads map[allocation.SKU][]int64      // sequences of the last events of commits
	held  map[allocation.SKU]outbox.Claim // leases without a settlement so far
}

// leaking returns an outbox after replace has replaced some methods.
func leaking(replace func(s *leaky)) func() allocation.Store {
	return func() allocation.Store {
		f := with(func(*faulty) {})().(*faulty)
		s := &leaky{
			faulty: f, claim: f.Store.Claim, settle: f.Store.Settle, backlog: f.Backlog, failures: f.Failures,
			retry: f.Retry, skip: f.Skip, purge: f.Purge,
			heads: map[allocation.SKU][]int64{}, held: map[allocation.SKU]outbox.Claim{},
		}
		replace(s)
		return s
	}
}

// alone locks s.mu; the caller defers the returned unlock.
func (s *leaky) alone() func() {
	if s.racy {
		return func() {}
	}
	s.mu.Lock()
	return s.mu.Unlock
}

func (s *leaky) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	defer s.alone()()
	return s.faulty.Load(ctx, q)
}

func (s *leaky) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	defer s.alone()()
	return s.faulty.Audit(ctx, sku)
}

func (s *leaky) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	defer s.alone()()
	return s.faulty.Events(ctx, sku, after, limit)
}

func (s *leaky) Commit(ctx context.Context, changes []allocation.Changes) error {
	defer s.alone()()
	err := s.faulty.Commit(ctx, changes)
	if err == nil && !s.racy {
		for _, c := range changes {
			s.heads[c.SKU] = append(s.heads[c.SKU], c.Version)
		}
	}
	return err
}

func (s *leaky) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	defer s.alone()()
	deliveries, err := s.claim(ctx, c)
	if !s.racy {
		for _, d := range deliveries {
			s.held[d.SKU] = c
		}
	}
	return deliveries, err
}

func (s *leaky) Settle(ctx context.Context, t outbox.Settlement) error {
	defer s.alone()()
	err := s.settle(ctx, t)
	if !s.racy && s.held[t.SKU].Owner == t.Owner {
		delete(s.held, t.SKU)
	}
	return err
}

func (s *leaky) Backlog(ctx context.Context) (outbox.Backlog, error) {
	defer s.alone()()
	return s.backlog(ctx)
}

func (s *leaky) Failures(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
	defer s.alone()()
	return s.failures(ctx, after, limit)
}

func (s *leaky) Retry(ctx context.Context, sku allocation.SKU) error {
	defer s.alone()()
	return s.retry(ctx, sku)
}

func (s *leaky) Skip(ctx context.Context, sku allocation.SKU, sequence int64) error {
	defer s.alone()()
	return s.skip(ctx, sku, sequence)
}

func (s *leaky) Purge(ctx context.Context, before time.Time) (int64, error) {
	defer s.alone()()
	return s.purge(ctx, before)
}

// claiming returns an outbox with a fault in the argument of Claim.
func claiming(change func(s *leaky, c *outbox.Claim)) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
			change(s, &c)
			return s.Store.Claim(ctx, c)
		}
	})
}

// delivering returns an outbox with a fault in the deliveries, without deliveries of no events.
func delivering(spoil func(s *leaky, d *outbox.Delivery)) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
			deliveries, err := s.Store.Claim(ctx, c)
			for i := range deliveries {
				spoil(s, &deliveries[i])
			}
			return slices.DeleteFunc(deliveries, func(d outbox.Delivery) bool { return len(d.Events) == 0 }), err
		}
	})
}

// keeping returns an outbox that delivers some events only.
func keeping(keep func(s *leaky, sku allocation.SKU, r outbox.Record) bool) func() allocation.Store {
	return delivering(func(s *leaky, d *outbox.Delivery) {
		d.Events = slices.DeleteFunc(d.Events, func(r outbox.Record) bool { return !keep(s, d.SKU, r) })
	})
}

// settling returns an outbox with a fault in the argument of Settle.
func settling(change func(s *leaky, t *outbox.Settlement)) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.settle = func(ctx context.Context, t outbox.Settlement) error {
			if t.Failure != nil {
				failure := *t.Failure
				t.Failure = &failure
			}
			change(s, &t)
			return s.Store.Settle(ctx, t)
		}
	})
}

// justBefore returns a SKU just below the given SKU, with no SKU of the rows in between.
func justBefore(sku allocation.SKU) allocation.SKU {
	if sku == "" {
		return ""
	}
	last := len(sku) - 1
	return sku[:last] + allocation.SKU([]byte{sku[last] - 1, 0xff, 0xff})
}

// claimOne returns a claim of a single product.
func (s *leaky) claimOne(ctx context.Context, c outbox.Claim, sku allocation.SKU) []outbox.Delivery {
	c.After, c.Products = justBefore(sku), 1
	deliveries, _ := s.Store.Claim(ctx, c)
	return deliveries
}

// peek returns the result of a claim without leases.
func (s *leaky) peek(ctx context.Context, c outbox.Claim) []outbox.Delivery {
	c.Until, c.Products = c.Now, plenty
	deliveries, _ := s.Store.Claim(ctx, c)
	return deliveries
}
