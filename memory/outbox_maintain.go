package memory

import (
	"context"
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// Backlog counts unsent events and their products, see [outbox.Maintainer].
func (s *Store) Backlog(ctx context.Context) (outbox.Backlog, error) {
	if err := s.check(ctx, "Backlog"); err != nil {
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

// Failures returns a page of the products whose first unsent event failed, see [outbox.Maintainer].
func (s *Store) Failures(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
	const op = "Failures"
	if err := s.check(ctx, op); err != nil {
		return nil, err
	}
	if err := checkAtLeastOne(op, "limit", limit); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []outbox.Failure
	for _, p := range s.withUnsent(after, limit, (*product).hasFailed) {
		failures = append(failures, p.failure)
	}
	return failures, nil
}

// Retry makes a failed event due now, see [outbox.Maintainer]. A relay with a lease on the product keeps the lease.
func (s *Store) Retry(ctx context.Context, sku allocation.SKU) error {
	const op = "Retry"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.failedProduct(op, sku)
	if err != nil {
		return err
	}
	p.failure = outbox.Failure{}
	return nil
}

// Skip marks a failed event as sent, see [outbox.Maintainer]. A relay with a lease on the product keeps the lease.
func (s *Store) Skip(ctx context.Context, sku allocation.SKU, sequence int64) error {
	const op = "Skip"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.failedProduct(op, sku)
	if err != nil {
		return err
	}
	if failed := p.failure.Sequence; failed != sequence {
		return &allocation.Error{
			Op: op, Field: "sequence", Value: sequence,
			Err: fmt.Errorf("%w: the failed event of sku %q has sequence %d", allocation.ErrNotFound, sku, failed),
		}
	}
	s.markSent(p, sequence)
	return nil
}

// failedProduct returns the product if its first unsent event failed, and ErrNotFound otherwise.
func (s *Store) failedProduct(op string, sku allocation.SKU) (*product, error) {
	if p := s.unsent[sku]; p != nil && p.hasFailed() {
		return p, nil
	}
	return nil, &allocation.Error{
		Op: op, Field: "sku", Value: sku, Err: fmt.Errorf("failed event: %w", allocation.ErrNotFound),
	}
}
