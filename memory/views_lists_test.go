package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// market has a lot of milk in two batches, chairs on the way, and lines of every kind that may become due.
func market(t *testing.T, now time.Time) (*memory.Store, *allocation.Service) {
	t.Helper()
	store, clock := memory.New(), memory.NewClock(now)
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now})
	service, err := allocation.New(units, nil)
	require.NoError(t, err)
	for _, b := range []allocation.Batch{
		{Ref: "milk-1", SKU: "milk", Purchased: 5, BestBefore: now.Add(48 * time.Hour)},
		{Ref: "milk-9", SKU: "milk", Purchased: 2, Lot: "milk-1"},
		{Ref: "chair-1", SKU: "chair", Purchased: 4, ETA: now.Add(time.Hour)},
	} {
		require.NoError(t, service.AddBatch(t.Context(), b))
	}
	line := func(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.OrderLine {
		return allocation.OrderLine{OrderID: order, SKU: sku, Quantity: units}
	}
	_, err = service.Allocate(t.Context(),
		allocation.Request{OrderLine: line("o-1", "milk", 6), Split: true},
		allocation.Request{OrderLine: line("o-2", "chair", 1), HoldUntil: now.Add(3 * time.Hour)},
		allocation.Request{OrderLine: line("p-3", "chair", 3), NeededBy: now.Add(2 * time.Hour)},
		allocation.Request{OrderLine: line("p-4", "chair", 8), NeededBy: now.Add(2 * time.Hour), Wait: true})
	require.NoError(t, err)
	return store, service
}

func TestListsAreReadPageByPage(t *testing.T) {
	now := time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	store, service := market(t, now)
	_, err := service.Ship(t.Context(), "o-1")
	require.NoError(t, err)

	var parts []string
	for after := (views.Key{}); ; {
		page, err := store.LotLines(t.Context(), "milk-1", after, 1)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		parts, after = append(parts, string(page[0].Batch)+" "+string(page[0].OrderID)), page[0].Key()
	}
	assert.Equal(t, []string{"milk-1 o-1", "milk-9 o-1"}, parts, "lines of the lot")

	var kinds []views.DueKind
	for after := (views.Key{}); ; {
		page, err := store.Due(t.Context(), now.Add(72*time.Hour), after, 1)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		kinds, after = append(kinds, page[0].Kind), page[0].Key()
	}
	assert.Equal(t, []views.DueKind{views.DueArrival, views.DueLate, views.DueWaiting, views.DueHold}, kinds)

	orders, err := store.Orders(t.Context(), "p", "p-3", 9)
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderID{"p-4"}, orders)
	products, err := store.Products(t.Context(), now, views.ProductFilter{Prefix: "mi"}, "", 9)
	require.NoError(t, err)
	assert.Equal(t, []views.Product{{Stock: views.Stock{SKU: "milk", Version: 6, InWarehouse: 1}}}, products)
	entries, err := store.Entries(t.Context(), time.Time{}, "", views.Key{SKU: "chair", Sequence: 3}, 2)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, views.Key{SKU: "chair", Sequence: 4}, entries[0].Key())
	assert.Equal(t, views.Key{SKU: "milk", Sequence: 1}, entries[1].Key())
}
