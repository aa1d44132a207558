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
	"github.com/cosmic-go/allocation/views"
)

// crowd is how many rows of each kind fillCrowd puts beside what the views ask for.
const crowd = 10_000

var fillCrowd = map[*engine][]string{
	onSQLite: crowdOf(`'%s' || n`,
		`(WITH RECURSIVE s (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s) s`),
	onPostgreSQL: crowdOf(`'%s' || n`, `generate_series(1, %d) n`),
	onMariaDB:    crowdOf(`CONCAT('%s', n)`, `(SELECT seq AS n FROM seq_1_to_%d) s`),
}

// closedBatches is the place in fillCrowd of the batches that are blocked or expired.
const closedBatches = 2

// crowdOf makes other products and, of "chair", batches that are used up, blocked or expired, shipped lines on the
// used-up batches and on the batch "b", holds on "b" that still last, and old events before a last event.
func crowdOf(name, numbers string) []string {
	named := func(kind string) string { return fmt.Sprintf(name, kind) }
	from := ` FROM ` + fmt.Sprintf(numbers, crowd)
	return []string{
		`INSERT INTO allocation_products (sku, version, refused, low_stock /*SQLite: , written*/)
			SELECT ` + named("product ") + `, 1, 0, 0 /*SQLite: , 1*/` + from,
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity)
			SELECT ` + named("used ") + `, 'chair', 0, 0, '', 10` + from,
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity, blocked, expired)
			SELECT
				` + named("closed ") + `, 'chair', 9, 0, '', 10,
				CASE WHEN n % 2 = 0 THEN 'wet' ELSE '' END, n % 2` + from,
		`INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
			SELECT
				` + named("shipped ") + `, 'chair', 0, CASE WHEN n % 2 = 0 THEN 'b' ELSE ` + named("used ") + ` END,
				1, 1, 0, 1000 + n` + from,
		`INSERT INTO allocation_lines
			(order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence, held)
			SELECT ` + named("waiting ") + `, 'chair', 0, 'b', 1, 0, 0, 9000000000000000, 100000 + n, 1` + from,
		`INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			SELECT ` + named("product ") + `, 1, 'x', 1, 0, 0, '{}', 3` + from,
		`INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			SELECT 'chair', 1000 + n, 'x', 1, 0, 0, '{}', 3` + from,
		`INSERT INTO allocation_events (sku, sequence, kind, at, purchased, allocated, data, written_for)
			VALUES ('chair', 1000000, 'LowStockSet', ` + fmt.Sprint(start.UnixMicro()) + `, 0, 0, '{}', 3)`,
	}
}

var analyse = map[*engine]string{
	onSQLite:     `ANALYZE`,        //nolint:misspell // so SQL spells it
	onPostgreSQL: `VACUUM ANALYZE`, //nolint:misspell // so SQL spells it

	//nolint:misspell // so SQL spells it
	onMariaDB: `ANALYZE TABLE allocation_products, allocation_batches, allocation_lines`,
}

// look is a call of a view.
type look struct {
	name string // "…, by an index alone" for a call that reads no row outside an index
	look func(ctx context.Context, r views.Reader) error
}

// looks are the calls that send one statement.
var looks = slices.Concat(looksAtStock, looksAtLists)

var looksAtStock = []look{
	{"order", func(ctx context.Context, r views.Reader) error {
		_, err := r.Order(ctx, "firm")
		return err
	}},
	{"stock", func(ctx context.Context, r views.Reader) error {
		_, err := r.Stock(ctx, start.Add(time.Hour), "chair")
		return err
	}},
	{"stock for an order", func(ctx context.Context, r views.Reader) error {
		_, err := r.StockFor(ctx, start.Add(time.Hour), "firm", "chair", "product 1")
		return err
	}},
	{"stock of three", func(ctx context.Context, r views.Reader) error {
		_, err := r.Stock(ctx, start.Add(time.Hour), "chair", "product 1", "unknown")
		return err
	}},
	{"stock of many", func(ctx context.Context, r views.Reader) error {
		var skus []allocation.SKU
		for i := range 60 {
			skus = append(skus, allocation.SKU(fmt.Sprint("product ", i)))
		}
		_, err := r.Stock(ctx, start.Add(time.Hour), skus...)
		return err
	}},
	{"batches", func(ctx context.Context, r views.Reader) error {
		_, err := r.Batches(ctx, start.Add(time.Hour), "chair", "b", 5)
		return err
	}},
	{"batch lines", func(ctx context.Context, r views.Reader) error {
		_, err := r.BatchLines(ctx, "b", allocation.Rank{Held: true, Sequence: 4}, 5)
		return err
	}},
}

