package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// readings are the methods of a store that only read, of stock that is [stocked], and a claim.
var readings = map[string]func(ctx context.Context, s *sqlstore.Store) error{
	"Load": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}, Now: start})
		return err
	},
	"Order": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Order(ctx, "o")
		return err
	},
	"BatchLines": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.BatchLines(ctx, "b", allocation.Rank{}, 10)
		return err
	},
	"Batches": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Batches(ctx, start, "chair", "", 10)
		return err
	},
	"Stock": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Stock(ctx, start, "chair")
		return err
	},
	"Audit": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Audit(ctx, "chair")
		return err
	},
	"Events": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Events(ctx, "chair", 0, 10)
		return err
	},
	"Failures": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Failures(ctx, "", 10)
		return err
	},
	"Backlog": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Backlog(ctx)
		return err
	},
	"Claim": func(ctx context.Context, s *sqlstore.Store) error {
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

// The driver caches prepared statements for each connection, and the server refuses these after DDL.
func TestDDLBySomebodyElseReachesNoCallerOnPostgreSQL(t *testing.T) {
	p := onPostgreSQL.new(t)
	db, other := p.open(t), p.open(t)
	store := p.migrated(t, db)
	service, _ := stocked(t, store)
	onEachConnection(t, db, func(n int) { readEverything(t, store, service, fmt.Sprint("before ", n)) })
	for _, column := range []string{
		"batches.ref", "batches.sku", "batches.location", "lines.order_id", "lines.sku", "lines.batch_ref",
		"events.kind", "events.data", "products.sku", "deliveries.sku", "deliveries.error",
	} {
		table, name, _ := strings.Cut(column, ".")
		exec(t, other, "ALTER TABLE allocation_"+table+" ALTER "+name+` TYPE varchar(999) COLLATE "C"`)
	}
	onEachConnection(t, db, func(n int) { readEverything(t, store, service, fmt.Sprint("after ", n)) })
}

func readEverything(t *testing.T, store *sqlstore.Store, service *allocation.Service, order string) {
	t.Helper()
	for name, read := range readings {
		require.NoError(t, read(t.Context(), store), "%s %s", name, order)
	}
	_, err := service.Allocate(t.Context(), firm(allocation.OrderID(order), "chair", 1))
	require.NoError(t, err, "Allocate %s", order)
}

// onEachConnection calls use once for each of three connections; the others are taken meanwhile.
func onEachConnection(t *testing.T, db *sql.DB, use func(n int)) {
	t.Helper()
	const connections = 3
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	take := func() *sql.Conn {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		return conn
	}
	var taken []*sql.Conn
	for range connections {
		taken = append(taken, take())
	}
	for n := range taken {
		require.NoError(t, taken[n].Close())
		use(n)
		taken[n] = take()
	}
	for _, conn := range taken {
		require.NoError(t, conn.Close())
	}
}
