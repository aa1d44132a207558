package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

func TestMendCorrectsChangesMadeByHand(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
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
				assert.Equal(t, []allocation.Tally{drift.want}, drifted.Tallies, "Reconcile")
				mended, err := service.Mend(ctx, "chair")
				require.NoError(t, err)
				assert.Equal(t, drifted, mended, "Mend")
				left, err := service.Reconcile(ctx, "chair")
				require.NoError(t, err)
				assert.False(t, left.Drifted(), "Reconcile after Mend: %+v", left)
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
		audit, err := store.Audit(ctx, "chair")
		require.NoError(t, err)
		assert.EqualValues(t, 1, audit.Version)
		assert.Equal(t, []allocation.Tally{{Batch: "b", RecordedPurchased: 10}}, audit.Tallies)
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

// A restore of the products alone leaves versions behind the events.
func TestMendAfterAPartialRestore(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		service, _ := stocked(t, e.migrated(t, db))
		for _, order := range []allocation.OrderID{"o1", "o2"} {
			_, err := service.Allocate(ctx, firm(order, "chair", 2))
			require.NoError(t, err)
		}
		exec(t, db, `UPDATE allocation_products SET version = 1`+e.written("1"))
		_, err := service.Allocate(ctx, firm("o3", "chair", 1))
		require.ErrorContains(t, err, "see Mend", "a command before Mend")

		found := allocation.Audit{SKU: "chair", Version: 1, LastEvent: 3}
		audit, err := service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, found, audit, "Reconcile")
		plan, err := service.PlanMend(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, allocation.Changes{SKU: "chair", Read: 1, Version: 3}, plan, "PlanMend")
		audit, err = service.Mend(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, found, audit, "Mend")
		_, err = service.Allocate(ctx, firm("o3", "chair", 1))
		require.NoError(t, err, "a command after Mend")
		audit, err = service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, allocation.Audit{SKU: "chair", Version: 4, LastEvent: 4}, audit)
	})
}

// A restore of everything but the events leaves version, lines and counters behind.
func TestMendAfterARestoreOfAllButTheEvents(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		service, _ := stocked(t, store)
		for _, order := range []allocation.OrderID{"o1", "o2"} {
			_, err := service.Allocate(ctx, firm(order, "chair", 2))
			require.NoError(t, err)
		}
		exec(t, db, `DELETE FROM allocation_lines WHERE order_id = 'o2'`)
		exec(t, db, `UPDATE allocation_batches SET allocated = 2`)
		exec(t, db, `UPDATE allocation_products SET version = 2`+e.written("2"))
		_, err := service.Mend(ctx, "chair")
		require.NoError(t, err)
		audit, err := service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, allocation.Audit{SKU: "chair", Version: 4, LastEvent: 4}, audit)
		events, err := store.Events(ctx, "chair", 3, 9)
		require.NoError(t, err)
		assert.Equal(t, []allocation.Event{allocation.BatchCorrected{
			SKU: "chair", At: start, Batch: "b", Allocated: -2, AllocatedFrom: 2, AllocatedTo: 2,
		}}, events, "the ledger had two units too many, the counter was right")
	})
}

// A restore of the events alone loses the last events. The version stays, and the next event closes the gap.
func TestMendAfterALossOfEvents(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		service, _ := stocked(t, e.migrated(t, db))
		_, err := service.Allocate(ctx, firm("o1", "chair", 2))
		require.NoError(t, err)
		exec(t, db, `DELETE FROM allocation_events WHERE sequence > 1`)
		audit, err := service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, []int64{2, 1}, []int64{audit.Version, audit.LastEvent})
		assert.Len(t, audit.Tallies, 1)
		_, err = service.Mend(ctx, "chair")
		require.NoError(t, err)
		audit, err = service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, allocation.Audit{SKU: "chair", Version: 3, LastEvent: 3}, audit)
	})
}

func TestTheLastEventIsKnownAfterAPurge(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		service, _ := stocked(t, store)
		purge := func(last int64) {
			require.NoError(t, store.Settle(ctx, outbox.Settlement{SKU: "chair", Sent: last}))
			_, err := store.Purge(ctx, start.Add(time.Hour))
			require.NoError(t, err)
			audit, err := service.Reconcile(ctx, "chair")
			require.NoError(t, err)
			assert.Equal(t, allocation.Audit{SKU: "chair", Version: last, LastEvent: last}, audit)
		}
		purge(1)
		_, err := service.Allocate(ctx, firm("o1", "chair", 2))
		require.NoError(t, err)
		purge(2)
		exec(t, db, `UPDATE allocation_products SET version = 1`+e.written("1"))
		_, err = service.Mend(ctx, "chair")
		require.NoError(t, err)
		audit, err := service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, allocation.Audit{SKU: "chair", Version: 2, LastEvent: 2}, audit, "after a restore and a Mend")
	})
}
