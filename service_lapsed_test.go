package allocation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// overtaken is a store whose lapsed holds have been cleared away by somebody else before the product
// is read.
type overtaken struct {
	*memory.Store
	asked int
}

func (o *overtaken) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if !q.Lapsed {
		return o.Store.Load(ctx, q)
	}
	if o.asked++; o.asked > 3 {
		return nil, errors.New("asked again and again")
	}
	return o.Store.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"LAMP"}, Now: q.Now, Limit: q.Limit})
}

func TestR7_ReleaseLapsedEndsWhenOthersWereFaster(t *testing.T) {
	store := &overtaken{Store: memory.New()}
	require.NoError(t, store.Seed(stock("b1", "LAMP", 1)))
	released, err := newService(t, allocation.NewUnitOfWork(store, nil), nil).ReleaseLapsed(t.Context())
	require.NoError(t, err)
	assert.Zero(t, released)
	assert.Equal(t, 1, store.asked)
}
