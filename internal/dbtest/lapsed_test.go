package dbtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// The order's line is found twice, by order and SKU and as a lapsed hold, and must be counted once.
func TestTheUnitsOfAnOwnLapsedHoldAreCountedOnce(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		_, store := e.fresh(t)
		service, clock := serviceOn(t, store)
		var lines []allocation.Request
		for _, sku := range []allocation.SKU{"chair", "desk", "lamp"} {
			batch := allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 10}
			require.NoError(t, service.AddBatch(t.Context(), batch))
			line := firm("o", sku, 6)
			line.HoldUntil = start.Add(time.Minute)
			lines = append(lines, line)
		}
		_, err := service.Allocate(t.Context(), lines...)
		require.NoError(t, err)
		clock.Advance(time.Hour)

		var want []allocation.Shortage
		for i := range lines {
			lines[i] = firm("o", lines[i].SKU, 11)
			want = append(want, allocation.Shortage{OrderLine: lines[i].OrderLine, Available: 10})
		}
		_, err = service.Allocate(t.Context(), lines...)
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short, "11 of 10 units")
		require.Equal(t, want, short.Shortages)
	})
}
