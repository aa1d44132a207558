package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// floodMemory fills a store in memory through a Service whose clock stands before 2026: the holds are live when they
// are placed. Each batch has a location of its own, by which a hold gets its batch.
func floodMemory(ctx context.Context, holds, batches int) (*flooded, error) {
	lapse := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store, clock := memory.New(), memory.NewClock(lapse.Add(-time.Hour))
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		return nil, err
	}
	shelf := func(i int) string { return fmt.Sprintf("lamp-%d", i%batches+1) }
	for i := range batches {
		if err := service.AddBatch(ctx, allocation.Batch{
			Ref: allocation.BatchRef(shelf(i)), SKU: lamp, Location: allocation.Location(shelf(i)),
			Purchased: allocation.Quantity(holds/batches + 1),
		}); err != nil {
			return nil, err
		}
	}
	for first := 0; first < holds; first += 100 {
		orders := make([][]allocation.Request, min(100, holds-first))
		for i := range orders {
			n := first + i
			line := ofLamp(fmt.Sprintf("cart-%d", n+1), 1)
			line.Split, line.Location = false, allocation.Location(shelf(n))
			line.HoldUntil = lapse.Add(time.Duration(n+1) * time.Microsecond)
			orders[i] = []allocation.Request{line}
		}
		if _, errs := service.AllocateEach(ctx, orders); errors.Join(errs...) != nil {
			return nil, errors.Join(errs...)
		}
	}
	return &flooded{store: store, sum: sumOf(holds), close: func() error { return nil }}, nil
}

// sumOf is the bare sum of memory: a plain loop over the quantities of as many lines, each behind a pointer.
func sumOf(holds int) func(context.Context, time.Time) error {
	lines := make([]*allocation.Allocation, holds)
	for i := range lines {
		lines[i] = &allocation.Allocation{OrderLine: allocation.OrderLine{Quantity: 1}}
	}
	return func(_ context.Context, now time.Time) error {
		var sum allocation.Quantity
		for _, l := range lines {
			if !l.HeldUntil.After(now) {
				sum += l.Quantity
			}
		}
		if sum != allocation.Quantity(holds) {
			return fmt.Errorf("the sum of %d holds of one unit is %d", holds, sum)
		}
		return nil
	}
}
