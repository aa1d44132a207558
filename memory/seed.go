package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Seed announces batches, so that a test starts with stock, SKU by SKU in the order of the SKUs' first batches. The
// rules of [allocation.Service.AddBatch] hold: a repeated announcement changes nothing, and invalid data is refused.
// New batches of a SKU are announced in one unit of work. Faults of FailLoad and FailCommit apply to Seed, too; a
// commit that fails stores no batch of the unit of work. After any other error the batches announced before stay
// stored, and later batches are not announced. The BatchAdded of a seeded batch has the present time, not the time of
// a [Clock].
func (s *Store) Seed(batches ...allocation.Batch) error {
	units := allocation.NewUnitOfWork(s, nil)
	service, err := allocation.New(units, nil)
	if err != nil {
		return err
	}
	var skus []allocation.SKU
	bySKU := map[allocation.SKU][]allocation.Batch{}
	for _, b := range batches {
		if bySKU[b.SKU] == nil {
			skus = append(skus, b.SKU)
		}
		bySKU[b.SKU] = append(bySKU[b.SKU], b)
	}
	for _, sku := range skus {
		if err := s.seed(units, service, bySKU[sku]); err != nil {
			return err
		}
	}
	return nil
}

// seed announces batches of one SKU: together as long as they are new, and alone otherwise.
func (s *Store) seed(units allocation.UnitOfWork, service *allocation.Service, batches []allocation.Batch) error {
	for len(batches) > 0 {
		fresh := s.countNew(batches)
		if fresh < 2 {
			if err := service.AddBatch(context.Background(), batches[0]); err != nil {
				return err
			}
			batches = batches[1:]
			continue
		}
		var refused error
		err := units.Do(context.Background(), func(ctx context.Context, products allocation.Repository) error {
			refused = nil
			p, err := products.Get(ctx, batches[0].SKU)
			if errors.Is(err, allocation.ErrNotFound) {
				if p, err = allocation.NewProduct(batches[0].SKU); err == nil {
					err = products.Add(p)
				}
			}
			for i := 0; err == nil && refused == nil && i < fresh; i++ {
				refused = p.AddBatch(batches[i], products.Now())
			}
			return err
		})
		if err = cmp.Or(err, refused); err != nil {
			return err
		}
		batches = batches[fresh:]
	}
	return nil
}

// countNew returns how many batches from the first on are unknown to the store.
func (s *Store) countNew(batches []allocation.Batch) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := func(b allocation.Batch) bool { return s.owners[b.Ref] != nil }
	if first := slices.IndexFunc(batches, known); first >= 0 {
		return first
	}
	return len(batches)
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
