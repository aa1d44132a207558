package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

func TestAViewIsOneStatementOutsideAnyTransaction(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		for _, l := range looks {
			spied.trips()
			require.NoError(t, l.look(t.Context(), store))
			assert.Len(t, spied.trips(), 1, "statements of %s", l.name)
		}
		stocks, err := store.Stock(t.Context(), start)
		require.NoError(t, err)
		assert.Empty(t, stocks)
		assert.Empty(t, spied.trips(), "statements about no product")
	})
}

func TestAViewRefusesBadInputBeforeAnyStatement(t *testing.T) {
	spied, db := onSQLite.new(t).spied(t)
	store := onSQLite.migrated(t, db)
	spied.trips()
	for name, c := range map[string]struct {
		call func(ctx context.Context, r views.Reader) error
		want allocation.Error
	}{
		"order": {
			func(ctx context.Context, r views.Reader) error { _, err := r.Order(ctx, ""); return err },
			allocation.Error{Op: "Order", Field: "order", Value: allocation.OrderID("")},
		},
		"sku after others": {
			func(ctx context.Context, r views.Reader) error {
				_, err := r.Stock(ctx, start, "chair", " ")
				return err
			},
			allocation.Error{Op: "Stock", Field: "sku", Value: allocation.SKU(" ")},
		},
		"product": {
			func(ctx context.Context, r views.Reader) error {
				_, err := r.Batches(ctx, start, "", "", 1)
				return err
			},
			allocation.Error{Op: "Batches", Field: "sku", Value: allocation.SKU("")},
		},
		"cursor": {
			func(ctx context.Context, r views.Reader) error {
				_, err := r.Batches(ctx, start, "chair", "\x00", 1)
				return err
			},
			allocation.Error{Op: "Batches", Field: "batch", Value: allocation.BatchRef("\x00")},
		},
		"page of batches": {
			func(ctx context.Context, r views.Reader) error {
				_, err := r.Batches(ctx, start, "chair", "", 0)
				return err
			},
			allocation.Error{Op: "Batches", Field: "limit", Value: 0},
		},
		"batch": {
			func(ctx context.Context, r views.Reader) error {
				_, err := r.BatchLines(ctx, "", allocation.Rank{}, 1)
				return err
			},
			allocation.Error{Op: "BatchLines", Field: "batch", Value: allocation.BatchRef("")},
		},
		"page of lines": {
			func(ctx context.Context, r views.Reader) error {
				_, err := r.BatchLines(ctx, "b", allocation.Rank{}, -1)
				return err
			},
			allocation.Error{Op: "BatchLines", Field: "limit", Value: -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.call(t.Context(), store)
			require.ErrorIs(t, err, allocation.ErrInvalid)
			var got *allocation.Error
			require.ErrorAs(t, err, &got)
			c.want.Err = got.Err
			assert.Equal(t, c.want, *got)
			assert.Empty(t, spied.trips(), "statements")
		})
	}
}

func TestAViewTellsThatTheTablesAreMissing(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		store := e.store(t, e.new(t).open(t), nil)
		for _, l := range looks {
			require.ErrorIs(t, l.look(t.Context(), store), sqlstore.ErrNotMigrated, l.name)
		}
	})
}

// Engines have limits for parameters, and a statement may be another one for few products.
func TestStockOfAnyNumberOfProducts(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		_, store := e.fresh(t)
		service, clock := serviceOn(t, store)
		var skus []allocation.SKU
		var lines []allocation.Request
		for i := range 40 {
			sku := allocation.SKU(fmt.Sprintf("sku-%02d", i))
			skus = append(skus, sku)
			require.NoError(t, service.AddBatch(t.Context(),
				allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 10}))
			held, lapsed := firm("held", sku, 2), firm("lapsed", sku, 3)
			held.HoldUntil, lapsed.HoldUntil = start.Add(2*time.Hour), start.Add(time.Hour)
			lines = append(lines, held, lapsed, firm("firm", sku, 1))
		}
		_, err := service.Allocate(t.Context(), lines...)
		require.NoError(t, err)
		clock.Advance(time.Hour)
		unknown := make([]allocation.SKU, 33_000)
		for i := range unknown {
			unknown[i] = allocation.SKU(fmt.Sprint("unknown ", i))
		}
		for _, n := range []int{1, 2, 3, 32, 33, 40} {
			requireStock(t, store, clock.Now(), skus[:n], skus[:n])
		}
		requireStock(t, store, clock.Now(), append(unknown, skus...), skus)
		requireStock(t, store, clock.Now(), append(skus, skus...), append(skus, skus...))
	})
}

