package dbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestManyBuyersNeverOversell(t *testing.T) { each(t, engines, manyBuyers) }

// manyBuyers has two pools on one database, in the place of two processes.
func manyBuyers(t *testing.T, e *engine) {
	const (
		buyers = 4 // of each process
		orders = 10
		stock  = 60 // for 80 orders of one unit
	)
	ctx := context.Background()
	p := e.new(t)
	store := e.migrated(t, p.open(t))
	service, _ := serviceOn(t, store)
	for _, sku := range []allocation.SKU{"chair", "table"} {
		batch := allocation.Batch{Ref: "of " + allocation.BatchRef(sku), SKU: sku, Purchased: stock}
		require.NoError(t, service.AddBatch(ctx, batch))
	}

	var sold, refused atomic.Int64
	var all sync.WaitGroup
	for process, store := range []allocation.Store{store, e.store(t, p.open(t), nil)} {
		service, _ := serviceOn(t, store)
		for buyer := range buyers {
			all.Go(func() {
				for i := range orders {
					order := allocation.OrderID(fmt.Sprintf("%d-%d-%d", process, buyer, i))
					_, err := service.Allocate(ctx, firm(order, "chair", 1), firm(order, "table", 1))
					var short *allocation.OutOfStockError
					switch {
					case err == nil:
						sold.Add(1)
					case errors.As(err, &short):
						refused.Add(1)
					default:
						assert.NoError(t, err, "order %q", order)
					}
				}
			})
		}
	}
	all.Wait()
	assert.EqualValues(t, stock, sold.Load(), "orders sold")
	assert.EqualValues(t, 2*buyers*orders-stock, refused.Load(), "orders refused")
	for _, sku := range []allocation.SKU{"chair", "table"} {
		audit, err := store.Audit(ctx, sku)
		require.NoError(t, err)
		assert.Equal(t, []allocation.Tally{{
			Batch: "of " + allocation.BatchRef(sku), Purchased: stock, Allocated: stock,
			Promised: stock, RecordedPurchased: stock, RecordedAllocated: stock,
		}}, audit.Tallies)
	}
}

func TestAPoolOfOneConnectionIsEnough(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		db.SetMaxOpenConns(1)
		service, _ := stocked(t, e.migrated(t, db))
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				_, err := service.Allocate(ctx, firm(allocation.OrderID(fmt.Sprint("o", i)), "chair", 2))
				assert.NoError(t, err)
			})
		}
		all.Wait()
		_, err := service.Allocate(ctx, firm("late", "chair", 1))
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short)
	})
}