// crowded has chairs that are held, were held and are sold.
func (e *engine) crowded(t *testing.T, db *sql.DB) views.Reader {
	t.Helper()
	store := e.migrated(t, db)
	service, _ := stocked(t, store)
	held, lapsed := firm("held", "chair", 2), firm("lapsed", "chair", 1)
	held.HoldUntil, lapsed.HoldUntil = start.Add(24*time.Hour), start.Add(time.Minute)
	_, err := service.Allocate(context.Background(), held, lapsed, firm("firm", "chair", 3))
	require.NoError(t, err)
	for _, statement := range fillCrowd[e] {
		exec(t, db, e.withWritten(statement))
	}
	exec(t, db, `INSERT INTO allocation_waiting
		(order_id, sku, line, quantity, wanted, split, partial, location, priority, handed_from, sequence)
		SELECT order_id, sku, line, 1, 1, 0, 0, '', 0, '', sequence FROM allocation_lines WHERE part = 0`)
	return store
}

func TestViewsFindRowsByTheirKeysAlone(t *testing.T) {
	// What SQLite may look for: all columns by which a step finds its rows.
	keys := regexp.MustCompile(`^SEARCH \w+ USING (` + strings.Join([]string{
		`PRIMARY KEY \(sku=\?\)`,                             // a product
		`PRIMARY KEY \(ref=\?\)`,                             // a batch
		`PRIMARY KEY \(order_id=\?\)`,                        // the lines of an order
		`PRIMARY KEY \(order_id=\? AND sku=\?\)`,             // an order's lines of a product
		`PRIMARY KEY \(order_id=\? AND sku=\? AND line=\?\)`, // the parts of a hold that may be split
		`PRIMARY KEY \(sku>\? AND sku<\?\)`,                  // a page of products
		`PRIMARY KEY \(order_id>\? AND order_id<\?\)`,        // a page of orders
		`PRIMARY KEY \(sku=\? AND sequence>\?\)`,             // a page of events
		`PRIMARY KEY \(sku=\?\)`,                             // the last event of a product
		`(COVERING )?INDEX allocation_products_low \(sku>\? AND sku<\?\)`,
		`INDEX allocation_batches_by_lot \(lot=\? AND ref>\?\)`,
		`INDEX allocation_batches_arriving \(eta>\?( AND eta<\?)?\)`,
		`INDEX allocation_batches_due \(due>\? AND due<\?\)`,
		`INDEX allocation_batches_expired \(best_before>\? AND best_before<\?\)`,
		`INDEX allocation_lines_lapsing \(held_until>\? AND held_until<\?\)`,
		`INDEX allocation_lines_leaving \(sku=\? AND batch_ref=\?\)`,
		`(COVERING )?INDEX allocation_lines_shipped \(batch_ref=\?\)`,
		`INDEX allocation_lines_shipped \(batch_ref=\? AND held=\? AND priority=\? AND sequence<\?\)`,
		`INDEX allocation_lines_shipped \(batch_ref=\? AND held=\? AND priority>\?\)`,
		`INDEX allocation_lines_shipped \(batch_ref=\? AND held<\?\)`,
		`INDEX allocation_waiting_needed \(needed_by>\? AND needed_by<\?\)`,
		`COVERING INDEX allocation_waiting_served \(sku=\?\)`,
		`COVERING INDEX allocation_waiting_served \(sku>\? AND sku<\?\)`, // a page of products that lines wait for
		`INDEX allocation_batches_for_sale \(sku=\?\)`,
		`INDEX allocation_batches_by_sku \(sku=\? AND ref>\?\)`,
		`INDEX allocation_lines_held \(sku=\? AND held_until<\?\)`,
		`INDEX allocation_lines_leaving \(sku=\? AND batch_ref=\? AND held=\? AND priority=\? AND sequence<\?\)`,
		`INDEX allocation_lines_leaving \(sku=\? AND batch_ref=\? AND held=\? AND priority>\?\)`,
		`INDEX allocation_lines_leaving \(sku=\? AND batch_ref=\? AND held<\?\)`,
	}, "|") + `)$`)
	spied, db := onSQLite.new(t).spied(t)
	store := onSQLite.crowded(t, db)
	for _, statistics := range []string{`SELECT 1`, analyse[onSQLite]} {
		exec(t, db, statistics)
		for _, l := range slices.Concat(looks, looksInSteps) {
			spied.forget()
			require.NoError(t, l.look(t.Context(), store))
			for _, statement := range spied.forget() {
				searches := 0
				for _, step := range plan(t, db, statement) {
					assert.NotRegexp(t, history, step, "a step of %s, after %s", l.name, statistics)
					if strings.HasPrefix(step, "SEARCH") {
						assert.Regexp(t, keys, step, "a step of %s, after %s", l.name, statistics)
						searches++
					}
				}
				assert.NotZero(t, searches, "steps of %s", l.name)
			}
		}
	}
}

