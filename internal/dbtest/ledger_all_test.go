package dbtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// TestReconcileAllAgreesWithReconcile has products with lines of every kind, drift, and a purged ledger, and one
// connection, which the body of the loop needs as well.
func TestReconcileAllAgreesWithReconcile(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		ctx := t.Context()
		spied, db := e.new(t).spied(t)
		db.SetMaxOpenConns(1)
		store := e.migrated(t, db)
		service, clock := serviceOn(t, store)
		const products = 205
		for n := range products {
			sku := allocation.SKU(fmt.Sprintf("sku-%03d", n))
			for _, ref := range []string{"a", "b"} {
				b := allocation.Batch{Ref: allocation.BatchRef(ref + string(sku)), SKU: sku, Purchased: 4}
				require.NoError(t, service.AddBatch(ctx, b))
			}
			line := firm("o", sku, 6)
			line.Split = true
			_, err := service.Allocate(ctx, line, firm("p", sku, 1))
			require.NoError(t, err)
		}
		_, err := service.Ship(ctx, "p")
		require.NoError(t, err)
		settled := outbox.Settlement{Owner: "relay", SKU: "sku-007", Sent: 4}
		require.NoError(t, store.Settle(ctx, settled))
		_, err = store.Purge(ctx, clock.Now().Add(time.Hour))
		require.NoError(t, err)
		exec(t, db, `UPDATE allocation_batches SET purchased = purchased + 1 WHERE ref = 'asku-100'`)
		exec(t, db, `DELETE FROM allocation_lines WHERE sku = 'sku-200' AND order_id = 'o'`)
		exec(t, db, `UPDATE allocation_products SET version = 2`+e.written("2")+` WHERE sku = 'sku-201'`)

		spied.trips()
		var audits []allocation.Audit
		for audit, err := range service.ReconcileAll(ctx, "sku-001") {
			require.NoError(t, err)
			audits = append(audits, audit)
		}
		assert.Len(t, spied.trips(), 3, "statements for %d products", products)
		require.Len(t, audits, products-2)
		drifted := 0
		for _, audit := range audits {
			one, err := service.Reconcile(ctx, audit.SKU)
			require.NoError(t, err)
			require.Equal(t, one, audit)
			if audit.Drifted() {
				drifted++
			}
		}
		assert.Equal(t, 3, drifted)
		mendAll(t, service)
	})
}

// mendAll mends every product that has drifted, in the loop that finds it.
func mendAll(t *testing.T, service *allocation.Service) {
	t.Helper()
	for _, want := range []int{3, 0} {
		drifted := 0
		for audit, err := range service.ReconcileAll(t.Context(), "") {
			require.NoError(t, err)
			if !audit.Drifted() {
				continue
			}
			drifted++
			plan, err := service.PlanMend(t.Context(), audit.SKU)
			require.NoError(t, err)
			assert.Greater(t, plan.Version, plan.Read, "what PlanMend would change")
			_, err = service.Mend(t.Context(), audit.SKU)
			require.NoError(t, err)
		}
		assert.Equal(t, want, drifted, "products that have drifted")
	}
}
