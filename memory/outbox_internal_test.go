package memory

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// A claim must not look at products without unsent events, of which there may be a million.
func TestClaimsLookAtProductsWithUnsentEventsOnly(t *testing.T) {
	store := New()
	for i := range 10 {
		sku := allocation.SKU(fmt.Sprint("SKU-", i))
		require.NoError(t, store.Seed(allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 5}))
		if i != 7 {
			require.NoError(t, store.Settle(t.Context(), outbox.Settlement{SKU: sku, Sent: 1}))
		}
	}
	assert.Equal(t, []allocation.SKU{"SKU-7"}, slices.Collect(maps.Keys(store.unsent)))
	failure := &outbox.Failure{Sequence: 1}
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{SKU: "SKU-7", Failure: failure}))
	assert.Len(t, store.unsent, 1, "products with unsent events after a failure")
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{SKU: "SKU-7", Sent: 1}))
	assert.Empty(t, store.unsent)
}

// The remaining events must not hold on to the array of the purged events.
func TestPurgeReleasesMemory(t *testing.T) {
	const n = 1000
	at := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	events := make([]allocation.Event, n)
	for i := range events {
		events[i] = allocation.LowStockSet{SKU: "LAMP", At: at}
	}
	store := New()
	require.NoError(t, store.Commit(t.Context(), []allocation.Changes{{SKU: "LAMP", Version: n, Events: events}}))
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{SKU: "LAMP", Sent: n - 1}))
	purged, err := store.Purge(t.Context(), at.Add(1))
	require.NoError(t, err)
	assert.Equal(t, int64(n-1), purged)
	assert.Less(t, cap(store.products["LAMP"].events), 10)
}
