package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// smallPackets is a MariaDB that accepts statements of at most 1 MiB.
func smallPackets(t *testing.T) place {
	t.Helper()
	server := servers.Dedicated(t, servers.MariaDB, &servers.Options{Fast: true})
	e := *onMariaDB
	e.empty = server.Database
	p := e.new(t)
	exec(t, p.open(t), `SET GLOBAL max_allowed_packet = 1048576`) // for new connections
	return p
}

// long is a name of 250 bytes. An odd name has bytes that a statement must escape.
func long(kind string, i int) string {
	name := fmt.Sprintf("%s-%05d-", kind, i)
	if i%2 == 1 {
		name += "ö<"
	}
	return name + strings.Repeat("x", 250-len(name))
}

func longSKUs(n int) []allocation.SKU {
	skus := make([]allocation.SKU, n)
	for i := range skus {
		skus[i] = allocation.SKU(long("sku", i))
	}
	return skus
}

// announce adds products with a batch each in one commit.
func announce(t *testing.T, store allocation.Store, skus []allocation.SKU, units allocation.Quantity) {
	t.Helper()
	err := allocation.NewUnitOfWork(store, nil).Do(t.Context(), func(
		_ context.Context, products allocation.Repository,
	) error {
		for i, sku := range skus {
			p, err := allocation.NewProduct(sku)
			if err == nil {
				batch := allocation.Batch{Ref: allocation.BatchRef(long("batch", i)), SKU: sku, Purchased: units}
				err = errors.Join(p.AddBatch(batch, start), products.Add(p))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
}

func TestStatementsFitIntoSmallPackets(t *testing.T) {
	e := smallPackets(t).engine
	for name, test := range map[string]func(t *testing.T, p place){
		"an order of many long names":             func(t *testing.T, p place) { orderLongNames(t, p, false) },
		"an order of many long names, with locks": func(t *testing.T, p place) { orderLongNames(t, p, true) },
		"a change of 5000 batches":                changeManyBatches,
		"a statement that can't be cut":           refuseLargeStatement,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e.new(t))
		})
	}
}

func orderLongNames(t *testing.T, p place, locks bool) {
	t.Helper()
	store := p.migrated(t, p.open(t))
	skus := longSKUs(4_300)
	announce(t, store, skus, 10)
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{LockFirst: locks})
	service := newService(t, units, &allocation.ServiceOptions{CacheSize: -1})
	order := allocation.OrderID(long("order", 1))
	lines := make([]allocation.Request, len(skus))
	for i, sku := range skus {
		lines[i] = firm(order, sku, 2)
	}
	given, err := service.Allocate(t.Context(), lines...)
	require.NoError(t, err)
	require.Len(t, given, len(skus))
	if !locks {
		assertReads(t, service, store, lines, given)
	}
	_, err = service.Ship(t.Context(), order)
	require.NoError(t, err)
	given, err = service.Cancel(t.Context(), order)
	require.NoError(t, err)
	require.Len(t, given, len(skus))
	for _, sku := range []allocation.SKU{skus[0], skus[len(skus)-1]} {
		drifted, err := service.Reconcile(t.Context(), sku)
		require.NoError(t, err)
		assert.False(t, drifted.Drifted(), "%+v", drifted)
	}
}

// assertReads sees that reads are cut.
func assertReads(
	t *testing.T, service *allocation.Service, store *sqlstore.Store, lines []allocation.Request,
	given []allocation.Allocation,
) {
	t.Helper()
	skus := make([]allocation.SKU, len(lines))
	for i, line := range lines {
		skus[i] = line.SKU
	}
	again, err := service.Allocate(t.Context(), lines...)
	require.NoError(t, err)
	require.Equal(t, given, again)
	stocks, err := store.Stock(t.Context(), start, skus...)
	require.NoError(t, err)
	require.Len(t, stocks, len(skus))
	assert.EqualValues(t, 8, stocks[len(skus)-1].InWarehouse)
	assertMoments(t, store, skus)
	claimAll(t, store, skus)
}

// assertMoments sees that a commit compares all versions, and that a load of many parts has each row once.
func assertMoments(t *testing.T, store *sqlstore.Store, skus []allocation.SKU) {
	t.Helper()
	orders := make([]allocation.OrderID, 600)
	for i := range orders {
		orders[i] = allocation.OrderID(long("order", i))
	}
	q := allocation.Query{SKUs: skus, Orders: orders, Now: start, Limit: 10}
	states, err := store.Load(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, states, len(skus))
	checks := make([]allocation.Changes, len(states))
	for i, s := range states {
		require.Len(t, s.Batches, 1)
		require.Len(t, s.Lines, 1)
		require.Len(t, s.Lines[0].Parts, 1)
		checks[i] = allocation.Changes{SKU: s.SKU, Read: s.Version}
	}
	require.NoError(t, store.Commit(t.Context(), checks))
	checks[len(checks)-1].Read++
	require.ErrorIs(t, store.Commit(t.Context(), checks), allocation.ErrConflict)
}

