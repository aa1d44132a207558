package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// everything is a claim of up to a hundred products, for a minute from so many minutes after the start.
func everything(owner string, minutes int) outbox.Claim {
	return outbox.Claim{
		Owner: owner, Products: 100, Events: 100,
		Now: start.Add(time.Duration(minutes) * time.Minute), Until: start.Add(time.Duration(minutes+1) * time.Minute),
	}
}

func claim(t testing.TB, store *sqlstore.Store, c outbox.Claim) []outbox.Delivery {
	t.Helper()
	deliveries, err := store.Claim(context.Background(), c)
	require.NoError(t, err)
	return deliveries
}

// settleAll sends everything.
func settleAll(t testing.TB, store *sqlstore.Store) {
	t.Helper()
	for {
		deliveries := claim(t, store, everything("relay", 0))
		if len(deliveries) == 0 {
			return
		}
		for _, d := range deliveries {
			require.NoError(t, store.Settle(context.Background(), outbox.Settlement{
				Owner: "relay", SKU: d.SKU, Sent: d.Events[len(d.Events)-1].Sequence,
			}))
		}
	}
}

// letter is a row of the ledger, as other programs see it.
type letter struct {
	id, aggregate, sku, kind, data, parent string
	sequence                               int64
	unsentFrom                             sql.NullInt64
}

func letters(t testing.TB, db *sql.DB) (all []letter) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), `
		SELECT COALESCE(CAST(id AS CHAR(36)), ''), aggregatetype, sku, kind, data, COALESCE(trace_parent, ''),
			sequence, unsent_from
		FROM allocation_events ORDER BY sku, sequence`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var l letter
		require.NoError(t, rows.Scan(&l.id, &l.aggregate, &l.sku, &l.kind, &l.data, &l.parent, &l.sequence,
			&l.unsentFrom))
		all = append(all, l)
	}
	require.NoError(t, rows.Err())
	return all
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// The commits have all shapes that statements are made for: new products, one line, several lines of several
// products, with trace parents and without.
func TestOtherProgramsCanReadEventsFromTheLedger(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db, store := e.fresh(t)
		traced := ""
		units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
			Now: memory.NewClock(start).Now, TraceParent: func(context.Context) string { return traced },
		})
		service := newService(t, units, nil)
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "chair", Purchased: 10}))
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "t", SKU: "table's", Purchased: 10}))
		commands := []func() error{
			func() error { _, err := service.Allocate(ctx, firm("o1", "chair", 1)); return err },
			func() error {
				_, err := service.Allocate(ctx, firm("o2", "chair", 1), firm("o2", "table's", 1))
				return err
			},
		}
		for _, traced = range []string{"", parent} {
			for i, command := range commands {
				require.NoError(t, command(), "command %d", i)
				_, err := service.Cancel(ctx, allocation.OrderID(fmt.Sprint("o", i+1)))
				require.NoError(t, err)
			}
		}
		told := letters(t, db)
		require.Len(t, told, 9+5)
		number, want := map[string]int64{}, map[string]bool{}
		for _, l := range told {
			number[l.sku]++
			assert.Equal(t, number[l.sku], l.sequence, "number of an event of sku %q", l.sku)
			event, err := allocation.DecodeEvent(l.kind, []byte(l.data))
			require.NoError(t, err)
			assert.Equal(t, outbox.ID(allocation.SKU(l.sku), l.sequence, event.Time()), l.id, "id")
			assert.False(t, want[l.id], "id %q stands twice", l.id)
			want[l.id] = true
			assert.Equal(t, "product", l.aggregate)
			assert.Equal(t, sql.NullInt64{Int64: l.sequence, Valid: true}, l.unsentFrom,
				"mark of an event that has a commit of its own")
			half := map[string]int64{"chair": 5, "table's": 3}[l.sku]
			assert.Equal(t, map[bool]string{true: parent}[l.sequence > half], l.parent,
				"trace parent of event %d of sku %q", l.sequence, l.sku)
		}
	})
}

