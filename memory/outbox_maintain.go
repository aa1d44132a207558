package memory

import (
	"context"
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// Backlog counts what is unsent, see [outbox.Maintainer].
func (s *Store) Backlog(ctx context.Context) (outbox.Backlog, error) {
	if err := check(ctx, "Backlog"); err != nil {
		return outbox.Backlog{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var backlog outbox.Backlog
	for _, p := range s.unsent {
		unsent := p.unsent()
		backlog.Products++
		backlog.Events += int64(len(unsent))
		for _, r := range unsent {
			if at := r.Event.Time(); backlog.Oldest.IsZero() || at.Before(backlog.Oldest) {
				backlog.Oldest = at
			}
		}
	}
	return backlog, nil
}

// Failures lists products whose first unsent event failed, see [outbox.Maintainer].
func (s *Store) Failures(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
	const op = "Failures"
	if err := check(ctx, op); err != nil {
		return nil, err
	}
	if err := atLeastOne(op, "limit", limit); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []outbox.Failure
	for _, p := range s.withUnsent(after, limit, func(p *product) bool { _, failed := p.failing(); return failed }) {
		failures = append(failures, p.failure)
	}
	return failures, nil
}

// Retry lets a failed event be tried again, see [outbox.Maintainer]. Whoever is trying it just now keeps the lease.
func (s *Store) Retry(ctx context.Context, sku allocation.SKU) error {
	const op = "Retry"
	if err := check(ctx, op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.failed(op, sku)
	if err != nil {
		return err
	}
	p.failure = outbox.Failure{}
	return nil
}

// Skip gives up a failed event, see [outbox.Maintainer]. Whoever is trying it just now keeps the lease.
func (s *Store) Skip(ctx context.Context, sku allocation.SKU, sequence int64) error {
	const op = "Skip"
	if err := check(ctx, op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.failed(op, sku)
	if err != nil {
		return err
	}
	if p.failure.Sequence != sequence {
		return &allocation.Error{
			Op: op, Field: "sequence", Value: sequence,
			Err: fmt.Errorf("%w: the event of sku %q that failed is number %d", allocation.ErrNotFound, sku, p.failure.Sequence),
		}
	}
	s.markSent(p, sequence)
	return nil
}

// failed finds a product whose first unsent event failed.
func (s *Store) failed(op string, sku allocation.SKU) (*product, error) {
	if p := s.unsent[sku]; p != nil {
		if _, failed := p.failing(); failed {
			return p, nil
		}
	}
	return nil, &allocation.Error{
		Op: op, Field: "sku", Value: sku, Err: fmt.Errorf("failed event: %w", allocation.ErrNotFound),
	}
}
