package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// history matches a step that goes through a whole table, or builds an index over one. What may be scanned
// are the statement's own parameters and intermediate results.
var history = regexp.MustCompile(`AUTOMATIC|^SCAN ([plb]\b|allocation_)`)

func TestNoStatementOfTheHotPathReadsATableThrough(t *testing.T) {
	for name, prepare := range map[string]string{
		"without statistics":                 `SELECT 1`,
		"with statistics of an empty market": `ANALYZE`, //nolint:misspell // so SQL spells it
	} {
		t.Run(name, func(t *testing.T) {
			spied, db := openSpied(t, dsn(newFile(t)))
			store := migrated(t, db)
			stocked(t, store)
			exec(t, db, prepare)
			spied.forget()
			useEverything(t, store)
			statements := spied.forget()
			require.Greater(t, len(statements), 10, "statements seen")
			for _, statement := range statements {
				if slices.Contains([]string{"BEGIN", "COMMIT", "ROLLBACK"}, statement) {
					continue
				}
				for _, step := range plan(t, db, statement) {
					assert.NotRegexp(t, history, step, "a step of\n%s", statement)
				}
			}
		})
	}
}

// fill gives the planner of a server a choice: thousands of rows, most of them of the past.
var fill = map[*engine][]string{
	onPostgreSQL: {
		`INSERT INTO allocation_products (sku, version, refused, low_stock)
			SELECT 's' || n, 1, 0, 0 FROM generate_series(1, 3000) n`,
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity)
			SELECT 'batch-' || n, 's' || n % 3000 + 1, 10, CASE WHEN n % 10 = 0 THEN 3 ELSE 10 END, '', 10
				FROM generate_series(1, 12000) n`,
		`INSERT INTO allocation_lines
			(order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence, held)
			SELECT 'o' || n, 's' || n % 3000 + 1, 0, 'batch-' || n % 12000 + 1, 1,
				CASE WHEN n % 20 = 0 THEN 0 ELSE 1 END, 0,
				CASE WHEN n % 20 = 0 THEN 9000000000000000 + n END, 1,
				CASE WHEN n % 20 = 0 THEN 1 ELSE 0 END FROM generate_series(1, 20000) n`,
		`INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			SELECT 's' || n % 3000 + 1, n, 'x', 1, 0, 0, '{}', 3 FROM generate_series(1, 20000) n`,
		`INSERT INTO allocation_purged SELECT 's' || n, 'batch-' || n, 1, 0 FROM generate_series(1, 3000) n`,
		`INSERT INTO allocation_waiting
			(order_id, sku, line, quantity, wanted, split, partial, needed_by, location, priority, handed_from,
				sequence)
			SELECT 'w' || n, 's' || n % 3000 + 1, '', 1, 1, 0, 0, CASE WHEN n % 20 = 0 THEN 9000000000000000 + n END,
				'', n % 5, '', n FROM generate_series(1, 20000) n`,
		`VACUUM ANALYZE`, //nolint:misspell // so SQL spells it
	},
	onMariaDB: {
		`INSERT INTO allocation_products (sku, version, refused, low_stock)
			SELECT CONCAT('s', seq), 1, 0, 0 FROM seq_1_to_3000`,
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity)
			SELECT CONCAT('batch-', seq), CONCAT('s', seq % 3000 + 1), 10, IF(seq % 10 = 0, 3, 10), '', 10
				FROM seq_1_to_12000`,
		`INSERT INTO allocation_lines
			(order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence, held)
			SELECT CONCAT('o', seq), CONCAT('s', seq % 3000 + 1), 0, CONCAT('batch-', seq % 12000 + 1), 1,
				IF(seq % 20 = 0, 0, 1), 0,
				IF(seq % 20 = 0, 9000000000000000 + seq, NULL), 1, seq % 20 = 0 FROM seq_1_to_20000`,
		`INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			SELECT CONCAT('s', seq % 3000 + 1), seq, 'x', 1, 0, 0, '{}', 3 FROM seq_1_to_20000`,
		`INSERT INTO allocation_purged SELECT CONCAT('s', seq), CONCAT('batch-', seq), 1, 1 FROM seq_1_to_3000`,
		`INSERT INTO allocation_waiting
			(order_id, sku, line, quantity, wanted, split, partial, needed_by, location, priority, handed_from,
				sequence)
			SELECT CONCAT('w', seq), CONCAT('s', seq % 3000 + 1), '', 1, 1, 0, 0,
				IF(seq % 20 = 0, 9000000000000000 + seq, NULL), '', seq % 5, '', seq FROM seq_1_to_20000`,
		//nolint:misspell // so SQL spells it
		`ANALYZE TABLE allocation_products, allocation_batches, allocation_lines, allocation_events, allocation_purged,
			allocation_waiting`,
	},
}

