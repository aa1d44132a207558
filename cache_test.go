package allocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// processes are two Services over one store, as in two processes, with a count of the reads of the
// first.
type processes struct {
	store     *watchedStore
	clock     *memory.Clock
	one, two  *allocation.Service
	twosUnits allocation.UnitOfWork
}

// watchedStore counts the calls of one process.
type watchedStore struct {
	*memory.Store
	loads, commits int
}

func (c *watchedStore) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	c.loads++
	return c.Store.Load(ctx, q)
}

func (c *watchedStore) Commit(ctx context.Context, changes []allocation.Changes) error {
	c.commits++
	return c.Store.Commit(ctx, changes)
}

// lockableWatched is a watchedStore with locks; within one process nothing has to be locked.
type lockableWatched struct{ *watchedStore }

func (l lockableWatched) Locked(_ context.Context, fn func(allocation.Store) error) error {
	return fn(l.watchedStore)
}

func newProcesses(t *testing.T, with settings, batches ...allocation.Batch) *processes {
	t.Helper()
	shared := memory.New()
	require.NoError(t, shared.Seed(batches...))
	p := &processes{store: &watchedStore{Store: shared}, clock: memory.NewClock(morning)}
	with.units.Now, with.units.Backoff = p.clock.Now, 1
	if with.units.LockFirst {
		p.one = serve(t, lockableWatched{p.store}, with)
	} else {
		p.one = serve(t, p.store, with)
	}
	p.twosUnits = allocation.NewUnitOfWork(shared, &allocation.UnitOfWorkOptions{Now: p.clock.Now})
	p.two = newService(t, p.twosUnits, nil)
	return p
}

// allocate places a line in the first process, and returns the number of reads and of commits tried.
func (p *processes) allocate(
	t *testing.T, r allocation.Request,
) (given []allocation.Allocation, loads, commits int, err error) {
	t.Helper()
	p.store.loads, p.store.commits = 0, 0
	given, err = p.one.Allocate(t.Context(), r)
	return given, p.store.loads, p.store.commits, err
}

// warm leaves a cached product in the first process.
func (p *processes) warm(t *testing.T, r allocation.Request) {
	t.Helper()
	_, _, _, err := p.allocate(t, r)
	require.NoError(t, err)
}

func TestCachedProductNeedsNoRead(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 10))
	p.warm(t, want("o1", "LAMP", 1))
	given, loads, commits, err := p.allocate(t, want("o2", "LAMP", 2))
	require.NoError(t, err)
	assert.Equal(t, allocation.Quantity(2), given[0].Quantity)
	assert.Zero(t, loads, "reads")
	assert.Equal(t, 1, commits, "commits")
}

func TestCacheCanBeTurnedOff(t *testing.T) {
	for name, opts := range map[string]settings{
		"negative CacheSize": {service: allocation.ServiceOptions{CacheSize: -1}},
		"NoGroupCommit":      {service: allocation.ServiceOptions{NoGroupCommit: true}},
		"LockFirst":          {units: allocation.UnitOfWorkOptions{LockFirst: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcesses(t, opts, stock("b1", "LAMP", 10))
			p.warm(t, want("o1", "LAMP", 1))
			_, loads, _, err := p.allocate(t, want("o2", "LAMP", 1))
			require.NoError(t, err)
			assert.Equal(t, 1, loads, "reads")
		})
	}
}

