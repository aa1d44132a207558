package dbtest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

func showLists(s *scene) {
	ctx := s.Context()
	require.NoError(s, s.service.AddBatch(ctx, allocation.Batch{Ref: s.ref("p1"), SKU: s.sku() + "-z", Purchased: 3}))
	s.announce("b1", 9)
	require.NoError(s, s.service.SetLowStock(ctx, s.sku(), 5))
	s.clock.Advance(time.Hour)
	s.given(s.want("cart-1", 2))
	s.given(s.want("cart-2", 3))
	_, err := s.service.Allocate(ctx, func() allocation.Request {
		r := s.want("dart", 90)
		r.Wait = true
		return r
	}())
	require.NoError(s, err)
	lamp := views.Product{
		Stock: views.Stock{SKU: s.sku(), Version: s.version(), InWarehouse: 4}, LowStock: 5, Low: true, Waiting: true,
	}
	other := views.Product{Stock: views.Stock{SKU: s.sku() + "-z", Version: 1, InWarehouse: 3}}
	for _, c := range []struct {
		filter views.ProductFilter
		after  allocation.SKU
		limit  int
		want   []views.Product
	}{
		{views.ProductFilter{Prefix: s.names}, "", 9, []views.Product{lamp, other}},
		{views.ProductFilter{Prefix: s.names}, "", 1, []views.Product{lamp}},
		{views.ProductFilter{Prefix: s.names}, s.sku(), 1, []views.Product{other}},
		{views.ProductFilter{Prefix: string(s.sku()) + "-"}, "", 9, []views.Product{other}},
		{views.ProductFilter{Prefix: s.names, Low: true}, "", 9, []views.Product{lamp}},
		{views.ProductFilter{Prefix: s.names + "x"}, "", 9, nil},
	} {
		got, err := s.store.Products(ctx, s.clock.Now(), c.filter, c.after, c.limit)
		require.NoError(s, err)
		assert.Equal(s, c.want, got, "products of %+v after %q", c.filter, c.after)
	}
	orders, err := s.store.Orders(ctx, s.names+"cart", "", 9)
	require.NoError(s, err)
	assert.Equal(s, []allocation.OrderID{s.order("cart-1"), s.order("cart-2")}, orders)
	orders, err = s.store.Orders(ctx, s.names, s.order("cart-1"), 9)
	require.NoError(s, err)
	assert.Equal(s, []allocation.OrderID{s.order("cart-2"), s.order("dart")}, orders)
	s.showLedger()
}

// showLedger reads the events of an hour, and of the beginning.
func (s *scene) showLedger() {
	for since, want := range map[time.Time][]string{
		s.minute(60): {"LineAllocated", "LineAllocated", "LowStockCrossed", "LineWaiting"},
		{}:           {"BatchAdded", "LowStockSet", "LineAllocated", "LineAllocated", "LowStockCrossed", "LineWaiting"},
		s.minute(61): nil,
	} {
		for _, limit := range []int{1, 3, 100} {
			var kinds, all []string
			for after := (views.Key{}); ; {
				page, err := s.store.Entries(s.Context(), since, s.sku(), after, limit)
				require.NoError(s, err)
				for _, e := range page {
					kinds, after = append(kinds, e.Event.Kind()), e.Key()
				}
				if len(page) < limit {
					break
				}
			}
			assert.Equal(s, want, kinds, "events since %s in pages of %d", since, limit)
			for after := (views.Key{SKU: allocation.SKU(s.names)}); ; {
				page, err := s.store.Entries(s.Context(), since, "", after, limit)
				require.NoError(s, err)
				for _, e := range page {
					if after = e.Key(); e.SKU == s.sku() {
						all = append(all, e.Event.Kind())
					}
				}
				if len(page) < limit || after.SKU > s.sku() {
					break
				}
			}
			assert.Equal(s, want, all, "events of all products since %s in pages of %d", since, limit)
		}
	}
}