// A plan of PostgreSQL says "Seq Scan on allocation_…"; one of MariaDB has a row for each table with the kind of its
// access, ALL and index being those that go through.
var through = map[*engine]*regexp.Regexp{
	onPostgreSQL: regexp.MustCompile(`Seq Scan on allocation_`),
	onMariaDB:    regexp.MustCompile(`^\d+\t[^\t]+\t([a-z]|allocation_\w+)\t(ALL|index)\t(?:.*\t)?(?:[^T]|T[^a])*$`),
}

func TestNoStatementOfTheHotPathReadsATableOfAServerThrough(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		for _, statement := range fill[e] {
			exec(t, db, statement)
		}
		spied.forget()
		useEverything(t, store)
		seen := 0
		for _, statement := range spied.forget() {
			first, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
			if !slices.Contains([]string{"SELECT", "WITH", "UPDATE", "INSERT", "DELETE"}, strings.TrimSpace(first)) {
				continue
			}
			seen++
			if strings.Contains(statement, ") VALUES ") { // it reads nothing, which MariaDB explains as if it read all
				continue
			}
			for _, step := range explain(t, e, db, statement) {
				assert.NotRegexp(t, through[e], step, "a step of\n%s", statement)
			}
		}
		assert.Greater(t, seen, 7, "statements seen")
	})
}

// explain asks a server how it would carry out a statement: a line for each step.
func explain(t *testing.T, e *engine, db *sql.DB, statement string) (steps []string) {
	t.Helper()
	var rows *sql.Rows
	var err error
	if e == onPostgreSQL {
		conn, failed := db.Conn(context.Background())
		require.NoError(t, failed)
		defer conn.Close()
		exec := func(text string) {
			_, err := conn.ExecContext(context.Background(), text)
			require.NoError(t, err, text)
		}
		exec(`SET plan_cache_mode = force_generic_plan`)
		exec(`PREPARE hot AS ` + statement)
		defer exec(`DEALLOCATE hot`)
		nulls := strings.Repeat(", NULL", parameters(statement))
		rows, err = conn.QueryContext(context.Background(), `EXPLAIN EXECUTE hot(`+strings.TrimPrefix(nulls, ", ")+`)`)
	} else {
		args := make([]any, strings.Count(statement, "?"))
		for i := range args {
			args[i] = "0"
		}
		tx, failed := db.BeginTx(context.Background(), nil) // the guard of a statement fails outside
		require.NoError(t, failed)
		defer tx.Rollback()
		rows, err = tx.QueryContext(context.Background(), "EXPLAIN "+statement, args...)
	}
	require.NoError(t, err, statement)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		require.NoError(t, rows.Scan(targets...))
		var step []string
		for _, v := range values {
			step = append(step, v.String)
		}
		steps = append(steps, strings.Join(step, "\t"))
	}
	require.NoError(t, rows.Err())
	return steps
}

// parameters is how many numbered parameters a statement has.
func parameters(statement string) int {
	n := 0
	for strings.Contains(statement, fmt.Sprint("$", n+1)) {
		n++
	}
	return n
}

