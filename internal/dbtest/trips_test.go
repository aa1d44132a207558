package dbtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Every statement at the driver is a round trip, and so are BEGIN and COMMIT.
func TestRoundTripsDontDependOnTheNumberOfLines(t *testing.T) {
	type lines struct{ one, many int }
	read := map[*engine]lines{
		onPostgreSQL: {2, 2}, // a read and a write
		// a read; one statement that begins and writes, the events if they are large, COMMIT
		onMariaDB: {3, 4},
	}
	const products = 40
	each(t, remote, func(t *testing.T, e *engine) {
		for name, opts := range map[string]*allocation.ServiceOptions{"products are read": {CacheSize: -1},
			"products are kept": nil} {
			t.Run(name, func(t *testing.T) {
				kept := 0
				if opts == nil {
					kept = 1
				}
				countTrips(t, e, opts, map[int]int{1: read[e].one - kept, products: read[e].many - kept})
			})
		}
	})
}

// countTrips allocates orders of as many lines as want has keys for.
func countTrips(t *testing.T, e *engine, opts *allocation.ServiceOptions, want map[int]int) {
	t.Helper()
	ctx := context.Background()
	spied, db := e.new(t).spied(t)
	db.SetMaxOpenConns(1) // which has prepared everything after the first time
	service := newService(t, allocation.NewUnitOfWork(e.migrated(t, db), nil), opts)
	var lines []allocation.Request
	for i := range slices.Max(slices.Collect(maps.Keys(want))) {
		sku := allocation.SKU(fmt.Sprintf("sku-%02d", i))
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku,
			Purchased: 10}))
		lines = append(lines, firm("", sku, 1))
	}
	for n, trips := range want {
		for _, order := range []string{"warm", "counted"} {
			spied.trips()
			for i := range lines {
				lines[i].OrderID = allocation.OrderID(fmt.Sprint(order, n))
			}
			_, err := service.Allocate(ctx, lines[:n]...)
			require.NoError(t, err)
		}
		seen := spied.trips()
		assert.Len(t, seen, trips, "round trips of an order of %d lines:\n%q", n, seen)
	}
}
