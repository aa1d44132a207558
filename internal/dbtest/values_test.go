package dbtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

var awkward = []string{
	`a'b`, `a"b`, `a\b`, `a\\'b`, "a\u2028b", "ä", "日本", "🙂", `{a,b}`, `a?b`, `a:x`, `NULL`, `null`,
	`a<b>&c`, `%s`, "a\x01b", "a\tb", "a\nb",
	`--a`, `/*!a*/`, `"`, `\`, `'`, `~`, "\u007f", `$1`, "a\u00a0b",
}

// Whatever a name consists of, it is the same in commits of one line and of several, and when it is read back.
func TestNamesMeanThemselves(t *testing.T) {
	on := []*engine{onSQLite, onPostgreSQL}
	for _, mode := range []string{"'STRICT_TRANS_TABLES'", "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'", "''"} {
		e := *onMariaDB
		e.name += " " + mode
		e.connector = connectMySQL(map[string]string{"sql_mode": mode})
		on = append(on, &e)
	}
	sideBySide(t, on, func(t *testing.T, e *engine) {
		store := e.migrated(t, e.new(t).open(t))
		service, _ := serviceOn(t, store)
		for _, name := range awkward {
			ctx := context.Background()
			sku, order := allocation.SKU(name), allocation.OrderID(name)
			both := []allocation.SKU{sku, sku + "2"}
			for _, sku := range both {
				batch := allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 100,
					Location: allocation.Location(name)}
				require.NoError(t, service.AddBatch(ctx, batch), "%q", name)
			}
			_, err := service.Allocate(ctx, firm(order, sku, 1))
			require.NoError(t, err, "%q", name)
			_, err = service.Allocate(ctx, firm(order+"2", sku, 1), firm(order+"2", sku+"2", 2))
			require.NoError(t, err, "%q", name)
			for i, sku := range both {
				state := load(t, store, sku, order, order+"2")
				assert.Len(t, state.Lines, 2-i, "lines of %q", sku)
				assert.EqualValues(t, name, state.Batches[0].Location)
				events, err := store.Events(ctx, sku, 0, 100)
				require.NoError(t, err)
				last := events[len(events)-1].(allocation.LineAllocated)
				assert.Equal(t, order+"2", last.OrderID)
				assert.Equal(t, sku, last.SKU)
			}
		}
	})
}

func TestACommitWritesNothingOfAProductThatItOnlyChecks(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		ctx := context.Background()
		store := e.migrated(t, e.new(t).open(t))
		service, _ := stocked(t, store)
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b2", SKU: "lamp", Purchased: 10}))
		chair, lamp := decide(t, store, "chair", firm("o", "chair", 5)), decide(t, store, "lamp", firm("o", "lamp", 5))
		lamp.Events, lamp.TraceParents, lamp.Version = nil, nil, lamp.Read
		require.NoError(t, store.Commit(ctx, []allocation.Changes{chair, lamp}))
		state := load(t, store, "lamp", "o")
		assert.Empty(t, state.Lines)
		assert.Zero(t, state.Batches[0].Allocated, "allocated")
	})
}

func TestOneLineOfABatchThatIsGoneSaysSo(t *testing.T) {
	e := onMariaDB
	db := e.new(t).open(t)
	store := e.migrated(t, db)
	stocked(t, store)
	changes := decide(t, store, "chair", firm("o", "chair", 5))
	exec(t, db, `DELETE FROM allocation_batches`)
	err := store.Commit(context.Background(), []allocation.Changes{changes})
	requireRefusedByItself(t, err)
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	assert.Equal(t, "batch", typed.Field)
}

// Whoever holds a product's row for too long keeps others from it, and not from its batch.
func TestALockThatIsNotGotInTimeIsAboutTheProduct(t *testing.T) {
	ctx := context.Background()
	e := *onMariaDB
	e.connector = connectMySQL(map[string]string{"innodb_lock_wait_timeout": "1"})
	db := e.new(t).open(t)
	store := e.migrated(t, db)
	stocked(t, store)
	changes := decide(t, store, "chair", firm("o", "chair", 5))
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, `UPDATE allocation_products SET low_stock = 3`)
	require.NoError(t, err)
	err = store.Commit(ctx, []allocation.Changes{changes})
	require.NoError(t, tx.Rollback())
	require.ErrorIs(t, err, allocation.ErrConflict)
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	assert.Equal(t, "sku", typed.Field)
}

// A server would answer a statement that is too long by hanging up.
func TestAHugeCommitComesInSeveralStatements(t *testing.T) {
	ctx := context.Background()
	spied, db := onMariaDB.new(t).spied(t)
	store := onMariaDB.migrated(t, db)
	service, _ := serviceOn(t, store)
	pad := strings.Repeat("日", 60)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: allocation.SKU(pad), Purchased: 10_000}))
	lines := make([]allocation.Request, 1500)
	for i := range lines {
		lines[i] = firm(allocation.OrderID(fmt.Sprint(pad, i)), allocation.SKU(pad), 1)
	}
	spied.forget()
	product := decide(t, store, allocation.SKU(pad), lines...)
	require.NoError(t, store.Commit(ctx, []allocation.Changes{product}))
	inserts := 0
	for _, statement := range spied.forget() {
		assert.Less(t, len(statement), 2<<20, "bytes of a statement")
		if strings.Contains(statement, "INSERT INTO allocation_events") {
			inserts++
		}
	}
	assert.Greater(t, inserts, 1, "statements that insert events")
	drift, err := service.Reconcile(ctx, allocation.SKU(pad))
	require.NoError(t, err)
	assert.False(t, drift.Drifted(), "%+v", drift)
}

func TestConnectionsThatAreNotInUTF8AreRefused(t *testing.T) {
	p := onMariaDB.new(t)
	onMariaDB.migrated(t, p.open(t))
	for charset, want := range map[string]error{"utf8mb4": nil, "utf8mb3": nil, "latin1": allocation.ErrInvalid} {
		separator := "?"
		if strings.Contains(p.dsn, separator) {
			separator = "&"
		}
		store := onMariaDB.store(t, place{onMariaDB, p.dsn + separator + "charset=" + charset}.open(t), nil)
		assert.ErrorIs(t, store.CheckSchema(context.Background()), want, charset)
	}
}
