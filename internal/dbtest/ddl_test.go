package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

// reader is the part of a store over a database that the readings need.
type reader interface {
	allocation.Store
	views.Reader
	Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error)
	Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error)
	Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error)
	outbox.Store
	outbox.Maintainer
}

// readings are the methods of a store that only read, of stock that is [stocked], and those of the outbox.
var readings = map[string]func(ctx context.Context, s reader) error{
	"Load": func(ctx context.Context, s reader) error {
		return loadsBy(ctx, s, allocation.Query{SKUs: []allocation.SKU{"chair"}})
	},
	"Load by order": func(ctx context.Context, s reader) error {
		return loadsBy(ctx, s, allocation.Query{Order: "o"})
	},
	"Load by batch": func(ctx context.Context, s reader) error {
		return loadsBy(ctx, s, allocation.Query{Batch: "b"})
	},
	"Load what is due": func(ctx context.Context, s reader) error {
		return loadsBy(ctx, s, allocation.Query{Due: true})
	},
	"Load who waits": func(ctx context.Context, s reader) error {
		return loadsBy(ctx, s, allocation.Query{SKUs: []allocation.SKU{"chair"}, Waiting: true})
	},
	"Order":    func(ctx context.Context, s reader) error { return only(s.Order(ctx, "o")) },
	"Stock":    func(ctx context.Context, s reader) error { return only(s.Stock(ctx, start, "chair")) },
	"StockFor": func(ctx context.Context, s reader) error { return only(s.StockFor(ctx, start, "o", "chair")) },
	"Batches":  func(ctx context.Context, s reader) error { return only(s.Batches(ctx, start, "chair", "", 10)) },
	"Open":     func(ctx context.Context, s reader) error { return only(s.OpenBatches(ctx, start, "chair")) },
	"BatchLines": func(ctx context.Context, s reader) error {
		return only(s.BatchLines(ctx, "b", allocation.Rank{}, 10))
	},
	"LotBatches": func(ctx context.Context, s reader) error { return only(s.LotBatches(ctx, start, "b", "", 10)) },
	"LotLines":   func(ctx context.Context, s reader) error { return only(s.LotLines(ctx, "b", views.Key{}, 10)) },
	"Due":        func(ctx context.Context, s reader) error { return only(s.Due(ctx, start, views.Key{}, 10)) },
	"Queues":     func(ctx context.Context, s reader) error { return only(s.Queues(ctx, "chair")) },
	"Places":     func(ctx context.Context, s reader) error { return only(s.Places(ctx, "o")) },
	"Products": func(ctx context.Context, s reader) error {
		return only(s.Products(ctx, start, views.ProductFilter{}, "", 10))
	},
	"Orders":  func(ctx context.Context, s reader) error { return only(s.Orders(ctx, "", "", 10)) },
	"Entries": func(ctx context.Context, s reader) error { return only(s.Entries(ctx, start, "", views.Key{}, 10)) },
	"Entry": func(ctx context.Context, s reader) error {
		return only(s.Entries(ctx, start, "chair", views.Key{}, 10))
	},
	"Audit":    func(ctx context.Context, s reader) error { return only(s.Audit(ctx, "chair")) },
	"Audits":   func(ctx context.Context, s reader) error { return only(s.Audits(ctx, "", 10)) },
	"Events":   func(ctx context.Context, s reader) error { return only(s.Events(ctx, "chair", 0, 10)) },
	"Failures": func(ctx context.Context, s reader) error { return only(s.Failures(ctx, "", 10)) },
	"Backlog":  func(ctx context.Context, s reader) error { return only(s.Backlog(ctx)) },
	"Purge":    func(ctx context.Context, s reader) error { return only(s.Purge(ctx, start.Add(-time.Hour))) },
	"Retry":    func(ctx context.Context, s reader) error { return hasNone(s.Retry(ctx, "chair")) },
	"Skip":     func(ctx context.Context, s reader) error { return hasNone(s.Skip(ctx, "chair", 1)) },
	"Claim": func(ctx context.Context, s reader) error {
		deliveries, err := s.Claim(ctx, everything("relay", 5))
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			if err := s.Settle(ctx, outbox.Settlement{Owner: "relay", SKU: d.SKU}); err != nil {
				return err
			}
		}
		return nil
	},
}

