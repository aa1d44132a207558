package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// backlogs fill a database with 100,000 commits of one product that are unsent, and two of each of a hundred others,
// whose history is sent. SQLite, whose rows nobody counts, does with less.
var backlogs = map[*engine][]string{
	onSQLite: {
		`INSERT INTO allocation_products (sku, version, refused, low_stock, written)
			SELECT 's' || value, 100, 0, 0, 100 FROM json_each((
			WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1
				FROM n WHERE n < 20) SELECT json_group_array(n) FROM n))`,
		`INSERT INTO allocation_products (sku, version, refused, low_stock, written)
			VALUES ('hot', 1000, 0, 0, 1000)`,
		`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
			INSERT INTO allocation_events
				(sku, sequence, kind, at, purchased, allocated, data, unsent_from, written_for)
			SELECT 'hot', n, 'HoldConfirmed', 1, 0, 0, '{}', n, 3 FROM n`,
		`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100)
			INSERT INTO allocation_events
				(sku, sequence, kind, at, purchased, allocated, data, unsent_from, written_for)
			SELECT sku, n, 'HoldConfirmed', 1, 0, 0, '{}', CASE WHEN n > 98 THEN n END, 3 FROM n,
				allocation_products WHERE sku <> 'hot'`,
	},
	onPostgreSQL: {
		`INSERT INTO allocation_products (sku, version, refused, low_stock)
			SELECT 's' || n, 100, 0, 0 FROM generate_series(1, 100) n`,
		`INSERT INTO allocation_events
				(sku, sequence, kind, at, purchased, allocated, data, unsent_from, written_for)
			SELECT 'hot', n, 'HoldConfirmed', 1, 0, 0, '{}', n, 3 FROM generate_series(1, 100000) n`,
		`INSERT INTO allocation_events
				(sku, sequence, kind, at, purchased, allocated, data, unsent_from, written_for)
			SELECT sku, n, 'HoldConfirmed', 1, 0, 0, '{}', CASE WHEN n > 98 THEN n END, 3
				FROM generate_series(1, 100) n, allocation_products`,
	},
	onMariaDB: {
		`INSERT INTO allocation_products (sku, version, refused, low_stock)
			SELECT CONCAT('s', seq), 100, 0, 0 FROM seq_1_to_100`,
		`INSERT INTO allocation_events
				(sku, sequence, kind, at, purchased, allocated, data, unsent_from, written_for)
			SELECT 'hot', seq, 'HoldConfirmed', 1, 0, 0, '{}', seq, 3 FROM seq_1_to_100000`,
		`INSERT INTO allocation_events
				(sku, sequence, kind, at, purchased, allocated, data, unsent_from, written_for)
			SELECT sku, seq, 'HoldConfirmed', 1, 0, 0, '{}', IF(seq > 98, seq, NULL), 3 FROM seq_1_to_100,
				allocation_products`,
	},
}

// statistics are how an engine counts what there is.
var statistics = map[*engine]string{
	onSQLite: `ANALYZE`, onPostgreSQL: `ANALYZE`, //nolint:misspell // so SQL spells it
	//nolint:misspell // so SQL spells it
	onMariaDB: `ANALYZE TABLE allocation_products, allocation_events, allocation_deliveries`,
}

// rowsSeen are how many rows and index entries a server has read, for whoever has a pool of one connection.
var rowsSeen = map[*engine][]string{
	onPostgreSQL: {
		`SELECT pg_stat_force_next_flush()`,
		`SELECT (SELECT SUM(seq_tup_read) FROM pg_stat_user_tables) +
			(SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes)`,
	},
	onMariaDB: {
		`SELECT SUM(variable_value) FROM information_schema.session_status
			WHERE variable_name IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_PREV',
				'HANDLER_READ_FIRST', 'HANDLER_READ_LAST')`,
	},
}

func (e *engine) rowsSeen(t testing.TB, db *sql.DB) (n int64) {
	t.Helper()
	statements := rowsSeen[e]
	for _, statement := range statements[:len(statements)-1] {
		exec(t, db, statement)
	}
	require.NoError(t, db.QueryRowContext(context.Background(), statements[len(statements)-1]).Scan(&n))
	return n
}

// relayOnce makes a store say what it says for a relay that is busy, beside the hot product.
func relayOnce(t testing.TB, store *sqlstore.Store) {
	t.Helper()
	ctx := context.Background()
	c := everything("relay", 0)
	c.Products, c.Events = 10, 20
	deliveries := claim(t, store, c)
	require.Len(t, deliveries, 10)
	require.Len(t, deliveries[0].Events, 20)
	require.True(t, deliveries[0].More)
	for i, d := range deliveries {
		first := d.Events[0].Sequence
		s := outbox.Settlement{Owner: "relay", SKU: d.SKU, Sent: first}
		if i%2 == 1 {
			s.Sent, s.Failure = first-1, &outbox.Failure{Sequence: first, Tries: 1, Dead: true}
		}
		require.NoError(t, store.Settle(ctx, s))
	}
	failures, err := store.Failures(ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, failures, 5)
	require.NoError(t, store.Retry(ctx, failures[0].SKU))
}

