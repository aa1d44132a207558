package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// The tests in this file take a moment. If the work grew with the square of the input, the tests would take minutes.

func TestOneCallMayNameManyOrders(t *testing.T) {
	const orders = 50_000
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", orders-1)))
	service := newService(t, allocation.NewUnitOfWork(store, nil), nil)
	requests := make([]allocation.Request, orders)
	for i := range requests {
		requests[i] = want(numbered("o", i), "LAMP", 1)
	}
	_, err := service.Allocate(t.Context(), requests...)
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	given, err := service.Allocate(t.Context(), requests[1:]...)
	require.NoError(t, err)
	assert.Len(t, given, orders-1)
}

func TestOneOrderMayNameManyProducts(t *testing.T) {
	const skus = 20_000
	store := memory.New()
	requests := make([]allocation.Request, skus)
	batches := make([]allocation.Batch, skus)
	for i := range requests {
		sku := allocation.SKU(fmt.Sprint("s", i))
		requests[i] = want("o1", sku, 1)
		batches[i] = stock(allocation.BatchRef(fmt.Sprint("b", i)), sku, 1)
	}
	service := newService(t, allocation.NewUnitOfWork(store, nil), nil)
	_, err := service.Allocate(t.Context(), requests...)
	require.ErrorIs(t, err, allocation.ErrNotFound)
	require.NoError(t, store.Seed(batches...))
	given, err := service.Allocate(t.Context(), requests...)
	require.NoError(t, err)
	assert.Len(t, given, skus)
}

func TestProductMayHaveManyBatches(t *testing.T) {
	const batches = 50_000
	var state allocation.State
	state.SKU, state.Version = "LAMP", batches
	for i := range batches {
		b := stock(allocation.BatchRef(fmt.Sprint("b", i)), "LAMP", 1)
		b.AnnouncedQuantity = 1
		state.Batches = append(state.Batches, b)
	}
	q := allocation.Query{SKUs: []allocation.SKU{"LAMP"}, Orders: []allocation.OrderID{"o1"}, Now: morning}
	lamp, err := state.Product(q)
	require.NoError(t, err)
	given, err := lamp.Allocate(morning, nil, want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, []allocation.Part{part("b0", 1, 0)}, given[0].Parts)
}

// The text of the error stays readable in a log line; the error's field has the whole list.
func TestErrorOfManyShortagesIsShort(t *testing.T) {
	short := &allocation.OutOfStockError{}
	for i := range 12 {
		line := want(numbered("o", i), "LAMP", 1).OrderLine
		short.Shortages = append(short.Shortages, allocation.Shortage{OrderLine: line})
	}
	assert.Equal(t, 10, strings.Count(short.Error(), "wanted 1"))
	assert.True(t, strings.HasSuffix(short.Error(), "; and 2 more"), short.Error())
	short.Shortages = short.Shortages[:10]
	assert.NotContains(t, short.Error(), "more")
}

// A call with much to decide ends soon after its context.
func TestOneCallLooksAtItsContext(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(
		stock("b1", "A", 9), stock("b2", "B", 9), stock("b3", "C", 9), stock("b4", "A", 9), stock("b5", "B", 9)))
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := 0
	service := newService(t, allocation.NewUnitOfWork(store, nil), &allocation.ServiceOptions{
		Policy: func(a, b allocation.Batch) int {
			asked++
			cancel(errors.New("the caller has gone"))
			return allocation.EarliestFirst(a, b)
		},
	})
	_, err := service.Allocate(ctx, want("o1", "A", 1), want("o1", "B", 1), want("o1", "C", 1))
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, asked, "calls of the policy")
}

// Each order of the bulk has a SKU in common with the order before, so that all are connected in a long chain.
func TestABulkMayConnectManyProducts(t *testing.T) {
	const products = 50_000
	orders := make([][]allocation.Request, products)
	for i := range orders {
		sku := func(n int) allocation.SKU { return allocation.SKU(fmt.Sprintf("sku-%05d", n)) }
		orders[i] = []allocation.Request{
			want(numbered("o", i), sku(products-i), 1), want(numbered("o", i), sku(products-i+1), 1),
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the orders are connected, and nothing is read
	_, errs := serve(t, memory.New(), settings{}).AllocateEach(ctx, orders)
	for _, err := range errs {
		require.ErrorIs(t, err, context.Canceled)
	}
}