// loadsBy reads with a query.
func loadsBy(ctx context.Context, s reader, q allocation.Query) error {
	q.Now, q.Limit = start, 10
	return only(s.Load(ctx, q))
}

func only[T any](_ T, err error) error { return err }

// hasNone expects the answer of the outbox that no event has failed.
func hasNone(err error) error {
	if errors.Is(err, allocation.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("must be ErrNotFound: %w", err)
}

// The drivers cache prepared statements for each connection, and the server refuses these after DDL.
func TestDDLBySomebodyElseReachesNoCallerOnPostgreSQL(t *testing.T) {
	const connections = 3
	t.Run("database/sql", func(t *testing.T) {
		t.Parallel()
		p := onPostgreSQL.new(t)
		db := p.open(t)
		store := p.migrated(t, db)
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		ddlReachesNoCaller(t, store, p.open(t), connections, func() (release func()) {
			conn, err := db.Conn(t.Context())
			require.NoError(t, err)
			return func() { require.NoError(t, conn.Close()) }
		})
	})
	t.Run("pgx", func(t *testing.T) {
		t.Parallel()
		store := pgxMigrated(t, nil, func(c *pgxpool.Config) { c.MaxConns = connections })
		other := place{engine: onPostgreSQL, dsn: store.dsn}.open(t)
		ddlReachesNoCaller(t, store, other, connections, func() (release func()) {
			conn, err := store.pool.Acquire(t.Context())
			require.NoError(t, err)
			return conn.Release
		})
	})
}

// ddlReachesNoCaller reads before and after DDL on each of so many connections; take takes one away from the store.
func ddlReachesNoCaller(t *testing.T, store reader, other *sql.DB, connections int, take func() (release func())) {
	t.Helper()
	service, _ := stocked(t, store)
	onEachConnection(connections, take, func(n int) { readEverything(t, store, service, fmt.Sprint("before ", n)) })
	retypeTexts(t, other)
	onEachConnection(connections, take, func(n int) { readEverything(t, store, service, fmt.Sprint("after ", n)) })
}

// retypeTexts changes the type of every column with a text in the store's tables.
func retypeTexts(t *testing.T, db *sql.DB) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_name LIKE 'allocation\_%' AND data_type = 'text'`)
	require.NoError(t, err)
	defer rows.Close()
	var statements []string
	for rows.Next() {
		var table, column string
		require.NoError(t, rows.Scan(&table, &column))
		statements = append(statements,
			"ALTER TABLE "+table+" ALTER "+column+` TYPE varchar(999) COLLATE "C"`)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(statements), 20)
	for _, statement := range statements {
		exec(t, db, statement)
	}
}

func readEverything(t *testing.T, store reader, service *allocation.Service, order string) {
	t.Helper()
	for name, read := range readings {
		require.NoError(t, read(t.Context(), store), "%s %s", name, order)
	}
	_, err := service.Allocate(t.Context(), firm(allocation.OrderID(order), "chair", 1))
	require.NoError(t, err, "Allocate %s", order)
}

// onEachConnection calls use once for each of so many connections; the others are taken meanwhile. All are released at
// the end, also where use fails: a pool with taken connections can't be closed.
func onEachConnection(connections int, take func() (release func()), use func(n int)) {
	taken := make([]func(), connections)
	for n := range taken {
		taken[n] = take()
	}
	defer func() {
		for _, release := range taken {
			release()
		}
	}()
	for n := range taken {
		taken[n]()
		taken[n] = func() {}
		use(n)
		taken[n] = take()
	}
}