func claimAll(t *testing.T, store *sqlstore.Store, skus []allocation.SKU) {
	t.Helper()
	claim := outbox.Claim{Owner: "relay", Products: len(skus), Events: 10, Now: start, Until: start.Add(time.Minute)}
	deliveries, err := store.Claim(t.Context(), claim)
	require.NoError(t, err)
	require.Len(t, deliveries, len(skus))
	for _, d := range deliveries {
		require.Len(t, d.Events, 2)
	}
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "relay", SKU: skus[0], Sent: 2}))
}

func changeManyBatches(t *testing.T, p place) {
	t.Helper()
	const batches = 5_000
	store := p.migrated(t, p.open(t))
	service := newService(t, allocation.NewUnitOfWork(store, nil), nil)
	sku := allocation.SKU(long("sku", 1))
	lamp, err := allocation.NewProduct(sku)
	require.NoError(t, err)
	for i := range batches {
		ref := allocation.BatchRef(long("batch", i))
		require.NoError(t, lamp.AddBatch(allocation.Batch{Ref: ref, SKU: sku, Purchased: 1}, start))
	}
	require.NoError(t, allocation.NewUnitOfWork(store, nil).Do(t.Context(), func(
		_ context.Context, products allocation.Repository,
	) error {
		return products.Add(lamp)
	}))

	line := firm("split", sku, batches)
	line.Split = true
	given, err := service.Allocate(t.Context(), line)
	require.NoError(t, err)
	require.Len(t, given[0].Parts, batches)
	_, err = service.Cancel(t.Context(), "split")
	require.NoError(t, err)

	requests := make([]allocation.Request, batches)
	orders := make([]allocation.OrderID, batches)
	for i := range requests {
		orders[i] = allocation.OrderID(long("order", i))
		requests[i] = firm(orders[i], sku, 1)
	}
	_, err = service.Allocate(t.Context(), requests...)
	require.NoError(t, err)
	state := load(t, store, sku, orders...)
	require.Len(t, state.Lines, batches)
	require.EqualValues(t, 4*batches, state.Version)

	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "relay", SKU: sku, Sent: state.Version}))
	purged, err := store.Purge(t.Context(), time.Now().AddDate(100, 0, 0))
	require.NoError(t, err)
	require.EqualValues(t, 4*batches, purged)
	drifted, err := service.Reconcile(t.Context(), sku)
	require.NoError(t, err)
	require.False(t, drifted.Drifted(), "%+v", drifted)
}

// A statement that can't be cut names the limit, and nothing happens.
func assertTooLarge(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, sqlstore.ErrTooLarge)
	require.ErrorContains(t, err, "max_allowed_packet")
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	for _, other := range []error{allocation.ErrUnknownOutcome, allocation.ErrConflict} {
		require.NotErrorIs(t, err, other)
	}
}

func refuseLargeStatement(t *testing.T, p place) {
	t.Helper()
	db := p.open(t)
	store := p.migrated(t, db)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = store.Join(tx).Load(t.Context(), allocation.Query{SKUs: longSKUs(8_000), Now: start, Limit: 10})
	assertTooLarge(t, err)
	require.NoError(t, tx.Rollback(), "the connection is alive")
}

func TestRefusalOfALargeStatementNamesTheLimit(t *testing.T) {
	spied, db := onMariaDB.new(t).spied(t)
	store := onMariaDB.migrated(t, db)
	stocked(t, store)
	service := newService(t, allocation.NewUnitOfWork(store, nil), &allocation.ServiceOptions{CacheSize: -1})
	parameter := &mysql.MySQLError{Number: 1105, Message: "A parameter is longer than 'max_allowed_packet' bytes"}
	for _, refusal := range []error{number("08S01", 1153), parameter, mysql.ErrPktTooLarge} {
		for _, at := range []string{"WITH chosen", strings.TrimSpace(scriptStart)} {
			spied.set(func(statement string) error {
				if strings.HasPrefix(strings.TrimSpace(statement), at) {
					return refusal
				}
				return nil
			}, nil)
			_, err := service.Allocate(t.Context(), firm("o", "chair", 1))
			assertTooLarge(t, err)
			require.ErrorIs(t, err, refusal)
			spied.set(nil, nil)
			_, err = store.Order(t.Context(), "o")
			require.NoError(t, err)
			require.EqualValues(t, 1, load(t, store, "chair").Version)
		}
	}
}