func TestCachedProductsAreBounded(t *testing.T) {
	p := newProcesses(t, settings{service: allocation.ServiceOptions{CacheSize: 2}},
		stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b3", "DESK", 10), stock("b4", "VASE", 10))
	skus := []allocation.SKU{"LAMP", "SOFA", "DESK", "VASE"}
	for _, sku := range skus {
		p.warm(t, want("o1", sku, 1))
	}
	lines := make([]allocation.Request, 0, len(skus))
	for _, sku := range skus {
		lines = append(lines, want("o2", sku, 1))
	}
	p.store.loads = 0
	_, err := p.one.Allocate(t.Context(), lines...)
	require.NoError(t, err)
	assert.Equal(t, 1, p.store.loads, "reads, since at most two of four are cached")
}

// An answer without a commit comes from a fresh read, whatever another process has done between two
// calls of this process.
func TestAnswersWithoutACommitComeFromAFreshRead(t *testing.T) {
	held := func(order allocation.OrderID) allocation.Request {
		r := want(order, "LAMP", 6)
		r.HoldUntil = morning.Add(time.Minute)
		return r
	}
	place := func(s *allocation.Service, requests ...allocation.Request) error {
		_, err := s.Allocate(context.Background(), requests...)
		return err
	}
	rows := []struct {
		name   string
		first  allocation.Request
		other  func(ctx context.Context, p *processes) error
		then   allocation.Request
		given  allocation.Quantity
		short  bool // given is the available quantity
		reason error
	}{
		{"another sells out", want("o1", "LAMP", 1), func(_ context.Context, p *processes) error {
			return place(p.two, want("o2", "LAMP", 9))
		}, want("o3", "LAMP", 1), 0, true, nil},
		{"a line was cancelled: enough stock", want("o1", "LAMP", 9), func(ctx context.Context, p *processes) error {
			_, err := p.two.Cancel(ctx, "o1")
			return err
		}, want("o3", "LAMP", 10), 10, false, nil},
		{"the line was cancelled: no repeat", want("o1", "LAMP", 4), func(ctx context.Context, p *processes) error {
			_, err := p.two.Cancel(ctx, "o1")
			return err
		}, want("o1", "LAMP", 5), 5, false, nil},
		{"another cuts the batch", want("o1", "LAMP", 1), func(ctx context.Context, p *processes) error {
			_, err := p.two.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b1", Quantity: 2, At: morning})
			return err
		}, want("o3", "LAMP", 2), 1, true, nil},
		{"a hold of this one's lapses", held("o1"), func(_ context.Context, p *processes) error {
			p.clock.Set(morning.Add(time.Minute))
			return nil
		}, want("o3", "LAMP", 10), 10, false, nil},
		{"a hold of another's lapses", want("o1", "LAMP", 1), func(_ context.Context, p *processes) error {
			err := place(p.two, held("o2"))
			p.clock.Set(morning.Add(time.Minute))
			return err
		}, want("o3", "LAMP", 9), 9, false, nil},
		{"the call is repeated", want("o1", "LAMP", 3), func(context.Context, *processes) error {
			return nil
		}, want("o1", "LAMP", 3), 3, false, nil},
		{"another changes the line", want("o1", "LAMP", 3), func(ctx context.Context, p *processes) error {
			_, err := p.two.ChangeLine(ctx, want("o1", "LAMP", 4).OrderLine)
			return err
		}, want("o1", "LAMP", 3), 0, false, allocation.ErrMismatch},
		{"a host's unit of work takes the rest", want("o1", "LAMP", 1), func(ctx context.Context, p *processes) error {
			return p.twosUnits.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
				lamp, err := products.Get(ctx, "LAMP", "o2")
				if err != nil {
					return err
				}
				_, err = lamp.Allocate(products.Now(), nil, want("o2", "LAMP", 9))
				return err
			})
		}, want("o3", "LAMP", 1), 0, true, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newProcesses(t, settings{}, stock("b1", "LAMP", 10))
			p.warm(t, row.first)
			require.NoError(t, row.other(t.Context(), p))
			given, loads, _, err := p.allocate(t, row.then)
			switch {
			case row.short:
				var short *allocation.OutOfStockError
				require.ErrorAs(t, err, &short)
				assert.Equal(t, row.given, short.Shortages[0].Available)
			case row.reason != nil:
				require.ErrorIs(t, err, row.reason)
			default:
				require.NoError(t, err)
				assert.Equal(t, []allocation.Part{part("b1", row.given, 0)}, given[0].Parts)
			}
			assert.Positive(t, loads, "reads")
			audit, err := p.two.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.False(t, audit.Drifted(), "%+v", audit)
		})
	}
}

// Only the commands of the Service itself use its cache.
func TestCachedProductIsNotSeenElsewhere(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 10))
	units := allocation.NewUnitOfWork(p.store, nil)
	service := newService(t, units, nil)
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	p.store.loads = 0
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		_, err := products.Get(ctx, "LAMP", "o1")
		return err
	}))
	assert.Equal(t, 1, p.store.loads, "reads")
}
