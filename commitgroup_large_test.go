package allocation_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// linesOfOrders makes lines of so many orders for each product.
func linesOfOrders(orders int, skus ...allocation.SKU) (lines []allocation.Request) {
	for i := range orders {
		for _, sku := range skus {
			lines = append(lines, want(numbered("large", i), sku, 1))
		}
	}
	return lines
}

// An Allocate counts towards the size of a group with the lines of all orders, not with the number of products. Callers
// share a commit up to 512 lines, and a larger command is committed alone.
func TestACommandCountsWithAllItsLines(t *testing.T) {
	for name, tt := range map[string]struct {
		lines   []allocation.Request
		commits []int
	}{
		"what just fits beside another":  {linesOfOrders(511, "LAMP"), []int{1, 512, 2}},
		"what just doesn't fit":          {linesOfOrders(512, "LAMP"), []int{1, 1, 512, 2}},
		"several products, just fitting": {linesOfOrders(255, "LAMP", "SOFA")[:509], []int{1, 512}},
		"several products, not fitting":  {linesOfOrders(256, "LAMP", "SOFA"), []int{1, 1, 512, 2}},
		"5,000 orders for one product":   {linesOfOrders(5000, "LAMP"), []int{1, 1, 5000, 2}},
		"lines that repeat count as one": {slices.Repeat(linesOfOrders(509, "LAMP"), 2), []int{1, 512}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &lineCounts{gate: newGate(t, stock("b1", "LAMP", 1_000_000), stock("b2", "SOFA", 1_000_000))}
				service := serve(t, store, settings{})
				ended := []<-chan outcome{
					callAllocate(t.Context(), service, want("first", "LAMP", 1)),
					callAllocate(t.Context(), service, want("leader", "LAMP", 1)),
					callAllocate(t.Context(), service, tt.lines...),
					callAllocate(t.Context(), service, want("after", "LAMP", 1)),
					callAllocate(t.Context(), service, want("last", "LAMP", 1)),
				}
				close(store.let)
				for _, e := range ended {
					require.NoError(t, (<-e).err)
				}
				assert.Equal(t, tt.commits, store.lines, "new lines of each commit")
			})
		})
	}
}

// A chunk of an AllocateEach has at most 512 lines of all orders together, or a single larger order.
func TestAChunkCountsAllLines(t *testing.T) {
	for name, tt := range map[string]struct {
		size    int
		commits []int
	}{
		"two to a chunk":         {256, []int{512, 512}},
		"each a chunk":           {300, []int{300, 300, 300, 300}},
		"each more than a chunk": {600, []int{600, 600, 600, 600}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &lineCounts{gate: newGate(t, stock("b1", "LAMP", 1_000_000))}
				close(store.let)
				var orders [][]allocation.Request
				for i := range 4 {
					var lines []allocation.Request
					for k := range tt.size {
						lines = append(lines, want(numbered("o", i, k), "LAMP", 1))
					}
					orders = append(orders, lines)
				}
				_, errs := serve(t, store, settings{}).AllocateEach(t.Context(), orders)
				for _, err := range errs {
					require.NoError(t, err)
				}
				assert.Equal(t, tt.commits, store.lines, "new lines of each commit")
			})
		})
	}
}