// Statistics may be missing, be of a time when all was unsent, or be right.
func TestARelayReadsNoMoreThanItSends(t *testing.T) {
	const most = 1000 // rows and index entries, of 110,000
	each(t, remote, func(t *testing.T, e *engine) {
		db, store := e.fresh(t)
		db.SetMaxOpenConns(1)
		for _, statement := range backlogs[e] {
			exec(t, db, statement)
		}
		read := func(when string) {
			exec(t, db, `DELETE FROM allocation_deliveries`)
			before := e.rowsSeen(t, db)
			relayOnce(t, store)
			seen := e.rowsSeen(t, db) - before
			assert.Greater(t, seen, int64(100), "rows read, %s statistics", when)
			assert.Less(t, seen, int64(most), "rows read, %s statistics", when)
		}
		read("without")
		exec(t, db, `UPDATE allocation_events SET unsent_from = sequence WHERE sku <> 'hot'`)
		exec(t, db, statistics[e])
		exec(t, db, `UPDATE allocation_events SET unsent_from = NULL WHERE sku <> 'hot' AND sequence <= 98`)
		if e == onPostgreSQL {
			exec(t, db, `VACUUM allocation_events`) // of index entries that lead nowhere any more
		}
		read("with old")
		exec(t, db, statistics[e])
		read("with new")
	})
}

func TestNoStatementOfARelayReadsTheEventsOfSQLiteThrough(t *testing.T) {
	for name, prepare := range map[string]string{"without statistics": `SELECT 1`,
		"with statistics": statistics[onSQLite]} {
		t.Run(name, func(t *testing.T) {
			spied, db := openSpied(t, dsn(newFile(t)))
			store := migrated(t, db)
			for _, statement := range backlogs[onSQLite] {
				exec(t, db, statement)
			}
			exec(t, db, prepare)
			spied.forget()
			relayOnce(t, store)
			require.NoError(t, store.Skip(context.Background(), "s11", 99))
			_, err := store.Backlog(context.Background())
			require.NoError(t, err)
			_, err = store.Purge(context.Background(), start)
			require.NoError(t, err)
			seen := 0
			for _, statement := range spied.forget() {
				if !strings.Contains(statement, "allocation_") {
					continue
				}
				for _, step := range plan(t, db, statement) {
					if strings.Contains(step, "allocation_events") || strings.HasPrefix(step, "SEARCH e ") ||
						strings.HasPrefix(step, "SEARCH h ") {
						seen++
						assert.Regexp(t, `^SEARCH (e|h|allocation_events) USING (COVERING INDEX|INDEX|PRIMARY KEY) ?`+
							`(allocation_events_unsent)? \(sku`, step)
					}
					assert.NotRegexp(t, `AUTOMATIC|^SCAN (e|h|allocation_events|allocation_products)\b`, step,
						"a step of\n%s", statement)
				}
			}
			assert.Greater(t, seen, 10, "steps that read events")
		})
	}
}

// busy products, as relays leave them: leased, waiting and dead.
func occupied(t testing.TB, store *sqlstore.Store) {
	t.Helper()
	ctx := context.Background()
	service, _ := serviceOn(t, store)
	for i := range 4 {
		sku := allocation.SKU(fmt.Sprint("sku-", i))
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku,
			Purchased: 1}))
	}
	require.Len(t, claim(t, store, everything("relay", 0)), 4)
	for i, s := range []outbox.Settlement{
		{Sent: 1},
		{Failure: &outbox.Failure{Sequence: 1, Tries: 1, RetryAt: start.AddDate(1, 0, 0)}},
		{Failure: &outbox.Failure{Sequence: 1, Tries: 1, Dead: true}},
	} {
		s.Owner, s.SKU = "relay", allocation.SKU(fmt.Sprint("sku-", i))
		require.NoError(t, store.Settle(ctx, s))
	}
}

