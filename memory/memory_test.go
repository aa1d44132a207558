package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)

func seeded(t *testing.T) (*memory.Store, *allocation.Service) {
	t.Helper()
	store := memory.New()
	require.NoError(t, store.Seed(allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 5}))
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	require.NoError(t, err)
	return store, service
}

func want(order allocation.OrderID, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: "LAMP", Quantity: quantity}}
}

func TestNilAndEndedContextsAreRefused(t *testing.T) {
	store, _ := seeded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Load(ctx, allocation.Query{})
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, store.Commit(ctx, nil), context.Canceled)
	_, err = store.Audit(ctx, "LAMP")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = store.Events(ctx, "LAMP", 0, 1)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = store.Load(nil, allocation.Query{}) //nolint:staticcheck // the test passes a nil context on purpose
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}