func TestTheLastEventOfACommitHasTheNumberOfTheFirst(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db, store := e.fresh(t)
		service, clock := stocked(t, store)
		require.NoError(t, service.SetLowStock(ctx, "chair", 8))
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b2", SKU: "chair", Purchased: 10}))
		_, err := service.Allocate(ctx, split("o", "chair", 15)) // of two batches, and the stock is low
		require.NoError(t, err)
		marks := func() (marks []int64) {
			for _, l := range letters(t, db) {
				marks = append(marks, l.unsentFrom.Int64)
			}
			return marks
		}
		require.Equal(t, []int64{1, 2, 3, 0, 0, 4}, marks())
		settle := func(number int64) {
			require.NoError(t, store.Settle(ctx, outbox.Settlement{Owner: "relay", SKU: "chair", Sent: number}))
		}
		settle(4)
		assert.Equal(t, []int64{0, 0, 0, 0, 0, 5}, marks(), "marks when 4 were sent")
		settle(2)
		assert.Equal(t, []int64{0, 0, 0, 0, 0, 5}, marks(), "marks after a settlement that came late")
		clock.Advance(time.Hour)
		_, err = service.Ship(ctx, "o")
		require.NoError(t, err)
		assert.Equal(t, []int64{0, 0, 0, 0, 0, 5, 0, 7}, marks(), "marks after a further commit")
		settle(7)
		assert.Equal(t, []int64{0, 0, 0, 0, 0, 0, 0, 8}, marks(), "marks when 7 were sent")
		settle(8)
		assert.Equal(t, make([]int64, 8), marks())
	})
}

func TestWhoHasLostTheLeaseMarksAndFreesNothing(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db, store := e.fresh(t)
		stocked(t, store)
		require.Len(t, claim(t, store, everything("slow", 0)), 1)
		require.Len(t, claim(t, store, everything("quick", 5)), 1)
		lease := rowsOf(t, db, "deliveries")
		require.NoError(t, store.Settle(ctx, outbox.Settlement{Owner: "slow", SKU: "chair", Sent: 1}))
		assert.False(t, letters(t, db)[0].unsentFrom.Valid, "the event is marked as unsent")
		assert.Equal(t, lease, rowsOf(t, db, "deliveries"), "the lease of another owner")
		require.NoError(t, store.Settle(ctx, outbox.Settlement{Owner: "quick", SKU: "chair", Sent: 1}))
		assert.Empty(t, rowsOf(t, db, "deliveries"))
	})
}

func TestWhatWasSentWhileItWasClaimedIsNotHandedOut(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		p := e.new(t)
		spied, db := p.spied(t)
		store, other := e.migrated(t, db), e.store(t, p.open(t), nil)
		service, _ := stocked(t, other)
		spied.set(func(statement string) error {
			if strings.Contains(statement, "WITH RECURSIVE leased") { // it has the product, and reads its events now
				return other.Settle(ctx, outbox.Settlement{Owner: "late", SKU: "chair", Sent: 1})
			}
			return nil
		}, nil)
		assert.Empty(t, claim(t, store, everything("relay", 0)))
		assert.Empty(t, rowsOf(t, db, "deliveries"), "leases of nothing")
		_, err := service.Allocate(ctx, firm("o", "chair", 1))
		require.NoError(t, err)
		assert.Len(t, claim(t, other, everything("relay", 0)), 1)
	})
}

func TestAProductThatIsSettledLeavesNoRowBehind(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		db, store := e.fresh(t)
		service, _ := stocked(t, store)
		failing := outbox.Settlement{Owner: "relay", SKU: "chair",
			Failure: &outbox.Failure{Sequence: 1, Tries: 1, RetryAt: start}}
		for range 2 {
			require.Len(t, claim(t, store, everything("relay", 0)), 1)
			require.NoError(t, store.Settle(ctx, failing))
			require.Len(t, rowsOf(t, db, "deliveries"), 1)
		}
		_, err := service.Allocate(ctx, firm("o", "chair", 1))
		require.NoError(t, err)
		settleAll(t, store)
		assert.Empty(t, rowsOf(t, db, "deliveries"))
	})
}

// A newer version of the program, beside this one, may tell events that this one doesn't know.
func TestAnEventThatCantBeDecodedStopsNobodyElse(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		db, store := e.fresh(t)
		service, _ := stocked(t, store)
		require.NoError(t, service.AddBatch(context.Background(),
			allocation.Batch{Ref: "t", SKU: "table", Purchased: 1}))
		require.NoError(t, service.AddBatch(context.Background(),
			allocation.Batch{Ref: "b2", SKU: "chair", Purchased: 1}))
		exec(t, db, `UPDATE allocation_events SET kind = 'ChairPainted' WHERE sku = 'chair' AND sequence = 1`)
		deliveries := claim(t, store, everything("relay", 0))
		require.Len(t, deliveries, 2)
		require.Len(t, deliveries[0].Events, 2)
		unknown := deliveries[0].Events[0]
		assert.Nil(t, unknown.Event)
		require.ErrorIs(t, unknown.Err, allocation.ErrInvalid)
		assert.EqualValues(t, 1, unknown.Sequence)
		assert.Equal(t, "BatchAdded", deliveries[0].Events[1].Event.Kind())
		assert.NoError(t, deliveries[1].Events[0].Err)
	})
}

