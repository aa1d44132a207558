package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A cached product is used until the earliest hold of the product lapses, and read again after that: the units of the
// lapsed hold are in the warehouse and go before a shipment (R1).
func TestCachedProductIsReadAgainAtItsFirstExpiry(t *testing.T) {
	held := func(order allocation.OrderID, minutes int) allocation.Request {
		r := want(order, "LAMP", 4)
		r.HoldUntil = morning.Add(time.Duration(minutes) * time.Minute)
		return r
	}
	for name, tt := range map[string]struct{ others, mine []allocation.Request }{
		"a hold of this process":          {nil, []allocation.Request{held("o1", 1)}},
		"the first of two":                {nil, []allocation.Request{held("o1", 1), held("o2", 2)}},
		"the second of two":               {nil, []allocation.Request{held("o1", 2), held("o2", 1)}},
		"after another process held more": {[]allocation.Request{held("o1", 2)}, []allocation.Request{held("o2", 1)}},
		"a hold of another process":       {[]allocation.Request{held("o1", 1)}, []allocation.Request{held("o2", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			later := stock("b2", "LAMP", 10)
			later.ETA = morning.AddDate(0, 0, 1)
			p := newProcesses(t, settings{}, stock("b1", "LAMP", 10), later)
			for _, r := range tt.others {
				_, err := p.two.Allocate(t.Context(), r)
				require.NoError(t, err)
			}
			_, err := p.one.Allocate(t.Context(), tt.mine...)
			require.NoError(t, err)

			p.clock.Set(morning.Add(time.Minute - time.Microsecond))
			_, loads, _, err := p.allocate(t, want("before", "LAMP", 2))
			require.NoError(t, err)
			assert.Zero(t, loads, "reads before a hold has lapsed")

			p.clock.Set(morning.Add(time.Minute))
			given, loads, _, err := p.allocate(t, want("after", "LAMP", 4))
			require.NoError(t, err)
			assert.Positive(t, loads, "reads once a hold has lapsed")
			assert.Equal(t, []allocation.Part{part("b1", 4, 0)}, given[0].Parts)
		})
	}
}

// The cache holds as many products as the option allows; a further product takes the place of another.
func TestCacheHoldsAsManyProductsAsAllowed(t *testing.T) {
	skus := []allocation.SKU{"DESK", "LAMP", "SOFA"}
	for cached := range len(skus) + 1 {
		s, _, _ := watched(t, allocation.UnitOfWorkOptions{})
		require.NoError(t, s.Seed(stock("b3", "DESK", 5)))
		service := serve(t, s, settings{service: allocation.ServiceOptions{CacheSize: max(cached, 1)}})
		if cached == 0 {
			service = serve(t, s, settings{service: allocation.ServiceOptions{CacheSize: -1}})
		}
		var lines []allocation.Request
		for _, sku := range skus {
			_, err := service.Allocate(t.Context(), want("o1", sku, 1))
			require.NoError(t, err)
			lines = append(lines, want("o2", sku, 1))
		}
		s.queries = nil
		_, err := service.Allocate(t.Context(), lines...)
		require.NoError(t, err)
		read := 0
		for _, q := range s.queries {
			read += len(q.SKUs)
		}
		assert.Equal(t, len(skus)-cached, read, "products that were read, with room for %d of %d", cached, len(skus))
	}
}