// forbidWriting lets every write fail on a pool of one connection, until it is undone.
func (p place) forbidWriting(t testing.TB, db *sql.DB) (undo func()) {
	t.Helper()
	switch p.engine {
	case onSQLite: // somebody else writes, for whom nobody waits
		tx, err := p.open(t).BeginTx(context.Background(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(context.Background(), `UPDATE allocation_products SET version = version`)
		require.NoError(t, err)
		exec(t, db, `PRAGMA busy_timeout = 0`)
		return func() { assert.NoError(t, tx.Rollback()) }
	case onMariaDB:
		var names []string
		for _, table := range []string{"events", "deliveries"} {
			for _, change := range []string{"INSERT", "UPDATE", "DELETE"} {
				name := "forbid_" + change + "_" + table
				exec(t, db, `CREATE TRIGGER `+name+` BEFORE `+change+` ON allocation_`+table+`
					FOR EACH ROW SIGNAL SQLSTATE '45000'`)
				names = append(names, name)
			}
		}
		return func() {
			for _, name := range names {
				exec(t, db, `DROP TRIGGER `+name)
			}
		}
	}
	for _, table := range []string{"events", "deliveries"} {
		exec(t, db, `CREATE OR REPLACE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql
			AS 'BEGIN RAISE ''a row is written''; END'`)
		exec(t, db, `CREATE TRIGGER forbid BEFORE INSERT OR UPDATE OR DELETE ON allocation_`+table+`
			FOR EACH ROW EXECUTE FUNCTION forbid()`)
	}
	return func() { exec(t, db, `DROP FUNCTION forbid CASCADE`) }
}

func TestAClaimOfNothingWritesNothing(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		p := e.new(t)
		db := p.open(t)
		db.SetMaxOpenConns(1)
		store := e.migrated(t, db)
		claimNothing := func(situation string) {
			defer p.forbidWriting(t, db)()
			assert.Empty(t, claim(t, store, everything("another", 0)), situation)
			_, err := store.Claim(ctx, everything("another", 5))
			if situation == "occupied" {
				assert.Error(t, err, "a lease that has ended is taken, which is a write")
			}
		}
		claimNothing("without events")
		occupied(t, store)
		claimNothing("occupied")
	})
}

// Every statement at the driver is a round trip, and so are BEGIN and COMMIT.
func TestRoundTripsOfARelayDontDependOnTheNumberOfProducts(t *testing.T) {
	want := map[*engine]struct{ idle, busy, settled int }{
		onPostgreSQL: {1, 2, 1},
		onMariaDB:    {1, 3, 2},
	}
	each(t, remote, func(t *testing.T, e *engine) {
		ctx := context.Background()
		spied, db := e.new(t).spied(t)
		db.SetMaxOpenConns(1) // which has prepared everything after the first time
		store := e.migrated(t, db)
		service, _ := stocked(t, store)
		settleAll(t, store)
		for i := range 20 {
			sku := allocation.SKU(fmt.Sprint("sku-", i))
			require.NoError(t, service.AddBatch(ctx,
				allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 10}))
		}
		spied.trips()
		deliveries := claim(t, store, everything("relay", 0))
		require.Len(t, deliveries, 20)
		trips := spied.trips()
		assert.Len(t, trips, want[e].busy, "a claim: %q", trips)
		require.NoError(t, store.Settle(ctx, outbox.Settlement{Owner: "relay", SKU: deliveries[0].SKU, Sent: 1}))
		trips = spied.trips()
		assert.Len(t, trips, want[e].settled, "a settlement: %q", trips)
		require.Empty(t, claim(t, store, everything("relay", 0)))
		trips = spied.trips()
		assert.Len(t, trips, want[e].idle, "a claim of nothing: %q", trips)
	})
}

// lostRaces are errors of a server on which it has undone a statement for the sake of another.
var lostRaces = map[*engine]error{
	onSQLite: coded(5), onPostgreSQL: &pgconn.PgError{Code: "40P01"}, onMariaDB: &mysql.MySQLError{Number: 1213},
}

func TestARelayThatLosesARaceOnTheServerTriesAgain(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		failing := 0
		spied.set(func(statement string) error {
			if failing > 0 && strings.Contains(statement, "allocation_deliveries") {
				failing--
				return lostRaces[e]
			}
			return nil
		}, nil)
		fail := func(times int) { spied.mu.Lock(); failing = times; spied.mu.Unlock() }
		sent := outbox.Settlement{Owner: "relay", SKU: "chair", Sent: 1}

		fail(1000)
		_, err := store.Claim(ctx, everything("relay", 0))
		require.ErrorIs(t, err, allocation.ErrConflict)
		fail(2)
		require.Len(t, claim(t, store, everything("relay", 0)), 1)
		fail(1000)
		require.ErrorIs(t, store.Settle(ctx, sent), allocation.ErrConflict)
		fail(2)
		require.NoError(t, store.Settle(ctx, sent))
		assert.Empty(t, claim(t, store, everything("relay", 5)))
	})
}
