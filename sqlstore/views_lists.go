package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// errNotYet is the answer of the lists that this package doesn't read yet.
var errNotYet = fmt.Errorf("sqlstore: %w", errors.ErrUnsupported)

// OpenBatches returns an error that wraps [errors.ErrUnsupported].
func (s *Store) OpenBatches(context.Context, time.Time, ...allocation.SKU) ([]views.Batch, error) {
	return nil, errNotYet
}

// LotBatches returns an error that wraps [errors.ErrUnsupported].
func (s *Store) LotBatches(
	context.Context, time.Time, allocation.BatchRef, allocation.BatchRef, int,
) ([]views.Batch, error) {
	return nil, errNotYet
}

// LotLines returns an error that wraps [errors.ErrUnsupported].
func (s *Store) LotLines(context.Context, allocation.BatchRef, views.Key, int) ([]views.LotLine, error) {
	return nil, errNotYet
}

// Due returns an error that wraps [errors.ErrUnsupported].
func (s *Store) Due(context.Context, time.Time, views.Key, int, ...views.DueKind) ([]views.Due, error) {
	return nil, errNotYet
}

// Products returns an error that wraps [errors.ErrUnsupported].
func (s *Store) Products(
	context.Context, time.Time, views.ProductFilter, allocation.SKU, int,
) ([]views.Product, error) {
	return nil, errNotYet
}

// Orders returns an error that wraps [errors.ErrUnsupported].
func (s *Store) Orders(context.Context, string, allocation.OrderID, int) ([]allocation.OrderID, error) {
	return nil, errNotYet
}

// Entries returns an error that wraps [errors.ErrUnsupported].
func (s *Store) Entries(
	context.Context, time.Time, allocation.SKU, views.Key, int,
) ([]views.Entry, error) {
	return nil, errNotYet
}