// useEverything makes a store say everything that it ever says on the hot path.
func useEverything(t *testing.T, store allocation.Store) {
	t.Helper()
	ctx := context.Background()
	service, clock := serviceOn(t, store)
	held := firm("held", "chair", 2)
	held.HoldUntil = start.Add(time.Minute)
	_, err := service.Allocate(ctx, held, firm("firm", "chair", 3)) // by SKU
	require.NoError(t, err)
	clock.Advance(time.Hour)
	_, err = service.Sweep(ctx) // lapsed
	require.NoError(t, err)
	_, err = service.Ship(ctx, "firm") // by order
	require.NoError(t, err)
	_, err = service.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b", Quantity: 5, At: clock.Now()}) // by batch
	require.NoError(t, err)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b2", SKU: "table", Purchased: 5}))
	_, err = service.Reconcile(ctx, "chair")
	require.NoError(t, err)
	for _, err := range service.ReconcileAll(ctx, "a") {
		require.NoError(t, err)
	}
	_, err = store.(allocation.Ledger).Events(ctx, "chair", 0, 10)
	require.NoError(t, err)
	chair, table := load(t, store, "chair"), load(t, store, "table")
	require.NoError(t, store.Commit(ctx, []allocation.Changes{{SKU: "chair", Read: chair.Version}}))
	c := decide(t, store, "table", firm("o", "table", 1))
	require.NoError(t, store.Commit(ctx, []allocation.Changes{{SKU: "chair", Read: chair.Version}, c}))
	require.Equal(t, table.Version+1, load(t, store, "table").Version)
}

// firstUse is the first use of a parameter on SQLite; only further uses have the number of the parameter.
var firstUse = regexp.MustCompile(`\?(\D|$)`)

// plan asks SQLite how it would carry out a statement.
func plan(t *testing.T, db *sql.DB, statement string) (steps []string) {
	t.Helper()
	args := make([]any, len(firstUse.FindAllString(statement, -1)))
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+statement, args...)
	require.NoError(t, err, statement)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	require.NoError(t, rows.Err())
	return steps
}

func TestOneLoadIsOneStatementOutsideAnyTransaction(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		for name, q := range map[string]allocation.Query{
			"by SKU":   {SKUs: []allocation.SKU{"chair"}, Orders: []allocation.OrderID{"o"}},
			"by order": {Order: "o"},
			"by batch": {Batch: "b"},
			"lapsed":   {Due: true, Limit: 5},
		} {
			t.Run(name, func(t *testing.T) {
				spied.forget()
				_, err := store.Load(context.Background(), q)
				require.NoError(t, err)
				assert.Len(t, spied.forget(), 1)
			})
		}
	})
}

func TestALoadMayNameMoreProductsThanAStatementHasParameters(t *testing.T) {
	db := open(t, dsn(newFile(t)))
	store := migrated(t, db)
	stocked(t, store)
	const many = 33_000 // SQLite takes 32,766 parameters
	q := allocation.Query{Now: start, Limit: 100, SKUs: []allocation.SKU{"chair"}}
	for i := range many {
		q.SKUs = append(q.SKUs, allocation.SKU("unknown-"+string(rune('A'+i%26))+strings.Repeat("x", i%200)))
	}
	states, err := store.Load(context.Background(), q)
	require.NoError(t, err)
	assert.Len(t, states, 1)
}

func TestTheFirstStatementOfATransactionWritesAProduct(t *testing.T) {
	each(t, transactional, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 1))
		spied.forget()
		var first string
		spied.set(func(statement string) error {
			if first == "" && statement != "BEGIN" {
				first = strings.TrimSpace(strings.TrimPrefix(statement, scriptStart))
			}
			return nil
		}, nil)
		require.NoError(t, store.Commit(context.Background(), []allocation.Changes{changes}))
		assert.True(t, strings.HasPrefix(first, "UPDATE allocation_products"), "first statement = %s", first)
	})
}
