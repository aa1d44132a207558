package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Seed announces batches, so that a test can begin with stock in hand. It goes through the model: announcing
// the same batch twice changes nothing, bad data is refused.
func (s *Store) Seed(batches ...allocation.Batch) error {
	service := allocation.New(allocation.NewUnitOfWork(s, nil), nil)
	for _, b := range batches {
		if err := service.AddBatch(context.Background(), b); err != nil {
			return err
		}
	}
	return nil
}

// Product returns a copy of everything that was committed of a product: all batches by Ref, used up or not,
// and all lines by OrderID, lapsed or not; false if the SKU is unknown.
func (s *Store) Product(sku allocation.SKU) (allocation.State, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[sku]
	if p == nil {
		return allocation.State{}, false
	}
	state := allocation.State{SKU: p.sku, Version: p.version, Refused: p.refused, LowStock: p.lowStock}
	for _, ref := range slices.Sorted(maps.Keys(p.batches)) {
		state.Batches = append(state.Batches, p.batches[ref].Batch)
	}
	for _, order := range slices.Sorted(maps.Keys(p.lines)) {
		state.Lines = append(state.Lines, copied(p.lines[order]))
	}
	if len(p.holds) > 0 {
		state.NextExpiry = p.holds[0].until
	}
	return state, true
}
