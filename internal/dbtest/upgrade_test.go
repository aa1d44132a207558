package dbtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// used is a used database of a version of the schema: its tables, with the rows that it wrote.
func (e *engine) used(t *testing.T, version int) *sql.DB {
	t.Helper()
	db := e.new(t).open(t)
	migrations, err := sqlstore.Migrations(e.dialect, nil)
	require.NoError(t, err)
	for _, m := range migrations[:version] {
		e.apply(t, db, m.SQL)
	}
	rows, err := os.ReadFile(fmt.Sprintf("rows/version_%d.sql", version))
	require.NoError(t, err, "a version of the schema without rows to upgrade")
	e.apply(t, db, e.withWritten(string(rows)))
	return db
}

// withWritten opens the comments of [harness.ForSQLite] on SQLite.
func (e *engine) withWritten(statement string) string {
	if e.dialect != sqlstore.SQLite {
		return statement
	}
	return harness.ForSQLite(statement)
}

func TestEveryVersionOfTheSchemaIsUpgradedAndKeepsItsData(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		migrations, err := sqlstore.Migrations(e.dialect, nil)
		require.NoError(t, err)
		for _, m := range migrations {
			t.Run(m.Name, func(t *testing.T) {
				db := e.used(t, m.Version)
				store := e.store(t, db, nil)
				require.NoError(t, store.Migrate(context.Background()))
				require.NoError(t, store.CheckSchema(context.Background()))
				requireKept(t, store)
				requireTold(t, db, store)
				requireOutgoing(t, store, m.Version)
				requireUsable(t, store)
				requireOutgoingOf(t, store, m.Version, 1)
			})
		}
	})
}

// day is a moment in the life of the used database.
func day(days, minutes int) time.Time {
	return start.AddDate(0, 0, days).Add(time.Duration(minutes) * time.Minute)
}

// requireKept compares a store with what every file of rows has in common.
func requireKept(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	states, err := store.Load(context.Background(), allocation.Query{
		SKUs: []allocation.SKU{"chair", "Ж lamp"}, Orders: []allocation.OrderID{"o-1", "o-2", "o-3",
			"o-4"}, Now: day(0, 20), Limit: 10,
	})
	require.NoError(t, err)
	require.Len(t, states, 2)
	if states[0].SKU != "chair" {
		states[0], states[1] = states[1], states[0]
	}
	chair, lamp := states[0], states[1]
	assert.Equal(t, [3]int64{17, 9, 5}, [3]int64{chair.Version, chair.Refused, int64(chair.LowStock)})
	assert.ElementsMatch(t, []allocation.Batch{{
		Ref: "b-1", SKU: "chair", Purchased: 7, Allocated: 7, Location: "north", AnnouncedQuantity: 10,
		CountedAt: day(0, 11), CountedQuantity: -1, ShippedAt: day(0, 9),
	}, {
		Ref: "b-2", SKU: "chair", Purchased: 6, Allocated: 1, ETA: day(7, 0), BestBefore: day(365, 0),
		AnnouncedQuantity: 6, AnnouncedETA: day(7, 0), Due: day(365, 0),
	}}, chair.Batches)
	assert.ElementsMatch(t, []allocation.Allocation{{
		OrderLine: firm("o-1", "chair", 4).OrderLine, Sequence: 4,
		Parts: []allocation.Part{{Batch: "b-1", Quantity: 4, Shipped: 3}},
	}, {
		OrderLine: firm("o-2", "chair", 7).OrderLine, Sequence: 16, Split: true,
		Parts: []allocation.Part{{Batch: "b-1", Quantity: 6}, {Batch: "b-2", Quantity: 1}},
	}}, chair.Lines)
	assert.ElementsMatch(t, []allocation.Allocation{{
		OrderLine: firm("o-1", "Ж lamp", 1).OrderLine, Sequence: 2,
		Parts: []allocation.Part{{Batch: "b-3", Quantity: 1, Shipped: 1}},
	}, {
		OrderLine: firm("o-4", "Ж lamp", 2).OrderLine, Sequence: 3, HeldUntil: day(2, 0),
		Parts: []allocation.Part{{Batch: "b-3", Quantity: 2}},
	}}, lamp.Lines)
	assert.Equal(t, day(2, 0), lamp.NextExpiry)
}

// requireTold demands that every event is understood in full: as text it is what was stored.
func requireTold(t *testing.T, db *sql.DB, store *sqlstore.Store) {
	t.Helper()
	var told []allocation.Event
	for _, sku := range []allocation.SKU{"chair", "Ж lamp"} {
		events, err := store.Events(t.Context(), sku, 0, 100)
		require.NoError(t, err)
		told = append(told, events...)
	}
	rows, err := db.QueryContext(t.Context(), `SELECT kind, data FROM allocation_events 
		WHERE sku <> 'pear' ORDER BY sku, sequence`)
	require.NoError(t, err)
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		var kind, stored string
		require.NoError(t, rows.Scan(&kind, &stored))
		require.Less(t, i, len(told), "events that are told")
		assert.Equal(t, kind, told[i].Kind())
		now, err := json.Marshal(told[i])
		require.NoError(t, err)
		assert.JSONEq(t, stored, string(now))
	}
	require.NoError(t, rows.Err())
}

