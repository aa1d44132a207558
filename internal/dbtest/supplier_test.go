package dbtest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestABatchHasASupplier(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		store := e.store(t, e.new(t).open(t), nil)
		require.NoError(t, store.Migrate(context.Background()))
		service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
		require.NoError(t, err)
		require.NoError(t, service.AddBatch(t.Context(),
			allocation.Batch{Ref: "b", SKU: "s", Purchased: 1, Supplier: "Kraft"}))
		states, err := store.Load(t.Context(), allocation.Query{SKUs: []allocation.SKU{"s"}, Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, "Kraft", states[0].Batches[0].Supplier)
	})
}
