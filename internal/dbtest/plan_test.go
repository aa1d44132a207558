package dbtest

import (
	"context"
	"database/sql"
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

// useEverything makes a store say everything that it ever says on the hot path.
func useEverything(t *testing.T, store allocation.Store) {
	t.Helper()
	ctx := context.Background()
	service, clock := serviceOn(store)
	held := firm("held", "chair", 2)
	held.HoldUntil = start.Add(time.Minute)
	_, err := service.Allocate(ctx, held, firm("firm", "chair", 3)) // by SKU
	require.NoError(t, err)
	clock.Advance(time.Hour)
	_, err = service.ReleaseLapsed(ctx) // lapsed
	require.NoError(t, err)
	_, err = service.Ship(ctx, "firm") // by order
	require.NoError(t, err)
	_, err = service.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b", Quantity: 5, At: clock.Now()}) // by batch
	require.NoError(t, err)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b2", SKU: "table", Purchased: 5}))
	_, err = service.Reconcile(ctx, "chair")
	require.NoError(t, err)
	_, err = store.(allocation.Ledger).Events(ctx, "chair", 0, 10)
	require.NoError(t, err)
	chair, table := load(t, store, "chair"), load(t, store, "table")
	require.NoError(t, store.Commit(ctx, []allocation.Changes{{SKU: "chair", Read: chair.Version}}))
	c := decide(t, store, "table", firm("o", "table", 1))
	require.NoError(t, store.Commit(ctx, []allocation.Changes{{SKU: "chair", Read: chair.Version}, c}))
	require.Equal(t, table.Version+1, load(t, store, "table").Version)
}

// plan asks SQLite how it would carry out a statement.
func plan(t *testing.T, db *sql.DB, statement string) (steps []string) {
	t.Helper()
	var args []any
	for strings.Contains(statement, "?"+string(rune('1'+len(args)))) {
		args = append(args, nil)
	}
	if strings.Contains(statement, "?10") {
		args = append(args, nil)
	}
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
			"lapsed":   {Lapsed: true, Limit: 5},
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
				first = strings.TrimSpace(statement)
			}
			return nil
		}, nil)
		require.NoError(t, store.Commit(context.Background(), []allocation.Changes{changes}))
		assert.True(t, strings.HasPrefix(first, e.steps[1]) && strings.Contains(first, "allocation_products"), "first statement = %s", first)
	})
}