// outgoing is how many events of a version's file are unsent.
var outgoing = map[int]struct {
	unsentChairs, unsentLamps int
}{
	1: {}, // history must not flood out of the building
	2: {unsentChairs: 5, unsentLamps: 1},
	3: {unsentChairs: 5, unsentLamps: 1},
	4: {unsentChairs: 5, unsentLamps: 1},
	5: {unsentChairs: 5, unsentLamps: 1},
	6: {unsentChairs: 5, unsentLamps: 1},
}

// requireOutgoing demands that what was unsent is, and what had failed has.
func requireOutgoing(t *testing.T, store *sqlstore.Store, version int) {
	t.Helper()
	var failed []outbox.Failure
	if version > 1 {
		failed = []outbox.Failure{{SKU: "chair", Sequence: 13, Tries: 3, RetryAt: day(0, 15),
			Error: "no route to the broker"}}
	}
	failures, err := store.Failures(t.Context(), "", 10)
	require.NoError(t, err)
	assert.Equal(t, failed, failures, "Failures")
	early, err := store.Claim(t.Context(), outbox.Claim{Owner: "relay-3", Products: 9, Events: 9, Now: day(0, 14),
		Until: day(0, 20)})
	require.NoError(t, err)
	assert.Empty(t, early, "Claim while a relay has the lamps, and the chairs wait")
	requireOutgoingOf(t, store, version, 0)
}

// requireOutgoingOf demands that so many events of each product have come in.
func requireOutgoingOf(t *testing.T, store *sqlstore.Store, version, further int) {
	t.Helper()
	want := map[allocation.SKU][]int64{}
	left := outgoing[version]
	for sku, n := range map[allocation.SKU]struct{ first, last int }{
		"chair": {18 - left.unsentChairs, 17 + further}, "Ж lamp": {5 - left.unsentLamps, 4 + further},
	} {
		for i := n.first; i <= n.last; i++ {
			want[sku] = append(want[sku], int64(i))
		}
	}
	now := day(0, 20+20*further)
	deliveries, err := store.Claim(t.Context(), outbox.Claim{Owner: "relay-3", Products: 9, Events: 9, Now: now,
		Until: now.Add(time.Minute)})
	require.NoError(t, err)
	got := map[allocation.SKU][]int64{}
	for _, d := range deliveries {
		for _, r := range d.Events {
			got[d.SKU] = append(got[d.SKU], r.Sequence)
		}
		if d.SKU == "chair" && left.unsentChairs > 0 {
			assert.Equal(t, 3, d.Tries, "tries of the event that failed")
		}
	}
	assert.Equal(t, want, got, "unsent events")
}

// requireUsable goes on with what was kept, and reads its ledger.
func requireUsable(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	ctx := context.Background()
	before := map[allocation.SKU]int{}
	for _, sku := range []allocation.SKU{"chair", "Ж lamp"} {
		told, err := store.Events(ctx, sku, 0, 100)
		require.NoError(t, err)
		before[sku] = len(told)
	}
	service, clock := serviceOn(t, store)
	clock.Set(day(0, 20))
	again, err := service.Allocate(ctx, firm("o-1", "chair", 4)) // shipped in part: a repeat
	require.NoError(t, err)
	assert.EqualValues(t, 3, again[0].Shipped())
	_, err = service.Ship(ctx, "o-1")
	require.NoError(t, err)
	clock.Set(day(3, 0))
	released, err := service.Sweep(ctx)
	require.NoError(t, err)
	assert.Equal(t, 1, released, "holds")
	for _, sku := range []allocation.SKU{"chair", "Ж lamp"} {
		told, err := store.Events(ctx, sku, 0, 100)
		require.NoError(t, err)
		assert.Len(t, told, before[sku]+1, "events of sku %q", sku)
		audit, err := service.Reconcile(ctx, sku)
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
	}
}

func TestMigratingAUsedDatabaseAgainKeepsEveryRow(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		migrations, err := sqlstore.Migrations(e.dialect, nil)
		require.NoError(t, err)
		db := e.used(t, len(migrations))
		before := everyRow(t, db)
		require.Len(t, before, len(migrations)+3+6+7+20+2+1, "rows")
		for range 2 {
			require.NoError(t, e.store(t, db, nil).Migrate(context.Background()))
		}
		assert.Equal(t, before, everyRow(t, db))
	})
}

// everyRow is each row of each table, as text.
func everyRow(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	for _, table := range []string{
		"schema_version ORDER BY version", "products ORDER BY sku", "batches ORDER BY ref",
		"lines ORDER BY order_id, sku, line, part", "events ORDER BY sku, sequence", "deliveries ORDER BY sku",
		"waiting ORDER BY order_id, sku, line", "purged ORDER BY sku, batch_ref",
	} {
		all = append(all, rowsOf(t, db, table)...)
	}
	return all
}

func rowsOf(t *testing.T, db *sql.DB, table string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM allocation_`+table)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	row, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range row {
		to[i] = &row[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(to...))
		all = append(all, fmt.Sprint(table, row))
	}
	require.NoError(t, rows.Err())
	return all
}