// requireStock asks for products, and wants some with 7 units each.
func requireStock(t *testing.T, r views.StockReader, now time.Time, skus, known []allocation.SKU) {
	t.Helper()
	stocks, err := r.Stock(t.Context(), now, skus...)
	require.NoError(t, err)
	var want []views.Stock
	for _, sku := range known {
		want = append(want, views.Stock{SKU: sku, Version: 4, InWarehouse: 7})
	}
	require.Equal(t, want, stocks, "stock of %d products", len(skus))
}

func TestStocksOfARepeatedProductShareNothing(t *testing.T) {
	_, store := onSQLite.fresh(t)
	service, _ := serviceOn(t, store)
	require.NoError(t, service.AddBatch(t.Context(),
		allocation.Batch{Ref: "b", SKU: "chair", Purchased: 5, ETA: start}))
	stocks, err := store.Stock(t.Context(), start, "chair", "chair")
	require.NoError(t, err)
	stocks[0].Arriving[0].Quantity = 0
	assert.Equal(t, []views.Arrival{{ETA: start, Quantity: 5}}, stocks[1].Arriving)
}

// uncheck lets somebody write by hand what the tables refuse.
var uncheck = map[*engine]string{
	onSQLite:     `PRAGMA ignore_check_constraints = 1`,
	onPostgreSQL: `ALTER TABLE allocation_batches DROP CONSTRAINT allocation_never_oversold`,
	onMariaDB:    `ALTER TABLE allocation_batches DROP CONSTRAINT allocation_never_oversold`,
}

func TestLapsedUnitsOfAnOversoldBatchMakeGoodForItFirst(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		db.SetMaxOpenConns(1)
		store := e.migrated(t, db)
		service, clock := stocked(t, store)
		lapsed := firm("lapsed", "chair", 4)
		lapsed.HoldUntil = start.Add(time.Minute)
		_, err := service.Allocate(t.Context(), lapsed, firm("firm", "chair", 6))
		require.NoError(t, err)
		clock.Advance(time.Hour)
		exec(t, db, uncheck[e])
		for purchased, want := range map[int]allocation.Quantity{10: 4, 8: 2, 6: 0, 3: 0} {
			requireFree(t, db, store, clock.Now(), purchased, want)
		}
	})
}

// requireFree changes by hand what batch "b" has, and wants so many units to be free, as the model does.
func requireFree(t *testing.T, db *sql.DB, store *sqlstore.Store, now time.Time, purchased int,
	want allocation.Quantity) {
	t.Helper()
	exec(t, db, fmt.Sprint(`UPDATE allocation_batches SET purchased = `, purchased))
	stocks, err := store.Stock(t.Context(), now, "chair")
	require.NoError(t, err)
	assert.Equal(t, want, stocks[0].InWarehouse, "stock of %d units, 6 firm and 4 lapsed", purchased)
	batches, err := store.Batches(t.Context(), now, "chair", "", 1)
	require.NoError(t, err)
	assert.Equal(t, want, batches[0].Free, "of %d units, 6 firm and 4 lapsed", purchased)

	q := allocation.Query{SKUs: []allocation.SKU{"chair"}, Now: now, Limit: 10}
	states, err := store.Load(t.Context(), q)
	require.NoError(t, err)
	product, err := states[0].Product(q)
	require.NoError(t, err)
	available, err := product.Available(now)
	require.NoError(t, err)
	assert.Equal(t, available, stocks[0].InWarehouse, "Available() of %d units", purchased)
}
