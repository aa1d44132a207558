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
	if !q.Due {
		return o.Store.Load(ctx, q)
	}
	if o.asked++; o.asked > 3 {
		return nil, errors.New("asked again and again")
	}
	return o.Store.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"LAMP"}, Now: q.Now, Limit: q.Limit})
}

func TestR7_SweepEndsWhenOthersWereFaster(t *testing.T) {
	store := &overtaken{Store: memory.New()}
	require.NoError(t, store.Seed(stock("b1", "LAMP", 1)))
	released, err := newService(t, allocation.NewUnitOfWork(store, nil), nil).Sweep(t.Context())
	require.NoError(t, err)
	assert.Zero(t, released)
	assert.Equal(t, 2, store.asked, "queries: for a page of products, and for the product")
}

func TestSweepIsLinearAndSaysHowFarItGot(t *testing.T) {
	for name, with := range everyWay {
		t.Run(name, func(t *testing.T) {
			f := flood(t, 10*floodPage, 10*floodPage)
			before := f.version(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			commits := 0
			f.before = func([]allocation.Changes) {
				if commits++; commits == 6 {
					cancel()
				}
			}
			service := f.service(t, with)
			released, err := service.Sweep(ctx)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, 20*floodPage-f.holds(t), released, "lines released before the context ended")
			assert.Positive(t, released)

			again, err := service.Sweep(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 20*floodPage, released+again, "lines released")
			assert.LessOrEqual(t, f.read, 24*floodPage, "lines read, with a page for each look for products")
			assert.LessOrEqual(t, f.most, floodPage, "lines in memory")
			f.told(t, service, before)
		})
	}
}