func TestViewsReadNoTableOfAServerThrough(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.crowded(t, db)
		for _, statistics := range []string{`SELECT 1`, analyse[e]} {
			exec(t, db, statistics)
			for _, l := range slices.Concat(looks, looksInSteps) {
				spied.forget()
				require.NoError(t, l.look(t.Context(), store))
				for _, statement := range spied.forget() {
					for _, step := range explain(t, e, db, statement) {
						assert.NotRegexp(t, through[e], step, "a step of %s, after %s", l.name, statistics)
					}
				}
			}
		}
	})
}

// counters add up the rows that a connection has read in tables and indexes since the transaction began, or ever.
var counters = map[*engine]string{
	onPostgreSQL: `SELECT SUM(COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables`,
	onMariaDB: `SELECT SUM(variable_value) FROM information_schema.session_status
		WHERE variable_name LIKE 'Handler_read%'`,
}

// closedLoads are loads of a product beside batches that are blocked or expired.
var closedLoads = []struct {
	name  string
	query allocation.Query
}{
	{"a load by SKU", allocation.Query{SKUs: []allocation.SKU{"chair"}, Orders: []allocation.OrderID{"firm"}}},
	{"a load by order", allocation.Query{Order: "firm"}},
	{"a load by batch", allocation.Query{Batch: "b"}},
}

func TestLoadsReadNoBatchesThatCanNotBeSold(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		db.SetMaxOpenConns(1)
		store := e.migrated(t, db)
		service, _ := stocked(t, store)
		_, err := service.Allocate(t.Context(), firm("firm", "chair", 3))
		require.NoError(t, err)
		exec(t, db, fillCrowd[e][closedBatches])
		for _, statistics := range []string{`SELECT 1`, analyse[e]} {
			exec(t, db, statistics)
			for _, l := range closedLoads {
				l.query.Now, l.query.Limit = start.Add(time.Hour), 5
				exec(t, db, `BEGIN`)
				before := rowsRead(t, e, db)
				states, err := store.Load(t.Context(), l.query)
				require.NoError(t, err)
				require.Len(t, states, 1)
				assert.Len(t, states[0].Batches, 1, "batches of %s", l.name)
				rows := rowsRead(t, e, db) - before
				exec(t, db, `ROLLBACK`)
				assert.Positive(t, rows, "rows that %s reads", l.name)
				assert.Less(t, rows, 200, "rows that %s reads, after %s", l.name, statistics)
			}
		}
	})
}

func TestViewsReadNoRowsOfThePast(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		db := e.new(t).open(t)
		db.SetMaxOpenConns(1)
		store := e.crowded(t, db)
		for _, statistics := range []string{`SELECT 1`, analyse[e]} {
			exec(t, db, statistics)
			for _, l := range slices.Concat(looks, looksInSteps) {
				exec(t, db, `BEGIN`)
				before := rowsRead(t, e, db)
				require.NoError(t, l.look(t.Context(), store))
				rows := rowsRead(t, e, db) - before
				exec(t, db, `ROLLBACK`)
				assert.True(t, rows > 0 || strings.HasSuffix(l.name, "index alone"), "rows that %s reads", l.name)
				assert.Less(t, rows, crowd/10, "rows that %s reads, after %s", l.name, statistics)
			}
		}
	})
}

func rowsRead(t *testing.T, e *engine, db *sql.DB) (rows int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), counters[e]).Scan(&rows))
	return rows
}
