package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/sqlstore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.M{M: m}) // stops the servers after the tests
}

// inMemory is a shop with the shards a, b and c in memory.
func inMemory(t *testing.T, now func() time.Time) (*Shop, map[string]*memory.Store) {
	t.Helper()
	stores := map[string]*memory.Store{}
	var shards []Shard
	for _, name := range []string{"a", "b", "c"} {
		stores[name] = memory.New()
		units := allocation.NewUnitOfWork(stores[name], &allocation.UnitOfWorkOptions{Now: now})
		service, err := allocation.New(units, nil)
		require.NoError(t, err)
		shards = append(shards, Shard{Name: name, Service: service})
	}
	return NewShop(time.Minute, now, shards...), stores
}

// skuOn returns a SKU that has its place on the named shard.
func skuOn(shop *Shop, name string) allocation.SKU {
	for i := 0; ; i++ {
		if sku := allocation.SKU(fmt.Sprintf("sku-%d", i)); shop.Of(sku).Name == name {
			return sku
		}
	}
}

func line(sku allocation.SKU, quantity allocation.Quantity) allocation.OrderLine {
	return allocation.OrderLine{SKU: sku, Quantity: quantity}
}

func soldOut(t *testing.T, err error) {
	t.Helper()
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
}

func free(t *testing.T, stores map[string]*memory.Store, now time.Time, sku allocation.SKU) allocation.Quantity {
	t.Helper()
	var units allocation.Quantity
	for _, store := range stores {
		stock, err := store.Stock(t.Context(), now, sku)
		require.NoError(t, err)
		for _, s := range stock {
			units += s.InWarehouse
		}
	}
	return units
}

func TestANewShardTakesItsShareAndMovesNothingElse(t *testing.T) {
	three := NewShop(0, time.Now, Shard{Name: "a"}, Shard{Name: "b"}, Shard{Name: "c"})
	four := NewShop(0, time.Now, Shard{Name: "d"}, Shard{Name: "c"}, Shard{Name: "a"}, Shard{Name: "b"})
	on := map[string]int{}
	for i := range 4000 {
		sku := allocation.SKU(fmt.Sprintf("sku-%d", i))
		before, after := three.Of(sku).Name, four.Of(sku).Name
		assert.True(t, before == after || after == "d", "%s moves from %s to %s", sku, before, after)
		on[after]++
	}
	for name, n := range on {
		assert.InDelta(t, 1000, n, 150, "SKUs on %s", name)
	}
}

func TestAnOrderOverSeveralShardsIsAllOrNothing(t *testing.T) {
	now := time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC)
	shop, stores := inMemory(t, func() time.Time { return now })
	a, b, c := skuOn(shop, "a"), skuOn(shop, "b"), skuOn(shop, "c")
	for _, sku := range []allocation.SKU{a, b, c} {
		require.NoError(t, shop.Announce(t.Context(), allocation.Batch{
			Ref: allocation.BatchRef(sku) + "-1", SKU: sku, Purchased: 3,
		}))
	}

	err := shop.Place(t.Context(), "o-1", line(a, 2), line(b, 2), line(c, 4))
	soldOut(t, err)
	require.ErrorContains(t, err, "shard c: ")
	assert.Equal(t, allocation.Quantity(3), free(t, stores, now, a), "of the first line")
	assert.Equal(t, allocation.Quantity(3), free(t, stores, now, b), "of the second line")

	for range 2 { // a repeat changes nothing
		require.NoError(t, shop.Place(t.Context(), "o-2", line(a, 2), line(b, 2), line(c, 2)))
	}
	later := now.Add(time.Hour) // no hold that could lapse is left
	for _, sku := range []allocation.SKU{a, b, c} {
		assert.Equal(t, allocation.Quantity(1), free(t, stores, later, sku), "of %s", sku)
	}

	require.NoError(t, shop.Cancel(t.Context(), "o-2", line(a, 2), line(b, 2), line(c, 2)))
	assert.Equal(t, allocation.Quantity(3), free(t, stores, later, c))
}

