package dbtest

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// soldFood are further rows of version 2: stock that expired long ago (1577836800000000 is 2020), stock that keeps
// until 2100, and stock that will have expired on arrival.
var soldFood = []string{
	`INSERT INTO allocation_products (sku, version, refused, low_stock) VALUES
		('milk', 9, 0, 5), ('eggs', 9, 0, 5), ('rice', 9, 0, 5), ('salt', 9, 0, 0), ('rye', 9, 0, 5)`,
	`INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before, announced_quantity,
		announced_eta, counted_at, shipped_at) VALUES
		('milk-1', 'milk', 10, 1, NULL, '', 1577836800000000, 10, NULL, NULL, NULL),
		('milk-2', 'milk', 5, 1, NULL, '', 4102444800000000, 5, NULL, NULL, NULL),
		('milk-3', 'milk', 0, 0, NULL, '', 1577836800000000, 5, NULL, NULL, NULL),
		('milk-4', 'milk', 2, 2, NULL, '', 1577836800000000, 2, NULL, NULL, NULL),
		('eggs-1', 'eggs', 4, 0, NULL, '', NULL, 4, NULL, 1577836800000000, NULL),
		('eggs-2', 'eggs', 9, 0, 4102444800000001, '', 4102444800000000, 9, 4102444800000001, NULL, NULL),
		('rice-1', 'rice', 2, 0, NULL, '', NULL, 2, NULL, NULL, NULL),
		('rice-2', 'rice', 3, 0, 4102444800000000, '', 4102444800000001, 3, 4102444800000000, NULL, NULL)`,
	`INSERT INTO allocation_lines
		(order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence) VALUES
		('breakfast', 'milk', 0, 'milk-1', 1, 0, 1, 4102444800000000, 7),
		('breakfast', 'milk', 1, 'milk-2', 1, 0, 1, 4102444800000000, 7),
		('breakfast', 'milk', 2, 'milk-4', 1, 0, 1, 4102444800000000, 7),
		('tea', 'milk', 0, 'milk-4', 1, 0, 0, NULL, 8)`,
}

func TestAnUpgradeClosesExpiredBatchesAndSaysWhatIsLow(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.used(t, 2)
		for _, statement := range soldFood {
			exec(t, db, statement)
		}
		store := e.store(t, db, nil)
		require.NoError(t, store.Migrate(t.Context()))

		for sku, low := range map[allocation.SKU]bool{"milk": false, "eggs": false, "rice": false, "salt": false,
			"rye": true, "chair": false} {
			assert.Equal(t, low, load(t, store, sku).Low, "stock of %s is low", sku)
		}
		assert.Equal(t, []string{"eggs-1", "eggs-2"}, refsOf(load(t, store, "eggs")), "batches for sale")
		assert.Equal(t, []string{"milk-2"}, refsOf(load(t, store, "milk")), "batches for sale")
		state := load(t, store, "milk", "breakfast")
		assert.Equal(t, []string{"milk-1", "milk-2", "milk-4"}, refsOf(state), "batches for sale and of the line")
		for _, b := range state.Batches {
			assert.Equal(t, b.Ref != "milk-2", b.Expired, "batch %s is expired", b.Ref)
			var due time.Time
			if !b.Expired && b.Purchased > 0 {
				due = b.BestBefore
			}
			assert.Equal(t, allocation.Batch{
				Ref: b.Ref, SKU: "milk", Purchased: b.Purchased, Allocated: b.Allocated, BestBefore: b.BestBefore,
				AnnouncedQuantity: b.AnnouncedQuantity, Expired: b.Expired, Due: due,
			}, b, "new fields of an old batch")
		}
		require.Len(t, state.Lines, 1)
		assert.Equal(t, allocation.Allocation{
			OrderLine: firm("breakfast", "milk", 3).OrderLine, Split: true, Sequence: 7,
			HeldUntil: time.UnixMicro(4102444800000000).UTC(), Parts: []allocation.Part{
				{Batch: "milk-1", Quantity: 1}, {Batch: "milk-2", Quantity: 1}, {Batch: "milk-4", Quantity: 1},
			},
		}, state.Lines[0], "new fields of an old line")
		var unsaid int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM allocation_lines
			WHERE held <> CASE WHEN held_until IS NULL THEN 0 ELSE 1 END`).Scan(&unsaid))
		assert.Zero(t, unsaid, "parts of holds that don't say so, or the other way round")
		var told int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM allocation_events
			WHERE sku = 'milk'`).Scan(&told))
		assert.Zero(t, told, "events about expired batches")
	})
}

