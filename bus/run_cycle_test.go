package bus_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
)

// seesaw subscribes a handler to allocate a line and a handler to cancel the line, so that each causes the other's
// next event without end.
func (s *shop) seesaw(sku allocation.SKU) {
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if e.SKU != sku {
			return nil
		}
		_, err := s.Cancel(ctx, e.OrderID, sku)
		return err
	})
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineDeallocated) error {
		if e.SKU != sku {
			return nil
		}
		return s.allocate(ctx, e.OrderID, sku)
	})
}

// chain subscribes a handler to allocate another order after each order, length times.
func (s *shop) chain(sku allocation.SKU, length int) {
	bus.Subscribe(s.Bus, func(ctx context.Context, e allocation.LineAllocated) error {
		if e.SKU != sku || length == 0 {
			return nil
		}
		length--
		return s.allocate(ctx, e.OrderID+"+", sku)
	})
}

func TestAnEndlessCycleEndsAndIsReportedOnce(t *testing.T) {
	for name, limit := range map[string]struct{ set, is int }{
		"default": {0, 1000},
		"of 1":    {1, 1},
		"of 7":    {7, 7},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, limit.set, "CHAIR")
			kinds := s.kinds()
			s.seesaw("CHAIR")
			require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"), "the command succeeds")
			assert.Len(t, *kinds, 1+limit.is, "the first event, and as many as the limit")
			require.Len(t, s.reports(), 1)
			assert.ErrorIs(t, s.reports()[0], bus.ErrCycle)
			assert.ErrorContains(t, s.reports()[0], fmt.Sprintf("more than %d from LineAllocated", limit.is))
			product, _ := s.store.Product("CHAIR")
			assert.Equal(t, int64(1+1+limit.is+1), product.Version, "the commit beyond the limit stands, too")
		})
	}
}

func TestEventsWithinTheLimitAreNoCycle(t *testing.T) {
	s := open(t, 7, "LAMP")
	heard := s.listen()
	s.chain("LAMP", 7)
	require.NoError(t, s.allocate(t.Context(), "o", "LAMP"))
	assert.Len(t, heard(), 8)
	assert.Empty(t, s.reports())
}

func TestACycleOfOneEventDoesNotLimitOtherEvents(t *testing.T) {
	for name, skus := range map[string]struct{ cycle, chain allocation.SKU }{
		"chain after the cycle":  {"A", "B"},
		"chain before the cycle": {"B", "A"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 7, "A", "B")
			heard := map[allocation.SKU]int{}
			bus.Subscribe(s.Bus, func(_ context.Context, e allocation.LineAllocated) error {
				heard[e.SKU]++
				return nil
			})
			s.seesaw(skus.cycle)
			s.chain(skus.chain, 7)
			require.NoError(t, s.allocate(t.Context(), "o", "A", "B"))
			assert.Equal(t, 8, heard[skus.chain], "events of the chain")
			require.Len(t, s.reports(), 1)
			assert.ErrorIs(t, s.reports()[0], bus.ErrCycle)
			first := "SKU:" + string(skus.cycle)
			assert.ErrorContains(t, s.reports()[0], first, "the report names the first event of the cycle")
		})
	}
}

func TestEveryCycleIsReported(t *testing.T) {
	s := open(t, 7, "A", "B")
	s.seesaw("A")
	s.seesaw("B")
	require.NoError(t, s.allocate(t.Context(), "o", "A", "B"))
	require.Len(t, s.reports(), 2)
	for i, sku := range []string{"SKU:A", "SKU:B"} {
		assert.ErrorIs(t, s.reports()[i], bus.ErrCycle)
		assert.ErrorContains(t, s.reports()[i], sku)
	}
}

func TestACommitOfManyEventsIsNoCycle(t *testing.T) {
	s := open(t, 2, "CHAIR")
	heard := s.listen()
	var orders []allocation.Request
	for i := range 50 {
		line := allocation.OrderLine{OrderID: allocation.OrderID(fmt.Sprintf("o%d", i)), SKU: "CHAIR", Quantity: 1}
		orders = append(orders, allocation.Request{OrderLine: line})
	}
	_, err := s.Allocate(t.Context(), orders...)
	require.NoError(t, err)
	assert.Len(t, heard(), 50)
	assert.Empty(t, s.reports())
}

func TestEachCommandHasACountOfItsOwn(t *testing.T) {
	s := open(t, 3, "LAMP")
	for _, order := range []allocation.OrderID{"a", "b", "c"} {
		s.chain("LAMP", 1)
		require.NoError(t, s.allocate(t.Context(), order, "LAMP"))
	}
	assert.Empty(t, s.reports())
}
