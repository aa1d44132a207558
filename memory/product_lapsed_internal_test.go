package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// lapsing returns a product with holds on three batches, a hold of one unit for every second, a service and the first
// second.
func lapsing(t *testing.T, holds int) (*Store, *allocation.Service, time.Time) {
	t.Helper()
	start := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store, clock := New(), NewClock(start)
	service, err := allocation.New(
		allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	require.NoError(t, err)
	for i := range 3 {
		ref := allocation.BatchRef(fmt.Sprint("b", i))
		require.NoError(t, store.Seed(allocation.Batch{Ref: ref, SKU: "LAMP", Purchased: allocation.Quantity(holds)}))
	}
	for i := range holds {
		until := start.Add(time.Duration(i+1) * time.Second)
		_, err := service.Allocate(t.Context(), heldUntil(fmt.Sprint("o", i), 1, until))
		require.NoError(t, err)
	}
	return store, service, start
}

func heldUntil(order string, units allocation.Quantity, until time.Time) allocation.Request {
	return allocation.Request{Split: true, HoldUntil: until, OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(order), SKU: "LAMP", Quantity: units,
	}}
}

// Stock must stay cheap beside a million lapsed holds: at the same time again, Stock reads no hold.
func TestStockReadsALapsedHoldOnce(t *testing.T) {
	store, _, start := lapsing(t, 20)
	now := start.Add(15 * time.Second)
	first, err := store.Stock(t.Context(), now, "LAMP")
	require.NoError(t, err)
	require.Equal(t, allocation.Quantity(60-20+15), first[0].InWarehouse)
	store.products["LAMP"].holds = ordered[hold]{}
	again, err := store.Stock(t.Context(), now, "LAMP")
	require.NoError(t, err)
	require.Equal(t, first, again)
}

// Holds come, go and change, and Stock is asked for earlier and later times.
func TestTheSumsOfLapsedHoldsAreTheSumsOfTheHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	store, service, start := lapsing(t, 20)
	p := store.products["LAMP"]
	for i := range 2000 {
		order := allocation.OrderID(fmt.Sprint("o", random.IntN(30)))
		until := start.Add(time.Duration(1+random.IntN(20)) * time.Second)
		switch random.IntN(4) { // a command may be refused
		case 0:
			_, _ = service.Allocate(t.Context(), heldUntil(string(order), allocation.Quantity(1+random.IntN(9)), until))
		case 1:
			_, _ = service.Cancel(t.Context(), order)
		case 2:
			_, _ = service.Confirm(t.Context(), order)
		}
		now := start.Add(time.Duration(random.IntN(22)) * time.Second)
		p.sumLapsed(now)
		wanted := map[allocation.BatchRef]allocation.Quantity{}
		for h := range p.holds.all() {
			if a := p.line(h.line); a.Lapsed(now) {
				for _, part := range a.Parts {
					wanted[part.Batch] += part.Quantity - part.Shipped
				}
			}
		}
		copied := p.clone() // as a transaction does
		require.Equal(t, wanted, copied.lapsed.units, "sums of a copy, step %d", i)
		copied.sumLapsed(start)
		require.Empty(t, copied.lapsed.units, "sums of a copy before the first hold lapses, step %d", i)
		require.Equal(t, wanted, p.lapsed.units, "step %d", i)
	}
}