// refsOf returns the names of the batches of a state.
func refsOf(s allocation.State) []string {
	refs := make([]string, len(s.Batches))
	for i, b := range s.Batches {
		refs[i] = string(b.Ref)
	}
	slices.Sort(refs)
	return refs
}

// writesOfVersion2 are commits of a program of version 2, statement by statement, as the program sent them: a sale, a
// delivery, a refusal, and a delivery of a new product.
var writesOfVersion2 = map[string][]string{
	"a sale": {
		`UPDATE allocation_products SET version = 18, refused = 9, low_stock = 5 WHERE sku = 'chair' AND version = 17`,
		`UPDATE allocation_batches SET purchased = purchased + 0, allocated = allocated + 1, eta = NULL,
			counted_at = NULL, shipped_at = NULL WHERE ref = 'b-2' AND sku = 'chair'`,
		`INSERT INTO allocation_lines
			(order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
			VALUES ('late-1', 'chair', 0, 'b-2', 1, 0, 0, NULL, 18)`,
		eventOfVersion2 + `VALUES ('chair', 18, 'LineAllocated', 1893489300000000, 'b-2', 0, 1, '{}',
			'01b8dcbf-fd60-7000-aed1-10f9aa9ed3d9', NULL, 18)`,
	},
	"a delivery": {
		`UPDATE allocation_products SET version = 18, refused = 9, low_stock = 5 WHERE sku = 'chair' AND version = 17`,
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before, announced_quantity,
			announced_eta, counted_at, shipped_at)
			VALUES ('late-1', 'chair', 1, 0, NULL, '', NULL, 1, NULL, NULL, NULL)`,
		eventOfVersion2 + `VALUES ('chair', 18, 'BatchAdded', 1893489300000000, 'late-1', 1, 0, '{}',
			'01b8dcbf-fd60-7000-aed1-10f9aa9ed3d9', NULL, 18)`,
	},
	"a refusal": {
		`UPDATE allocation_products SET version = 18, refused = 18, low_stock = 5 WHERE sku = 'chair' AND version = 17`,
		eventOfVersion2 + `VALUES ('chair', 18, 'LineRefused', 1893489300000000, NULL, 0, 0, '{}',
			'01b8dcbf-fd60-7000-aed1-10f9aa9ed3d9', NULL, 18)`,
	},
	"a new product": newProductOfVersion2,
}

var newProductOfVersion2 = []string{
	`INSERT INTO allocation_products (sku, version, refused, low_stock) VALUES ('novelty', 1, 0, 0)`,
	`INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before, announced_quantity,
		announced_eta, counted_at, shipped_at) VALUES ('new', 'novelty', 9, 0, NULL, '', NULL, 9, NULL, NULL, NULL)`,
	eventOfVersion2 + `VALUES ('novelty', 1, 'BatchAdded', 1893489300000000, 'new', 9, 0, '{}',
		'01b8dcbf-fd60-7000-aed1-10f9aa9ed3d9', NULL, 1)`,
}

// saleOfNovelty is the sale of writesOfVersion2 as the second event of the new product.
func saleOfNovelty() (sale []string) {
	renamed := strings.NewReplacer("'chair'", "'novelty'", "'b-2'", "'new'", "17", "1", "18,", "2,", "18)", "2)")
	for _, statement := range writesOfVersion2["a sale"] {
		sale = append(sale, renamed.Replace(strings.Replace(statement, "version = 18", "version = 2", 1)))
	}
	return sale
}

const eventOfVersion2 = `INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data,
	id, trace_parent, unsent_from) `

// saleOfVersion2OnPostgreSQL is the sale as the single statement that PostgreSQL got.
const saleOfVersion2OnPostgreSQL = `
	WITH p AS (
		UPDATE allocation_products SET version = 18, refused = 9, low_stock = 5
		WHERE sku = 'chair' AND version = 17 RETURNING sku),
	b AS (
		UPDATE allocation_batches b SET allocated = b.allocated + 1 FROM p WHERE b.ref = 'b-2' AND b.sku = p.sku
		RETURNING b.ref),
	l AS (
		INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
		SELECT 'late-1', p.sku, 0, 'b-2', 1, 0, 0, NULL, 18 FROM p),
	e AS (
		INSERT INTO allocation_events
			(sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
		SELECT p.sku, 18, 'LineAllocated', 1893489300000000, 'b-2', 0, 1, '{}', NULL, NULL, 18 FROM p)
	SELECT COUNT(*) FROM p`

func TestAForgottenProgramOfVersion2FailsInPlaceOfWriting(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		writes := map[string][]string{}
		for name, statements := range writesOfVersion2 {
			writes[name] = statements
			if e == onMariaDB {
				writes[name+" without a strict mode"] = append([]string{`SET sql_mode = ''`}, statements...)
			}
		}
		if e == onPostgreSQL {
			writes["a sale in one statement"] = []string{saleOfVersion2OnPostgreSQL}
		}
		db := e.used(t, 2)
		for name, statements := range writes {
			require.NoError(t, inTransaction(t.Context(), db, false, statements), "%s before the upgrade", name)
		}
		require.NoError(t, e.store(t, db, nil).Migrate(t.Context()))
		before := everyRow(t, db)
		for name, statements := range writes {
			t.Run(name, func(t *testing.T) {
				require.Error(t, inTransaction(t.Context(), db, true, statements))
				assert.Equal(t, strings.Join(before, "\n"), strings.Join(everyRow(t, db), "\n"))
			})
		}
	})
}

// A product of the new program is refused from its first event on: here the forgotten program would sell a blocked
// batch.
func TestAForgottenProgramOfVersion2SellsNothingThatIsNew(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.used(t, 2)
		store := e.store(t, db, nil)
		require.NoError(t, store.Migrate(t.Context()))
		service, _ := serviceOn(t, store)
		require.NoError(t, service.AddBatch(t.Context(),
			allocation.Batch{Ref: "new", SKU: "novelty", Purchased: 10, Blocked: "inspection"}))
		before := everyRow(t, db)
		require.Error(t, inTransaction(t.Context(), db, true, saleOfNovelty()))
		assert.Equal(t, strings.Join(before, "\n"), strings.Join(everyRow(t, db), "\n"))
	})
}

// Versions 3 to 5 of the tables let a forgotten program add a product on SQLite, and sell from the product.
func TestAnUpgradeClosesTheProductsOfAForgottenProgram(t *testing.T) {
	db := onSQLite.used(t, 5)
	require.NoError(t, inTransaction(t.Context(), db, true, newProductOfVersion2))
	require.NoError(t, inTransaction(t.Context(), db, false, saleOfNovelty()), "a sale before the upgrade")
	store := onSQLite.store(t, db, nil)
	require.NoError(t, store.Migrate(t.Context()))
	require.ErrorContains(t, inTransaction(t.Context(), db, true, saleOfNovelty()), "CHECK")
	service, _ := serviceOn(t, store)
	_, err := service.Allocate(t.Context(), firm("o", "novelty", 9))
	require.NoError(t, err, "a sale of the new program")
}

// inTransaction runs statements in a transaction, and commits or rolls back.
func inTransaction(ctx context.Context, db *sql.DB, commit bool, statements []string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	if commit {
		return tx.Commit()
	}
	return tx.Rollback()
}
