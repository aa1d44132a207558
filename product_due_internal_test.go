package allocation

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// manyBatches returns a product of the cache with so many batches, after the commit of an announcement.
func manyBatches(t *testing.T, n int, now time.Time) *Product {
	t.Helper()
	p, err := NewProduct("LAMP")
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, p.AddBatch(Batch{Ref: BatchRef(fmt.Sprint("b", i)), SKU: "LAMP", Purchased: 2}, now))
	}
	_, able := p.rebase(time.Time{})
	require.True(t, able)
	return p
}

// A new batch must not cost a look at all batches before, so that announcing a thousand batches is linear.
func TestANewBatchIsTheOnlyBatchLookedAt(t *testing.T) {
	now := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	for _, n := range []int{3, 300} {
		p := manyBatches(t, n, now)
		assert.Empty(t, p.unsettled(now), "batches to look at before an announcement beside %d batches", n)
		require.NoError(t, p.AddBatch(Batch{Ref: "new", SKU: "LAMP", Purchased: 1}, now))
		assert.Empty(t, p.unsettled(now), "batches to look at after an announcement beside %d batches", n)
		assert.Len(t, p.batches[p.steady.stored:], 1, "batches that a commit compares beside %d batches", n)
		assert.Equal(t, Quantity(2*n+1), p.unpromised(now))
		_, able := p.rebase(time.Time{})
		require.True(t, able)
		if n > fewBatches {
			assert.Len(t, p.places, n, "places that stay known")
		}
	}
}

// Any other command looks at all batches, and the commit writes what the command changed.
func TestAfterAnyOtherEventAllBatchesAreLookedAt(t *testing.T) {
	now := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	p := manyBatches(t, 300, now)
	require.NoError(t, p.AddBatch(Batch{Ref: "new", SKU: "LAMP", Purchased: 1}, now))
	p.asked = [][]OrderID{{"o1"}}
	_, err := p.Allocate(now, nil, Request{OrderLine: OrderLine{OrderID: "o1", SKU: "LAMP", Quantity: 2}})
	require.NoError(t, err)
	changes := p.Changes()
	assert.Len(t, changes.NewBatches, 1)
	assert.Len(t, changes.Batches, 1)
}

// A batch that is not for sale leaves the product, and index finds the batches behind at their new places.
func TestPlacesAfterABatchHasLeftTheProduct(t *testing.T) {
	now := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	p := manyBatches(t, 20, now)
	for i, blocked := range []string{"", "damaged", ""} {
		b := Batch{Ref: BatchRef(fmt.Sprint("new", i)), SKU: "LAMP", Purchased: 1, Blocked: blocked}
		require.NoError(t, p.AddBatch(b, now))
	}
	_, able := p.rebase(time.Time{})
	require.True(t, able)
	for i, ref := range []BatchRef{"new0", "new2"} {
		assert.Equal(t, 20+i, p.index(ref), "place of %q", ref)
	}
	assert.Equal(t, -1, p.index("new1"))
	assert.Equal(t, 7, p.index("b7"))
}

// A further load may bring the lines of a batch, which settle has to look at.
func TestAfterAFurtherLoadAllBatchesAreLookedAt(t *testing.T) {
	now := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	p := manyBatches(t, 300, now)
	require.NoError(t, p.learn(State{SKU: "LAMP", Version: p.read}, Query{Batch: "b1"}))
	assert.Len(t, p.unsettled(now), 300)
}
