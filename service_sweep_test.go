package allocation_test

import (
	"context"
	"errors"
	"testing"
	"time"

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

// shipped returns a shop with a shipment of 9 lamps that is late for so many lines, and a spy on the store.
func shipped(t *testing.T, lines, page int) (*spy, *allocation.Service) {
	t.Helper()
	clock := memory.NewClock(morning)
	s := &spy{Store: memory.New()}
	units := allocation.NewUnitOfWork(s, &allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: page})
	service := newService(t, units, &allocation.ServiceOptions{CacheSize: -1})
	shipment := stock("b1", "LAMP", 9)
	shipment.ETA = morning.Add(time.Hour)
	require.NoError(t, service.AddBatch(t.Context(), shipment))
	for i := range lines {
		dated := want(numbered("o", i), "LAMP", 1)
		dated.NeededBy = morning.Add(2 * time.Hour)
		_, err := service.Allocate(t.Context(), dated)
		require.NoError(t, err)
	}
	clock.Advance(3 * time.Hour)
	s.queries, s.commits = nil, nil
	return s, service
}

// A sweep reads all lines of a shipment that is due, or ends with the error of the read.
func TestSweepReadsTheLinesOfALateShipment(t *testing.T) {
	_, service := shipped(t, 3, 1)
	swept, err := service.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, swept, "lines that are late")

	s, service := shipped(t, 3, 100)
	s.FailLoad(nil, nil, errBroken) // what is due is read, and the product
	swept, err = service.Sweep(t.Context())
	require.ErrorIs(t, err, errBroken)
	assert.Zero(t, swept)
	assert.Empty(t, s.commits)
}

// A batch that is due for another reason than a line that needs its units costs no read of its lines.
func TestSweepReadsNoLinesOfABatchThatExpires(t *testing.T) {
	for name, eta := range map[string]time.Time{"arrived": {}, "on the way": morning.Add(3 * time.Hour)} {
		clock := memory.NewClock(morning)
		s := &spy{Store: memory.New()}
		units := allocation.NewUnitOfWork(s, &allocation.UnitOfWorkOptions{Now: clock.Now})
		service := newService(t, units, nil)
		milk := stock("b1", "MILK", 9)
		milk.ETA, milk.BestBefore = eta, morning.Add(4*time.Hour)
		require.NoError(t, service.AddBatch(t.Context(), milk))
		clock.Advance(5 * time.Hour)
		s.queries = nil
		swept, err := service.Sweep(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, swept, name)
		for _, q := range s.queries {
			assert.Empty(t, q.Batch, name)
		}
	}
}

// vanished is a store whose product has gone by the time of the sweep.
type vanished struct{ *memory.Store }

func (v vanished) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if q.Due && len(q.SKUs) > 0 {
		return nil, nil
	}
	return v.Store.Load(ctx, q)
}

func TestSweepCountsNothingOfAProductThatIsGone(t *testing.T) {
	s := floodedShop(t, 3)
	units := allocation.NewUnitOfWork(vanished{s.store}, &allocation.UnitOfWorkOptions{Now: s.clock.Now})
	swept, err := newService(t, units, nil).Sweep(t.Context())
	require.NoError(t, err)
	assert.Zero(t, swept)
}
