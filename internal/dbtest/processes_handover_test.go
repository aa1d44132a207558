package dbtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

const carts = 12

// cart names a cart, or an order, of a round.
func cart(kind string, round int) allocation.OrderID {
	return allocation.OrderID(fmt.Sprintf("%s-%d", kind, round))
}

// handOverOrCancel is the role of three processes. In every round two hand over the same cart, while the third cancels
// the cart; then the two hand over carts of different products to one order. The answers say which commands succeeded.
func handOverOrCancel(ctx context.Context, w *worker) (any, error) {
	done := make([]bool, carts)
	for round := range done {
		if err := w.meet(ctx, fmt.Sprint("cart-", round)); err != nil {
			return nil, err
		}
		var err error
		if w.Number == 2 {
			_, err = w.service.Cancel(ctx, cart("cart-9", round))
		} else {
			_, err = w.service.HandOver(ctx, cart("cart-9", round), cart("order-36", round))
		}
		done[round] = err == nil
		if err != nil && !errors.Is(err, allocation.ErrNotFound) {
			return nil, err
		}
		if w.Number == 2 {
			continue
		}
		half := cart(fmt.Sprint("half-", w.Number), round)
		if _, err := w.service.HandOver(ctx, half, cart("both", round)); err != nil {
			return nil, err
		}
	}
	return done, nil
}

func TestA11_ACartBecomesAnOrderInOneOfSeveralProcesses(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		for _, sku := range []allocation.SKU{"lamp", "sofa"} {
			batch := allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 9 * carts}
			require.NoError(t, service.AddBatch(t.Context(), batch))
		}
		for round := range carts {
			_, err := service.Allocate(t.Context(), firm(cart("cart-9", round), "lamp", 3),
				firm(cart("half-0", round), "lamp", 2), firm(cart("half-1", round), "sofa", 2))
			require.NoError(t, err)
		}
		answers := together[[]bool](t, p, "hand over", 3, nil)

		handed := 0
		for round := range carts {
			cancelled := answers[2][round]
			assert.Equal(t, answers[0][round], answers[1][round], "two hand-overs of a cart")
			assert.NotEqual(t, cancelled, answers[0][round], "a cart is handed over or cancelled")
			again, err := service.HandOver(t.Context(), cart("cart-9", round), cart("order-36", round))
			if cancelled {
				require.ErrorIs(t, err, allocation.ErrNotFound)
			} else {
				require.NoError(t, err)
				assert.EqualValues(t, 3, again[0].Quantity, "units that were handed over")
				handed++
			}
			lines, err := store.Order(t.Context(), cart("both", round))
			require.NoError(t, err)
			assert.Len(t, lines, 2, "lines that came from two carts")
		}
		events, _, err := harness.Events(t.Context(), store, "lamp")
		require.NoError(t, err)
		told := map[allocation.OrderID]int{}
		for _, event := range events {
			if e, is := event.(allocation.LineHandedOver); is {
				told[e.OrderID]++
				assert.Equal(t, 1, told[e.OrderID], "hand-overs to order %q", e.OrderID)
			}
		}
		assert.Len(t, told, handed+carts, "orders to which a lamp was handed over")
		requireClean(t, service, "lamp", "sofa")
	})
}

// requireClean checks that counters, lines and events agree.
func requireClean(t *testing.T, service *allocation.Service, skus ...allocation.SKU) {
	t.Helper()
	for _, sku := range skus {
		audit, err := service.Reconcile(t.Context(), sku)
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "Reconcile(%q): %+v", sku, audit)
	}
}
