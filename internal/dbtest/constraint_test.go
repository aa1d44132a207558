package dbtest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// byHand are changes that no unit of work would make, each on a batch "b" of ten chairs of which four are
// promised to order "o".
var byHand = map[string]string{
	"more allocated than purchased": `UPDATE allocation_batches SET allocated = 11`,
	"less than nothing allocated":   `UPDATE allocation_batches SET allocated = -1`,
	"less than nothing purchased":   `UPDATE allocation_batches SET purchased = -1, allocated = 0`,
	"a part without units":          `UPDATE allocation_lines SET quantity = 0, shipped = 0`,
	"more shipped than allocated":   `UPDATE allocation_lines SET shipped = quantity + 1`,
	"a line of an unknown batch":    `UPDATE allocation_lines SET batch_ref = 'x'`,
	"a batch of an unknown product": `UPDATE allocation_batches SET sku = 'x'`,
	"a batch with lines deleted":    `DELETE FROM allocation_batches`,
	"the same line again": `
		INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
		SELECT order_id, sku, part, batch_ref, quantity, shipped, split, sequence FROM allocation_lines`,
	"version nothing": `UPDATE allocation_products SET version = 0`,
}

func TestTheDatabaseRefusesByItself(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		service, _ := stocked(t, e.migrated(t, db))
		_, err := service.Allocate(context.Background(), firm("o", "chair", 4))
		require.NoError(t, err)
		for name, statement := range byHand {
			t.Run(name, func(t *testing.T) {
				_, err := db.ExecContext(context.Background(), statement)
				assert.Error(t, err, statement)
			})
		}
	})
}

func TestSQLiteRefusesFractions(t *testing.T) {
	db, store := onSQLite.fresh(t)
	stocked(t, store)
	_, err := db.ExecContext(context.Background(), `UPDATE allocation_batches SET purchased = 10.5`)
	assert.Error(t, err, "servers round by themselves")
}

// Counters are written as differences: a unit of work that read ten units can't sell them once somebody took
// six away behind its back, without a new version.
func TestUnitsTakenByHandAreNotSold(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 5))
		exec(t, db, `UPDATE allocation_batches SET purchased = 4`)

		err := store.Commit(ctx, []allocation.Changes{changes})
		requireRefusedByItself(t, err)
		assert.NotErrorIs(t, err, allocation.ErrConflict)
		assert.NotErrorIs(t, err, allocation.ErrDuplicate)
		var typed *allocation.Error
		require.ErrorAs(t, err, &typed)
		assert.Equal(t, allocation.BatchRef("b"), typed.Value)

		state := load(t, store, "chair", "o")
		assert.Empty(t, state.Lines, "lines after the refused commit")
		assert.EqualValues(t, 1, state.Version, "version after the refused commit")
	})
}

func TestALineOfAnUnknownBatchIsRefused(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		store := e.migrated(t, e.new(t).open(t))
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 5))
		changes.NewLines[0].Parts[0].Batch = "nowhere"
		err := store.Commit(context.Background(), []allocation.Changes{changes})
		requireRefusedByItself(t, err)
		assert.NotErrorIs(t, err, allocation.ErrDuplicate)
	})
}

func TestABatchThatIsGoneIsRefused(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 5))
		changes.NewLines = nil
		exec(t, db, `DELETE FROM allocation_batches`)
		requireRefusedByItself(t, store.Commit(context.Background(), []allocation.Changes{changes}))
		assert.EqualValues(t, 1, load(t, store, "chair").Version, "version after the refused commit")
	})
}

func TestAnEventThatWasWrittenByHandIsNoDuplicate(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 5))
		exec(t, db, `INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			VALUES ('chair', 2, 'LineRefused', 0, 0, 0, '{}', 3)`)
		err := store.Commit(context.Background(), []allocation.Changes{changes})
		requireRefusedByItself(t, err)
		assert.NotErrorIs(t, err, allocation.ErrDuplicate, "which would mean that the line exists")
	})
}

func TestR12IdentifiersAreComparedAsBytes(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		store := e.migrated(t, e.new(t).open(t))
		service, _ := serviceOn(t, store)
		names := []string{"abc", "ABC", "Abc", "a\u0301bc", "\u00e1bc", "ß", "ss", "100", "1e2", "0100"}
		for i, name := range names {
			units := allocation.Quantity(i + 1)
			sku, ref, order := allocation.SKU(name), allocation.BatchRef(name), allocation.OrderID(name)
			require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: ref, SKU: sku, Purchased: units}),
				"batch %q", name)
			_, err := service.Allocate(ctx, firm(order, sku, units))
			require.NoError(t, err, "order %q", name)
		}
		for i, name := range names {
			state := load(t, store, allocation.SKU(name), allocation.OrderID(name))
			require.Len(t, state.Lines, 1, "lines of order %q", name)
			assert.EqualValues(t, i+1, state.Lines[0].Quantity, "units of order %q", name)
			byOrder, err := store.Load(ctx, allocation.Query{Order: allocation.OrderID(name)})
			require.NoError(t, err)
			assert.Len(t, byOrder, 1, "products of order %q", name)
		}
	})
}

// requireRefusedByItself demands an error that no caller and no fresh attempt can cure.
func requireRefusedByItself(t *testing.T, err error) {
	t.Helper()
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	for _, sentinel := range []error{
		allocation.ErrConflict, allocation.ErrDuplicate, allocation.ErrUnknownOutcome, allocation.ErrNotAllowed,
		allocation.ErrMismatch,
	} {
		require.NotErrorIs(t, err, sentinel)
	}
}
