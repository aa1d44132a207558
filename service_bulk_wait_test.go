package allocation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// Orders that may wait are judged in the order given, and wait in this order, in one chunk or in two.
func TestAllocateEachLetsOrdersWaitInTheOrderGiven(t *testing.T) {
	for name, service := range bulks {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			part, urgent := mayWait("part", "LAMP", 6), mayWait("urgent", "LAMP", 2)
			part.Split, part.Partial, urgent.Priority, urgent.HoldFor = true, true, 7, time.Hour
			orders := slices.Concat([][]allocation.Request{
				{want("o1", "LAMP", 3)}, {mayWait("o2", "LAMP", 4)}, {want("o3", "LAMP", 1)}, {part},
				{want("o4", "LAMP", 1)}, {urgent},
			}, single("LAMP", 0, chunk))
			for i := range orders[6:] {
				orders[6+i][0].Wait = true
			}
			each := service(t, store)
			given, errs := each.AllocateEach(t.Context(), orders)
			var short *allocation.OutOfStockError
			require.ErrorAs(t, errs[4], &short)
			assert.Zero(t, short.Shortages[0].Available)
			assert.Len(t, succeeded(errs), len(orders)-1)
			for i, wanted := range map[int][2]allocation.Quantity{
				0: {3, 0}, 1: {0, 4}, 2: {1, 0}, 3: {1, 5}, 5: {0, 2},
			} {
				line := given[i][0]
				assert.Equal(t, wanted, [2]allocation.Quantity{line.Quantity, line.Waiting}, "order %d", i)
			}
			queue := []allocation.OrderID{"urgent", "o2", "part"}
			for _, order := range orders[6:] {
				queue = append(queue, order[0].OrderID)
			}
			assert.Equal(t, queue, shop{t: t, store: store}.queue("LAMP"))
			again, errs := each.AllocateEach(t.Context(), orders)
			require.ErrorAs(t, errs[4], &short)
			errs[4] = nil
			assert.Equal(t, firstOnes(len(orders)), succeeded(errs))
			assert.Equal(t, given, again, "a repeat answers as the first call did")
		})
	}
}
