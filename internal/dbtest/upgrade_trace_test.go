package dbtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// written continues a change of a product's version, which on SQLite has to be written twice.
func (e *engine) written(version string) string {
	if e.dialect == sqlstore.SQLite {
		return ", written = " + version
	}
	return ""
}

// writesOfVersion3 are commits of a program of version 3, statement by statement: a sale, its shipment, and a delivery
// of a new product.
func writesOfVersion3(e *engine) []string {
	return []string{
		`UPDATE allocation_products SET version = 18, refused = 9, low_stock = 5, low = 0` + e.written("18") + `
		WHERE sku = 'chair' AND version = 17`,
		`UPDATE allocation_batches SET purchased = purchased + 0, allocated = allocated + 2
		WHERE ref = 'b-2' AND sku = 'chair'`,
		`INSERT INTO allocation_lines
		(order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
		VALUES ('late-1', 'chair', 0, 'b-2', 2, 0, 0, 18)`,
		eventOfVersion3 + `VALUES
			('chair', 18, 'LineAllocated', 1893489300000000, 'b-2', 0, 2, '{}', NULL, NULL, 18, 3)`,
		`UPDATE allocation_products SET version = 19` + e.written("19") + ` WHERE sku = 'chair' AND version = 18`,
		`UPDATE allocation_batches SET purchased = purchased - 2, allocated = allocated - 2 WHERE ref = 'b-2'`,
		`UPDATE allocation_lines SET shipped = 2 WHERE order_id = 'late-1' AND sku = 'chair'`,
		eventOfVersion3 + `VALUES
			('chair', 19, 'LineShipped', 1893489300000000, 'b-2', -2, -2, '{}', NULL, NULL, 19, 3)`,
		e.withWritten(`INSERT INTO allocation_products (sku, version, refused, low_stock, low /*SQLite: , written*/)
			VALUES ('novelty', 1, 0, 0, 0 /*SQLite: , 1*/)`),
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity)
			VALUES ('new', 'novelty', 9, 0, '', 9)`,
		eventOfVersion3 + `VALUES
			('novelty', 1, 'BatchAdded', 1893489300000000, 'new', 9, 0, '{}', NULL, NULL, 1, 3)`,
	}
}

const eventOfVersion3 = `INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data,
	id, trace_parent, unsent_from, written_for) `

func TestAProgramOfVersion3MayGoOnWritingAndIsTraced(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.used(t, 3)
		store := e.store(t, db, nil)
		require.NoError(t, store.Migrate(t.Context()))
		require.NoError(t, inTransaction(t.Context(), db, true, writesOfVersion3(e)))
		lines, err := store.LotLines(t.Context(), "b-2", views.Key{}, 9)
		require.NoError(t, err)
		var traced []string
		for _, l := range lines {
			traced = append(traced, string(l.OrderID))
		}
		assert.Equal(t, []string{"late-1", "o-2"}, traced, "lines of the lot")
		service, _ := serviceOn(t, store)
		requireClean(t, service, "chair", "novelty")
	})
}

func TestALotOfBeforeTheUpgradeIsTraced(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		store := e.store(t, e.used(t, 3), nil)
		require.NoError(t, store.Migrate(t.Context()))
		batches, err := store.LotBatches(t.Context(), day(0, 20), "lot-7", "", 9)
		require.NoError(t, err)
		require.Len(t, batches, 2)
		assert.Equal(t, "p-1", string(batches[1].SplitFrom))
		due, err := store.Due(t.Context(), day(9, 0), views.Key{}, 9)
		require.NoError(t, err)
		var kinds []views.DueKind
		for _, d := range due {
			kinds = append(kinds, d.Kind)
		}
		assert.Equal(t, []views.DueKind{views.DueExpiry, views.DueHold, views.DueHold, views.DueArrival}, kinds)
	})
}
