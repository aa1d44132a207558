package dbtest

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/sqlstore"
)

// consolePages are the addresses of all pages that read.
var consolePages = []string{
	"/", "/products", "/products?low=yes", "/product?sku=chair", "/product?sku=chair&after=past+1", "/ledger?sku=chair",
	"/ledger?sku=chair&before=500", "/queue?sku=chair", "/batch?ref=b", "/batch?ref=past+100", "/lot?ref=b",
	"/lot?ref=past", "/orders", "/orders?prefix=past", "/order?id=firm", "/due", "/due?within=all", "/outbox",
}

// reading is what a page costs.
type reading struct{ statements, rows int }

// consoleOn makes a shop with so many shipped lines, and the console over the shop.
func (e *engine) consoleOn(t *testing.T, store *sqlstore.Store, db *sql.DB, past int) http.Handler {
	t.Helper()
	for _, statement := range e.pastOf(past) {
		exec(t, db, e.withWritten(statement))
	}
	service, _ := stocked(t, store)
	for i := range 12 {
		r := firm(allocation.OrderID(fmt.Sprint("held ", i)), "chair", 1)
		r.HoldUntil = start.Add(time.Duration(i+1) * time.Minute)
		waits := firm(allocation.OrderID(fmt.Sprint("waits ", i)), "chair", 20)
		waits.Wait, waits.NeededBy = true, start.AddDate(0, 0, i+1)
		if i >= 8 {
			r = firm(allocation.OrderID(fmt.Sprint("later ", i)), "lamp", 1)
			require.NoError(t, service.AddBatch(t.Context(), allocation.Batch{
				Ref: allocation.BatchRef(fmt.Sprint("lamp ", i)), SKU: "lamp", Purchased: 2,
				ETA: start.AddDate(0, 0, i),
			}))
		}
		_, err := service.Allocate(t.Context(), r)
		require.NoError(t, err)
		_, err = service.Allocate(t.Context(), waits)
		require.NoError(t, err)
	}
	_, err := service.Allocate(t.Context(), firm("firm", "chair", 2))
	require.NoError(t, err)
	pages, err := console.New(store, &console.Options{Now: func() time.Time { return start }, PageSize: 5})
	require.NoError(t, err)
	return pages
}

// openPage reads a page.
func openPage(t *testing.T, pages http.Handler, address string) {
	t.Helper()
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
	assert.Equal(t, http.StatusOK, w.Code, address)
	assert.NotContains(t, w.Body.String(), "has no <code>", "an ability that the store lacks, on %s", address)
}

// pastOf makes the chair with shipped lines, the events of the shipments, and used-up batches of one lot.
func (e *engine) pastOf(lines int) []string {
	name, numbers := `'past ' || (%s)`, fmt.Sprintf(`generate_series(1, %d) n`, lines)
	switch e {
	case onSQLite:
		const counting = `VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < %d`
		numbers = fmt.Sprintf(`(WITH RECURSIVE s (n) AS (`+counting+`) SELECT n FROM s) s`, lines)
	case onMariaDB:
		name, numbers = `CONCAT('past ', %s)`, fmt.Sprintf(`(SELECT seq AS n FROM seq_1_to_%d) s`, lines)
	}
	line, batch := fmt.Sprintf(name, "n"), fmt.Sprintf(name, "n + (10 - n % 10) % 10")
	return []string{
		fmt.Sprintf(`INSERT INTO allocation_products (sku, version, refused, low_stock /*SQLite: , written*/)
			VALUES ('chair', %[1]d, 0, 0 /*SQLite: , %[1]d*/)`, lines),
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity, lot)
			SELECT ` + line + `, 'chair', 0, 0, '', 100, 'past' FROM ` + numbers + ` WHERE n % 10 = 0`,
		`INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
			SELECT ` + line + `, 'chair', 0, ` + batch + `, 1, 1, 0, n FROM ` + numbers,
		`INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			SELECT 'chair', n, 'LowStockSet', n, 0, 0, '{"from":0,"to":1}', 4 FROM ` + numbers,
	}
}

// costOf returns what each page costs on SQLite beside so many shipped lines, and the statements of all pages.
func costOf(t *testing.T, past int) (cost map[string]reading, statements []string, db *sql.DB) {
	t.Helper()
	spied, db := openSpied(t, dsn(newFile(t)))
	spied.countRows = true
	pages := onSQLite.consoleOn(t, migrated(t, db), db, past)
	cost = map[string]reading{}
	for _, address := range consolePages {
		openPage(t, pages, address) // prepares the statements
		spied.trips()
		spied.rows = 0
		openPage(t, pages, address)
		seen := spied.trips()
		cost[address] = reading{len(seen), spied.rows}
		statements = append(statements, seen...)
	}
	slices.Sort(statements)
	return cost, slices.Compact(statements), db
}

func TestAPageOfTheConsoleCostsTheSameBesideAnyHistory(t *testing.T) {
	few, _, _ := costOf(t, 5_000)
	many, statements, db := costOf(t, 100_000)
	for _, address := range consolePages {
		assert.Equal(t, few[address], many[address], "%s beside 5,000 and beside 100,000 shipped lines", address)
		assert.Positive(t, many[address].statements, "statements of %s", address)
		assert.LessOrEqual(t, many[address].statements, 15, "statements of %s", address)
		assert.LessOrEqual(t, many[address].rows, 120, "rows of %s", address)
	}
	for _, statement := range statements {
		for _, step := range plan(t, db, statement) {
			assert.NotRegexp(t, history, step, "a step of\n%s", statement)
		}
	}
}

// TestAPageOfTheConsoleReadsNoRowsOfThePast counts the rows that a server reads, sent or not.
func TestAPageOfTheConsoleReadsNoRowsOfThePast(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		db.SetMaxOpenConns(1)
		const past = 10_000
		pages := e.consoleOn(t, e.migrated(t, db), db, past)
		exec(t, db, analyse[e])
		for _, address := range consolePages {
			exec(t, db, `BEGIN`)
			before := rowsRead(t, e, db)
			openPage(t, pages, address)
			rows := rowsRead(t, e, db) - before
			exec(t, db, `ROLLBACK`)
			assert.Less(t, rows, past/10, "rows that %s reads", address)
		}
	})
}