func TestAJoinedStoreIsNoOutbox(t *testing.T) {
	var joined any = onSQLite.store(t, onSQLite.new(t).open(t), nil).Join(nil)
	_, claims := joined.(outbox.Store)
	_, maintains := joined.(outbox.Maintainer)
	assert.False(t, claims || maintains, "a joined store hands out events, is %t and %t", claims, maintains)
}

func TestEventsThatACommitInAHostsTransactionTellsAreUnsent(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		s := e.shop(t)
		settleAll(t, s.store)
		for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
			tx, joined := s.begin(t)
			service, _ := serviceOn(t, joined)
			_, err := service.Allocate(context.Background(), firm("o", "chair", 1))
			require.NoError(t, err)
			require.NoError(t, end(tx))
		}
		deliveries := claim(t, s.store, everything("relay", 0))
		require.Len(t, deliveries, 1)
		require.Len(t, deliveries[0].Events, 1)
		assert.EqualValues(t, 2, deliveries[0].Events[0].Sequence)
	})
}

func TestBadArgumentsOfTheOutboxAreRefusedBeforeTheDatabaseIsAsked(t *testing.T) {
	ctx := context.Background()
	spied, db := openSpied(t, dsn(newFile(t)))
	store := storeOn(t, db, nil)
	change := func(change func(c *outbox.Claim)) error {
		c := everything("relay", 0)
		change(&c)
		_, err := store.Claim(ctx, c)
		return err
	}
	settle := func(s outbox.Settlement) error { return store.Settle(ctx, s) }
	failing := func(f outbox.Failure) error {
		return settle(outbox.Settlement{SKU: "chair", Sent: 3, Failure: &f})
	}
	listing := func(after allocation.SKU, limit int) error {
		_, err := store.Failures(ctx, after, limit)
		return err
	}
	for name, c := range map[string]struct {
		err   error
		op    string
		field string
	}{
		"no products":        {change(func(c *outbox.Claim) { c.Products = 0 }), "Claim", "products"},
		"no events":          {change(func(c *outbox.Claim) { c.Events = -1 }), "Claim", "events"},
		"bad page":           {change(func(c *outbox.Claim) { c.After = "\xff" }), "Claim", "sku"},
		"bad owner":          {change(func(c *outbox.Claim) { c.Owner = "\x00" }), "Claim", "owner"},
		"no lease":           {change(func(c *outbox.Claim) { c.Until = c.Now }), "Claim", "until"},
		"bad product":        {settle(outbox.Settlement{SKU: " "}), "Settle", "sku"},
		"bad owner to end":   {settle(outbox.Settlement{SKU: "chair", Owner: "\xff"}), "Settle", "owner"},
		"negative":           {settle(outbox.Settlement{SKU: "chair", Sent: -1}), "Settle", "sent"},
		"sent and failed":    {failing(outbox.Failure{Sequence: 3, Tries: 1}), "Settle", "sequence"},
		"failed untried":     {failing(outbox.Failure{Sequence: 4}), "Settle", "tries"},
		"bad list":           {listing("\xff", 1), "Failures", "sku"},
		"no list":            {listing("", 0), "Failures", "limit"},
		"retry of no SKU":    {store.Retry(ctx, ""), "Retry", "sku"},
		"skipping of no SKU": {store.Skip(ctx, "", 1), "Skip", "sku"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, c.err, allocation.ErrInvalid)
			var typed *allocation.Error
			require.ErrorAs(t, c.err, &typed)
			assert.Equal(t, [2]string{c.op, c.field}, [2]string{typed.Op, typed.Field})
		})
	}
	assert.Empty(t, spied.forget(), "statements")
}

func TestTheOutboxOfAnUnmigratedDatabaseSaysSo(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		p := e.new(t)
		db := p.open(t)
		migrations, err := sqlstore.Migrations(e.dialect, nil)
		require.NoError(t, err)
		e.apply(t, db, migrations[0].SQL) // as an older version of the program leaves it
		store := e.store(t, db, nil)
		for name, operation := range map[string]func() error{
			"Claim":    func() error { _, err := store.Claim(ctx, everything("relay", 0)); return err },
			"Settle":   func() error { return store.Settle(ctx, outbox.Settlement{SKU: "chair", Sent: 1}) },
			"Backlog":  func() error { _, err := store.Backlog(ctx); return err },
			"Failures": func() error { _, err := store.Failures(ctx, "", 1); return err },
			"Retry":    func() error { return store.Retry(ctx, "chair") },
			"Skip":     func() error { return store.Skip(ctx, "chair", 1) },
		} {
			t.Run(name, func(t *testing.T) {
				err := operation()
				require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
				var typed *allocation.Error
				require.ErrorAs(t, err, &typed)
				assert.Equal(t, name, typed.Op)
			})
		}
	})
}
