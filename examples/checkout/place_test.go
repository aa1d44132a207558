package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// everyEngine names the engines of the tests, PostgreSQL with database/sql and with pgx. Without a server a test is
// skipped, or fails if the environment demands servers.
var everyEngine = []string{"sqlite", "postgresql", "pgx", "mariadb"}

// database names a new, empty database.
func database(t *testing.T, name string) (dsn string) {
	t.Helper()
	switch name {
	case "postgresql", "pgx":
		return servers.Shared(t, servers.PostgreSQL).Database(t)
	case "mariadb":
		return servers.Shared(t, servers.MariaDB).Database(t)
	}
	// With busy_timeout 0 nobody waits for a lock, so that a test sees every locked file.
	settings := url.Values{"_pragma": {
		"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(0)", "synchronous(NORMAL)",
	}}
	return "file:" + filepath.Join(t.TempDir(), "shop.db") + "?" + settings.Encode()
}

// everyStore is the store in memory and every engine.
var everyStore = append([]string{"memory"}, everyEngine...)

// opened is a shop with twelve chairs and three lamps.
func opened(t *testing.T, name string) *Shop {
	t.Helper()
	return openedOn(t, name, database(t, name), nil)
}

func openedOn(t *testing.T, name, dsn string, opts *allocation.UnitOfWorkOptions) *Shop {
	t.Helper()
	shop, err := open(t.Context(), name, dsn, opts)
	require.NoError(t, err)
	return stocked(t, shop)
}

func stocked(t *testing.T, shop *Shop) *Shop {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, shop.Close()) })
	require.NoError(t, shop.announce(t.Context(), []allocation.Batch{
		{Ref: "chairs-1", SKU: "chair", Purchased: 10}, {Ref: "chairs-2", SKU: "chair", Purchased: 2},
		{Ref: "lamps", SKU: "lamp", Purchased: 3},
	}))
	return shop
}

func basket(id allocation.OrderID, chairs, lamps allocation.Quantity) Order {
	return Order{ID: id, Customer: "customer-1", Items: []Item{{"chair", chairs}, {"lamp", lamps}}}
}

// want checks the number of orders and of promised chairs, in the tables of shop and library.
func (s *Shop) want(t *testing.T, orders int, chairs allocation.Quantity) {
	t.Helper()
	have, err := s.books(t.Context(), "chair", "lamp")
	require.NoError(t, err)
	assert.Equal(t, books{orders: orders}, have)
	audit, err := s.ledger.Audit(t.Context(), "chair")
	require.NoError(t, err)
	promised := allocation.Quantity(0)
	for _, tally := range audit.Tallies {
		promised += tally.Allocated
		assert.False(t, tally.Drifted(), "%+v", tally)
	}
	assert.Equal(t, chairs, promised, "chairs promised")
}

func TestAnOrderAndItsAllocationCommitTogether(t *testing.T) {
	for _, name := range everyStore {
		t.Run(name, func(t *testing.T) {
			shop := opened(t, name)
			given, err := shop.Place(t.Context(), basket("o1", 2, 1))
			require.NoError(t, err)
			shop.want(t, 1, 2)

			again, err := shop.Place(t.Context(), basket("o1", 2, 1))
			require.NoError(t, err)
			assert.Equal(t, given, again)
			shop.want(t, 1, 2)
		})
	}
}

func TestAnOrderThatFailsBetweenAnyTwoStepsLeavesNothing(t *testing.T) {
	for _, name := range everyStore {
		t.Run(name, func(t *testing.T) {
			shop := opened(t, name)
			for i, step := range []string{begun, written, allocated} {
				for how, fail := range map[string]func(leave context.CancelFunc){
					"panic":             func(context.CancelFunc) { panic("bug") },
					"end of goroutine":  func(context.CancelFunc) { runtime.Goexit() },
					"the customer left": func(leave context.CancelFunc) { leave() },
				} {
					t.Run(step+"/"+how, func(t *testing.T) {
						ctx, leave := context.WithCancel(t.Context())
						defer leave()
						shop.step = func(_ allocation.OrderID, at string) {
							if at == step {
								fail(leave)
							}
						}
						err := errors.New("did not return")
						var over sync.WaitGroup
						over.Go(func() {
							defer func() { _ = recover() }()
							_, err = shop.Place(ctx, chairs("o1", 2))
						})
						over.Wait()
						require.Error(t, err)
						shop.want(t, i, allocation.Quantity(i))
					})
				}
				shop.step = func(allocation.OrderID, string) {}
				_, err := shop.Place(t.Context(), chairs(fmt.Sprint("after ", step), 1))
				require.NoError(t, err)
				shop.want(t, i+1, allocation.Quantity(i+1))
			}
		})
	}
}

func TestAShortageIsAnsweredAndLeavesNoOrder(t *testing.T) {
	for _, name := range everyStore {
		t.Run(name, func(t *testing.T) {
			shop := opened(t, name)
			_, err := shop.Place(t.Context(), basket("o1", 11, 1))
			var short *allocation.OutOfStockError
			require.ErrorAs(t, err, &short)
			require.Len(t, short.Shortages, 1)
			assert.EqualValues(t, 10, short.Shortages[0].Available)
			shop.want(t, 0, 0)

			_, err = shop.Place(t.Context(), basket("o1", 10, 1)) // the customer orders the rest
			require.NoError(t, err)
			shop.want(t, 1, 10)
		})
	}
}