// deadAfter is a store that takes a number of commits, and fails every later one.
type deadAfter struct {
	allocation.Store
	commits int
}

func (d *deadAfter) Commit(ctx context.Context, changes []allocation.Changes) error {
	if d.commits == 0 {
		return fmt.Errorf("the server is gone")
	}
	d.commits--
	return d.Store.Commit(ctx, changes)
}

func TestAnOrderThatDiesBetweenItsStepsIsCompletedByARepeat(t *testing.T) {
	now := time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	first := memory.New()
	second := &deadAfter{Store: memory.New(), commits: 2} // a batch and a hold; not the confirmation
	var shards []Shard
	for name, store := range map[string]allocation.Store{"a": first, "b": second} {
		service, err := allocation.New(
			allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock}), nil,
		)
		require.NoError(t, err)
		shards = append(shards, Shard{Name: name, Service: service})
	}
	shop := NewShop(time.Minute, clock, shards...)
	a, b := skuOn(shop, "a"), skuOn(shop, "b")
	for _, sku := range []allocation.SKU{a, b} {
		require.NoError(t, shop.Announce(t.Context(), allocation.Batch{
			Ref: allocation.BatchRef(sku) + "-1", SKU: sku, Purchased: 1,
		}))
	}

	require.ErrorContains(t, shop.Place(t.Context(), "o-1", line(a, 1), line(b, 1)), "shard b: ")
	second.commits = 10
	now = now.Add(2 * time.Minute) // the hold on b has lapsed, the line on a is firm
	require.NoError(t, shop.Place(t.Context(), "o-1", line(a, 1), line(b, 1)))
	soldOut(t, shop.Place(t.Context(), "o-2", line(a, 1)))
	soldOut(t, shop.Place(t.Context(), "o-2", line(b, 1)))
}

func TestOneShardDiesAndTheOthersGoOn(t *testing.T) {
	var shards []Shard
	var dying *servers.Server
	for _, name := range []string{"a", "b"} {
		server := servers.Dedicated(t, servers.PostgreSQL, &servers.Options{Fast: true})
		p := place{name: name, driver: "pgx", dialect: sqlstore.PostgreSQL, dsn: server.Database(t)}
		shard, db, err := p.open(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		shards, dying = append(shards, shard), server
	}
	shop := NewShop(time.Minute, time.Now, shards...)
	alive, dead := skuOn(shop, "a"), skuOn(shop, "b")
	const units = 40
	for _, sku := range []allocation.SKU{alive, dead} {
		require.NoError(t, shop.Announce(t.Context(), allocation.Batch{
			Ref: allocation.BatchRef(sku) + "-1", SKU: sku, Purchased: units,
		}))
	}

	var callers sync.WaitGroup
	for i := range units {
		callers.Go(func() {
			order := allocation.OrderID(fmt.Sprintf("alive-%d", i))
			assert.NoError(t, shop.Place(t.Context(), order, line(alive, 1)))
		})
		callers.Go(func() { // answered or not, as the moment of the kill has it
			order := allocation.OrderID(fmt.Sprintf("dead-%d", i))
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			defer stop()
			_ = shop.Place(ctx, order, line(dead, 1))
		})
		if i == units/2 {
			require.NoError(t, dying.Kill())
		}
	}
	callers.Wait()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	err := shop.Place(ctx, "both", line(alive, 1), line(dead, 1))
	require.Error(t, err)
	soldOut(t, shop.Place(t.Context(), "late", line(alive, 1)))
}

func TestTheProgramShowsThatTheOthersGoOn(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	before, after, found := strings.Cut(out.String(), "\nThe database of north dies.\n")
	require.True(t, found, out.String())
	assert.Contains(t, before, "one of each: placed")
	for _, sku := range catalogue {
		on := strings.Contains(before, fmt.Sprintf("%-10s is on north\n", sku))
		assert.Equal(t, !on, strings.Contains(after, fmt.Sprintf("2 %s: placed\n", sku)), "%s in\n%s", sku, after)
	}
}
