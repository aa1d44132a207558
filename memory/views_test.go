package memory_test

import (
	"context"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

func ExampleStore_Stock() {
	store, clock := memory.New(), memory.NewClock(time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC))
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	if err != nil {
		log.Fatal(err)
	}
	tomorrow := clock.Now().Add(24 * time.Hour)
	if err := store.Seed(
		allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 3},
		allocation.Batch{Ref: "batch-2", SKU: "RED-CHAIR", Purchased: 10, ETA: tomorrow},
	); err != nil {
		log.Fatal(err)
	}
	show := func() {
		stock, err := store.Stock(context.Background(), clock.Now(), "RED-CHAIR")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(stock[0].InWarehouse, "left,", stock[0].AvailableBy(tomorrow), "by tomorrow")
	}

	held := allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "cart-17", SKU: "RED-CHAIR", Quantity: 2},
		HoldUntil: clock.Now().Add(15 * time.Minute),
	}
	if _, err := service.Allocate(context.Background(), held); err != nil {
		log.Fatal(err)
	}
	show()
	clock.Advance(15 * time.Minute) // the units of a lapsed hold are free before any command has released the hold
	show()
	// Output:
	// 1 left, 11 by tomorrow
	// 3 left, 13 by tomorrow
}

func TestViewsDoNotTakeTheFaultsOfLoads(t *testing.T) {
	store, service := seeded(t)
	_, err := service.Allocate(t.Context(), want("o1", 2))
	require.NoError(t, err)
	store.FailLoad(assert.AnError)
	lines, err := store.Order(t.Context(), "o1")
	require.NoError(t, err)
	assert.Equal(t, []views.Line{{
		OrderLine: want("o1", 2).OrderLine, Sequence: 2,
		Parts: []views.Part{{Part: allocation.Part{Batch: "b1", Quantity: 2}}},
	}}, lines)
	_, err = service.Cancel(t.Context(), "o1")
	assert.ErrorIs(t, err, assert.AnError, "error of the next load")
}
