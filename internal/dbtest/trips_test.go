package dbtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Every statement at the driver is a round trip, and so are BEGIN and COMMIT.
func TestRoundTripsDontDependOnTheNumberOfLines(t *testing.T) {
	read := map[*engine]int{
		onPostgreSQL: 2, // a read and a write
		onMariaDB:    7, // a read; BEGIN, products, batches, lines, events, COMMIT
	}
	const products = 20
	each(t, remote, func(t *testing.T, e *engine) {
		for name, opts := range map[string]*allocation.Options{"products are read": {Keep: -1}, "products are kept": nil} {
			t.Run(name, func(t *testing.T) {
				trips := read[e]
				if opts == nil {
					trips--
				}
				countTrips(t, e, opts, products, trips)
			})
		}
	})
}

func countTrips(t *testing.T, e *engine, opts *allocation.Options, products, want int) {
	t.Helper()
	ctx := context.Background()
	spied, db := e.new(t).spied(t)
	db.SetMaxOpenConns(1) // which has prepared everything after the first time
	service := allocation.New(allocation.NewUnitOfWork(e.migrated(t, db), nil), opts)
	var lines []allocation.Request
	for i := range products {
		sku := allocation.SKU(fmt.Sprintf("sku-%02d", i))
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 10}))
		lines = append(lines, firm("", sku, 1))
	}
	for _, n := range []int{1, products} {
		for _, order := range []string{"warm", "counted"} {
			spied.trips()
			for i := range lines {
				lines[i].OrderID = allocation.OrderID(fmt.Sprint(order, n))
			}
			_, err := service.Allocate(ctx, lines[:n]...)
			require.NoError(t, err)
		}
		trips := spied.trips()
		assert.Len(t, trips, want, "round trips of an order of %d lines:\n%q", n, trips)
	}
}
