package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Seed announces batches, so that a test starts with stock. Seed calls [allocation.Service.AddBatch] for each batch,
// so the rules of the model hold: a repeated announcement changes nothing, and invalid data is refused. Faults of
// FailLoad and FailCommit apply to Seed, too. After an error the earlier batches stay stored, and later batches are
// not announced. The BatchAdded of a seeded batch has the present time, not the time of a [Clock].
func (s *Store) Seed(batches ...allocation.Batch) error {
	service, err := allocation.New(allocation.NewUnitOfWork(s, nil), nil)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := service.AddBatch(context.Background(), b); err != nil {
			return err
		}
	}
	return nil
}

// Product returns a copy of a product's whole committed state: all batches by Ref, used-up batches included, all lines
// by OrderID and LineID, lapsed holds included, and all lines that wait, in the order of serving. NextExpiry is the
// earliest HeldUntil of all lines, since Product has no clock. The result is false if the SKU is unknown.
func (s *Store) Product(sku allocation.SKU) (allocation.State, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[sku]
	if p == nil {
		return allocation.State{}, false
	}
	state := allocation.State{SKU: p.sku, Version: p.version, Refused: p.refused, LowStock: p.lowStock, Low: p.low}
	state.Serving, state.AnyWaiting = p.serving, len(p.waiting) > 0
	for at := range p.queue.all() {
		state.Waiting = append(state.Waiting, p.waiting[at.line])
	}
	for _, ref := range slices.Sorted(maps.Keys(p.batches)) {
		state.Batches = append(state.Batches, p.batches[ref].Batch)
	}
	for _, first := range p.lines {
		for l := first; l != nil; l = l.next {
			state.Lines = append(state.Lines, copyLine(l.Allocation))
		}
	}
	slices.SortFunc(state.Lines, func(a, b allocation.Allocation) int {
		return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
	})
	if first, held := p.holds.first(); held {
		state.NextExpiry = first.until
	}
	return state, true
}
