package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestMendCorrectsChangesMadeByHand(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		for name, drift := range map[string]struct {
			statement string
			want      allocation.Tally
		}{
			"allocated counter": {
				`UPDATE allocation_batches SET allocated = 6`,
				allocation.Tally{
					Batch: "b", Purchased: 10, Allocated: 6, Promised: 4,
					RecordedPurchased: 10, RecordedAllocated: 4,
				},
			},
			"purchased counter": {
				`UPDATE allocation_batches SET purchased = 12`,
				allocation.Tally{
					Batch: "b", Purchased: 12, Allocated: 4, Promised: 4,
					RecordedPurchased: 10, RecordedAllocated: 4,
				},
			},
			"lost line": {
				`DELETE FROM allocation_lines`,
				allocation.Tally{
					Batch: "b", Purchased: 10, Allocated: 4,
					RecordedPurchased: 10, RecordedAllocated: 4,
				},
			},
			"lost event": {
				`DELETE FROM allocation_events WHERE kind = 'LineAllocated'`,
				allocation.Tally{
					Batch: "b", Purchased: 10, Allocated: 4, Promised: 4,
					RecordedPurchased: 10,
				},
			},
		} {
			t.Run(name, func(t *testing.T) {
				ctx := context.Background()
				db := e.new(t).open(t)
				service, _ := stocked(t, e.migrated(t, db))
				_, err := service.Allocate(ctx, firm("o", "chair", 4))
				require.NoError(t, err)
				exec(t, db, drift.statement)

				drifted, err := service.Reconcile(ctx, "chair")
				require.NoError(t, err)
				assert.Equal(t, []allocation.Tally{drift.want}, drifted, "Reconcile")
				mended, err := service.Mend(ctx, "chair")
				require.NoError(t, err)
				assert.Equal(t, drifted, mended, "Mend")
				left, err := service.Reconcile(ctx, "chair")
				require.NoError(t, err)
				assert.Empty(t, left, "Reconcile after Mend")
			})
		}
	})
}

func TestABatchKnownOnlyToEventsIsAudited(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		stocked(t, store)
		exec(t, db, `DELETE FROM allocation_batches`)
		version, tallies, err := store.Audit(ctx, "chair")
		require.NoError(t, err)
		assert.EqualValues(t, 1, version)
		assert.Equal(t, []allocation.Tally{{Batch: "b", RecordedPurchased: 10}}, tallies)
	})
}

func TestAHostCanSumTheLedgerWithSQL(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		service, clock := stocked(t, e.migrated(t, db))
		_, err := service.Allocate(ctx, firm("o", "chair", 4))
		require.NoError(t, err)
		clock.Advance(time.Hour)
		_, err = service.ShipPart(ctx, allocation.OrderLine{OrderID: "o", SKU: "chair", Quantity: 3})
		require.NoError(t, err)

		var purchased, allocated int64
		require.NoError(t, db.QueryRowContext(ctx, `
			SELECT SUM(purchased), SUM(allocated) FROM allocation_events WHERE sku = 'chair' AND batch_ref = 'b'`).
			Scan(&purchased, &allocated))
		assert.EqualValues(t, 7, purchased, "10 announced, 3 shipped")
		assert.EqualValues(t, 1, allocated, "4 promised, 3 shipped")

		var at int64
		require.NoError(t, db.QueryRowContext(ctx,
			`SELECT at FROM allocation_events WHERE kind = 'LineShipped'`).Scan(&at))
		assert.Equal(t, start.Add(time.Hour), time.UnixMicro(at).UTC(), "time of the shipment")
	})
}
