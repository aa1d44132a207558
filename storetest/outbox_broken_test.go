package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// leaky is a sound outbox in which some methods are replaced.
type leaky struct {
	*faulty
	claim    func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error)
	settle   func(ctx context.Context, t outbox.Settlement) error
	backlog  func(ctx context.Context) (outbox.Backlog, error)
	failures func(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error)
	retry    func(ctx context.Context, sku allocation.SKU) error
	skip     func(ctx context.Context, sku allocation.SKU, sequence int64) error
	purge    func(ctx context.Context, before time.Time) (int64, error)

	mu    sync.Mutex                      // one call at a time, so that faults may keep what they like
	racy  bool                            // several at a time
	heads map[allocation.SKU][]int64      // numbers of the last events of commits
	held  map[allocation.SKU]outbox.Claim // leases that nobody has ended
}

// leaking makes an outbox in which replace puts something else in the place of methods.
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

// alone keeps others out for the time of a call; the caller defers what it returns.
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

func (s *leaky) Audit(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
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

// claiming makes an outbox that understands claims otherwise.
func claiming(change func(s *leaky, c *outbox.Claim)) func() allocation.Store {
	return leaking(func(s *leaky) {
		s.claim = func(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
			change(s, &c)
			return s.Store.Claim(ctx, c)
		}
	})
}

// delivering makes an outbox that spoils each delivery, and leaves it out if no event is left.
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

// keeping makes an outbox that hands out only some of the events.
func keeping(keep func(s *leaky, sku allocation.SKU, r outbox.Record) bool) func() allocation.Store {
	return delivering(func(s *leaky, d *outbox.Delivery) {
		d.Events = slices.DeleteFunc(d.Events, func(r outbox.Record) bool { return !keep(s, d.SKU, r) })
	})
}

// settling makes an outbox that understands settlements otherwise.
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

// justBefore is a SKU that is smaller than another one, and greater than any other that is.
func justBefore(sku allocation.SKU) allocation.SKU {
	if sku == "" {
		return ""
	}
	last := len(sku) - 1
	return sku[:last] + allocation.SKU([]byte{sku[last] - 1, 0xff, 0xff})
}

// claimOne is a claim of one product.
func (s *leaky) claimOne(ctx context.Context, c outbox.Claim, sku allocation.SKU) []outbox.Delivery {
	c.After, c.Products = justBefore(sku), 1
	deliveries, _ := s.Store.Claim(ctx, c)
	return deliveries
}

// peek is a claim that leases nothing.
func (s *leaky) peek(ctx context.Context, c outbox.Claim) []outbox.Delivery {
	c.Until, c.Products = c.Now, plenty
	deliveries, _ := s.Store.Claim(ctx, c)
	return deliveries
}
